"""Confidence said against share true, and false discoveries, on the planted mix.

``python -m tests.bench.calibration [--windows N] [--seed S]`` prints the tables on fresh draws, as
a table of ``tests.bench.quality`` does; ``--fit`` draws windows from seeds of its own, fits the map
of `crackle_stream.detect.confidence` to them and writes its numbers into that file.

``mix.py`` says what is planted, ``truth.py`` what is true. Each window goes through `examine` and
`accept` as one checkpoint, at all three rates. Patterns of one window stand and fall together, so
the intervals (Wilson, 95 %) count as many patterns as would give the variance between windows.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from msgspec import Struct
from scipy import optimize

from crackle_stream.clock import Deadline
from crackle_stream.detect import confidence
from crackle_stream.detect.confidence import Weight, weighed, weighed_as
from crackle_stream.detect.examine import examine
from crackle_stream.detect.significance import accept
from crackle_stream.detect.view import table_of, view_table
from crackle_stream.pattern import KINDS
from crackle_stream.profile import CoolingRate, ThermalProfile
from tests.bench.mix import draw_window
from tests.bench.streams import Values
from tests.bench.table import Row, print_table
from tests.bench.truth import is_true

RATES: Final = (CoolingRate.fast(), CoolingRate.normal(), CoolingRate.slow())
DEVELOPMENT: Final = 20_261_124
"""Seed of the windows that the map is fitted to."""
WINDOWS_A_DRAW: Final = 20
EDGES: Final = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
COLUMNS: Final = ("patterns", "said", "true", "from", "to")
USUAL, WITHIN = (0.0, 0.5, 0.5), (1.5, 0.5, 0.5)
"""Means and standard deviations of the normal priors of the fit, of the base and of what evidence
adds. They decide where next to nothing false was seen, or little at all."""
TABLE: Final = re.compile(
    r"(?<=^WEIGHTS: Final\[dict\[str, Weight\]\] = \{\n).*?(?=^\})", re.M | re.S
)


class Said(Struct, frozen=True):
    """A pattern that was said of a window at the fast rate, and whether it is true.

    Parameters
    ----------
    name
        The row of the map it is weighed by.
    evidence
        What its row of the map weighs.
    confidence
        What was said.
    true
        What holds.
    window
        Number of the window.
    rates
        Whether it is said at each of `RATES`.
    """

    name: str
    evidence: tuple[float, ...]
    confidence: float
    true: bool
    window: int
    rates: tuple[bool, ...]


def say(seed: int, number: int) -> list[Said]:
    """Draw a window, examine it, and judge all that is said of it."""
    window = draw_window(np.random.default_rng([seed, number]))
    profile = ThermalProfile.fast_cooling()
    found = examine(
        view_table(table_of(dict(window.columns))), profile, Deadline(None), members=True
    )
    said: list[Said] = []
    for detection in found.detections.values():
        fast, *others = [
            {one.pattern.id: one.pattern for one in accept([detection], rate, level_of(rate))}
            for rate in RATES
        ]
        said += [
            Said(
                name=weighed_as(pattern),
                evidence=weighed(pattern, pattern.evidence.q_value),
                confidence=pattern.confidence,
                true=is_true(pattern, window),
                window=number,
                rates=(True, *(pattern.id in other for other in others)),
            )
            for pattern in fast.values()
        ]
    return said


def level_of(rate: CoolingRate) -> float:
    """Give the level that each kind has at a single checkpoint."""
    return rate.false_discovery / len(KINDS)


def say_all(seed: int, windows: int) -> list[Said]:
    """Judge so many windows, on all cores."""
    with ProcessPoolExecutor() as pool:
        found = pool.map(partial(say, seed), range(windows), chunksize=16)
        return [one for window in found for one in window]


def print_tables(draws: int, seed: int) -> None:
    """Print all tables of calibration."""
    report(say_all(seed, WINDOWS_A_DRAW * draws), WINDOWS_A_DRAW * draws)


def report(said: Sequence[Said], windows: int) -> None:
    """Print the tables of what was said of so many windows."""
    for place, rate in enumerate(RATES):
        here = [one for one in said if one.rates[place]]
        print_table(f"said against true, {rate.name}, {windows} windows", COLUMNS, by_bin(here))
        columns = (*COLUMNS, "Brier", "off by")
        print_table(f"said against true by kind, {rate.name}", columns, by_name(here))
    print_table(
        "false patterns: level, share of all, mean share a window, share of all allowed for",
        ("level", "of all", "from", "to", "a window", "windows"),
        false_discoveries(said, windows),
    )


def by_bin(said: Sequence[Said]) -> Iterator[Row]:
    """Give patterns by the confidence they were said with."""
    for low, high in pairwise(EDGES):
        here = [one for one in said if low <= one.confidence < high]
        yield f"{low:.2f} to {high:.2f}", _against(here)


def by_name(said: Sequence[Said]) -> Iterator[Row]:
    """Give patterns by kind or form, and all, with Brier score and expected calibration error."""
    for name in sorted({one.name for one in said}):
        here = [one for one in said if one.name == name]
        yield name, (*_against(here), *_scores(here))
    yield "all", (*_against(said), *_scores(said))


def _against(said: Sequence[Said]) -> tuple[float | int | None, ...]:
    if not said:
        return 0, None, None, None, None
    mean = float(np.mean([one.confidence for one in said]))
    return len(said), mean, *share(np.array([one.true for one in said]), _windows(said))


def _scores(said: Sequence[Said]) -> tuple[float, float]:
    """Brier score, and mean distance of said from true over the bins."""
    told, true = np.array([(one.confidence, one.true) for one in said], np.float64).T
    place = np.searchsorted(EDGES, told, side="right")
    off = np.abs(np.bincount(place, told) - np.bincount(place, true)).sum()
    return float(np.mean((told - true) ** 2)), float(off / len(said))


def _windows(said: Sequence[Said]) -> Values:
    return np.unique([one.window for one in said], return_inverse=True)[1]


def share(hits: Values, windows: Values) -> tuple[float, float, float]:
    """Give a share, and Wilson's interval for as many as are worth what differs by window."""
    n, mean = len(hits), float(np.mean(hits))
    between = np.bincount(windows, hits - mean)
    variance = float(np.sum(between**2)) / n**2
    apart = len(between)
    worth = min(n, mean * (1 - mean) / variance) if 0 < mean < 1 and variance > 0 else apart
    z = 1.96
    middle = (mean + z**2 / (2 * worth)) / (1 + z**2 / worth)
    half = z / (1 + z**2 / worth) * (mean * (1 - mean) / worth + z**2 / (4 * worth**2)) ** 0.5
    return mean, max(middle - half, 0.0), min(middle + half, 1.0)


def false_discoveries(said: Sequence[Said], windows: int) -> Iterator[Row]:
    """Give the share of false patterns at each rate: of all, and on average over all windows."""
    for place, rate in enumerate(RATES):
        here = [one for one in said if one.rates[place]]
        number, false = _windows(here), np.array([not one.true for one in here])
        shares = np.bincount(number, false) / np.bincount(number)
        yield (
            rate.name,
            (
                rate.false_discovery,
                *share(false, number),
                float(shares.sum() / windows),
                float(np.count_nonzero(shares) / windows),
            ),
        )


def fit(said: Sequence[Said]) -> dict[str, Weight]:
    """Fit the map: for each row the likeliest weights under their priors."""
    found = {}
    for name in sorted({one.name for one in said}):
        here = [one for one in said if one.name == name]
        evidence = np.array([(1.0, *one.evidence) for one in here])
        kept = evidence.any(axis=0)
        weights = likeliest(evidence[:, kept], np.array([one.true for one in here]))
        found[name] = Weight(*(round(float(weight), 2) for weight in weights))
    return found


def likeliest(evidence: Values, true: Values) -> Values:
    """Give the weights of a logistic regression, none but the first of them negative."""
    usual, within = np.array([USUAL, WITHIN])[:, : evidence.shape[1]]

    def loss(weights: Values) -> float:
        odds = evidence @ weights
        unlikely = np.sum(np.logaddexp(0, odds) - true * odds)
        return float(unlikely + np.sum(((weights - usual) / within) ** 2) / 2)

    bounds = [(None, None), (0, None), (0, None)][: evidence.shape[1]]
    found: Values = optimize.minimize(loss, usual, bounds=bounds).x
    return found


def write(weights: dict[str, Weight]) -> None:
    """Write the numbers of the map into its file; forms that were not said keep theirs."""
    weights = confidence.WEIGHTS | weights
    path = Path(str(confidence.__file__))
    rows = "".join(f'    "{name}": {_row(weight)},\n' for name, weight in weights.items())
    path.write_text(TABLE.sub(rows, path.read_text("utf-8")), "utf-8")
    print(rows, end="")


def _row(weight: Weight) -> str:
    more = (weight.steadiness,) if weight.steadiness else ()
    return f"Weight({', '.join(str(one) for one in (weight.base, weight.digits, *more))})"


def main() -> None:
    """Print the tables, or fit the map."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--windows", type=int, default=1_000, help="default: 1,000")
    parser.add_argument("--seed", type=int, help="of the draws; fresh by default")
    parser.add_argument("--fit", action="store_true", help="write the map anew")
    asked = parser.parse_args()
    if asked.fit:
        write(fit(say_all(DEVELOPMENT, asked.windows)))
        return
    seed = asked.seed
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    print(f"seed {seed}")
    report(say_all(seed, asked.windows), asked.windows)


if __name__ == "__main__":
    main()
