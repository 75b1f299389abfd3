"""Phase transitions: a public benchmark, noise, and planted changes; rivals beside ours.

Tuning looks at the development series only; the held-out ones are measured and written down.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from crackle_stream.detect.candidate import Candidate
from tests.bench import streams, thresholds
from tests.bench.streams import Draw, Values
from tests.bench.table import Row, print_table
from tests.bench.window import columns_of, said, window_of

Detector: TypeAlias = Callable[[Values], list[int]]
Says: TypeAlias = Callable[[Values], bool]

SERIES = Path(__file__).parent / "data" / "change-points"
HELD_OUT = (
    "co2_canada",
    "gdp_croatia",
    "lga_passengers",
    "quality_control_4",
    "shanghai_license",
    "usd_isk",
)
SIZES = (24, 60, 200, 300, 1000)

NULLS: dict[str, Draw] = {
    "normal": streams.normal,
    "lognormal": streams.lognormal,
    "student t3": streams.student,
    "counts": streams.poisson(3),
    "rare counts": streams.poisson(0.1),
    "season": streams.season,
    "weekly": streams.weekly,
    "AR(.7)": streams.autoregressive,
    "random walk": streams.random_walk,
    "random walk in noise": streams.noisy_walk,
    "random walk of t3 steps": streams.heavy_walk,
    "season, twice in the window": streams.long_season,
}

WANDERING: dict[str, Draw] = {
    name: NULLS[name] for name in ("AR(.7)", "random walk", "random walk in noise")
}

PLANTED: dict[str, Callable[[Values], Values]] = {
    "step of 1 sd": lambda tail: tail + 1,
    "step of 2 sd": lambda tail: tail + 2,
    "variance x 3": lambda tail: tail * np.sqrt(3),
    "spread x 3": lambda tail: tail * 3,
    "bend of .05 a row": lambda tail: tail + 0.05 * np.arange(len(tail)),
}


def print_tables(draws: int, seed: int) -> None:
    """Print all tables of phase transitions."""
    parts = ("development", "", "held out", "", "all 18", "")
    print_table("18 marked series: F1 and covering", parts, benchmark())
    print_table(
        "one planted change, n = 200: within 5 rows, within 15, elsewhere [fresh draws]",
        ("within 5", "15", "else"),
        power(draws, seed),
    )
    print_table(
        "a change but drift in ten metrics without: share of windows [fresh draws]",
        [str(size) for size in SIZES],
        nulls(draws, seed),
    )
    print_table(
        "one metric by itself: share called drift [fresh draws]",
        [str(size) for size in SIZES],
        drifts(draws, seed),
    )


def passing(columns: dict[str, Values]) -> list[Candidate]:
    """Give the candidates that pass the normal rate."""
    return said(window_of(columns, phased=True).phases.detection)


def ours(values: Values) -> list[int]:
    """Give the places of the patterns at normal rate."""
    found = (candidate.pattern.at for candidate in passing({"x": values}))
    return sorted({at for at in found if at is not None})


def allowed_for(values: Values) -> list[int]:
    """Give the changes that the other detectors allow for."""
    return list(window_of({"x": values}, phased=True).phases.changes.get("x", ()))


def rivals() -> dict[str, Detector]:
    """Give the rivals that are installed, each with one setting for everything."""
    return {**_ruptures(), **_otava(), "thresholds alone": thresholds.shifts}


def _ruptures() -> dict[str, Detector]:
    """Give the detectors of ruptures, each with penalty 3 log n on standardised values."""
    try:
        import ruptures
    except ImportError:
        print("ruptures is not installed: left out")
        return {}
    searches = {
        "Binseg l2": lambda: ruptures.Binseg(model="l2", min_size=2, jump=1),
        "PELT l2": lambda: ruptures.Pelt(model="l2", min_size=2, jump=1),
        "KernelCPD rbf": lambda: ruptures.KernelCPD(kernel="rbf", min_size=2),
    }
    return {name: _places(search) for name, search in searches.items()}


def _places(search: Callable[[], Any]) -> Detector:
    def detect(values: Values) -> list[int]:
        filled = _filled(values)
        scaled = (filled - filled.mean()) / (filled.std() or 1.0)
        ends = search().fit(scaled.reshape(-1, 1)).predict(pen=3 * np.log(len(values)))
        return [int(end) for end in ends[:-1]]

    return detect


def _otava() -> dict[str, Detector]:
    """Give the analysis of Apache Otava with its defaults."""
    try:
        from otava.analysis import compute_change_points
    except ImportError:
        print("apache-otava is not installed: left out")
        return {}

    def detect(values: Values) -> list[int]:
        try:
            return [int(one.index) for one in compute_change_points(_filled(values).tolist())[0]]
        except ValueError:  # it ends so where a change of its own has nothing on one side
            return []

    return {"Otava": detect}


def _filled(values: Values) -> Values:
    return np.where(np.isnan(values), np.nanmedian(values), values)


def f1(marks: Iterable[list[int]], found: list[int], margin: int = 5) -> float:
    """F1 of the benchmark: precision over all annotators' marks, recall averaged over them."""
    truths = [{0, *mark} for mark in marks]
    said = {0, *found}
    precision = len(_hits(set().union(*truths), said, margin)) / len(said)
    recall = np.mean([len(_hits(truth, said, margin)) / len(truth) for truth in truths])
    return float(2 * precision * recall / (precision + recall))


def _hits(truth: set[int], said: set[int], margin: int) -> set[int]:
    left, hits = set(said), set()
    for mark in sorted(truth):
        near = [(abs(mark - place), place) for place in left if abs(mark - place) <= margin]
        if near:
            hits.add(mark)
            left.remove(min(near)[1])
    return hits


def covering(marks: Iterable[list[int]], found: list[int], n: int) -> float:
    """Covering of the benchmark: best Jaccard overlap of each true piece, averaged."""
    said = _pieces(found, n)
    shares = []
    for mark in marks:
        best = [
            (b - a) * max(_overlap((a, b), piece) for piece in said) for a, b in _pieces(mark, n)
        ]
        shares.append(sum(best) / n)
    return float(np.mean(shares))


def _pieces(changes: list[int], n: int) -> list[tuple[int, int]]:
    bounds = [0, *sorted({at for at in changes if 0 < at < n}), n]
    return list(pairwise(bounds))


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> float:
    common = min(one[1], other[1]) - max(one[0], other[0])
    return max(common, 0) / (max(one[1], other[1]) - min(one[0], other[0]))


def load(name: str) -> Values:
    """Give one series; NaN where a value is absent."""
    raw = json.loads((SERIES / f"{name}.json").read_text())["series"][0]["raw"]
    return np.array([np.nan if value is None else value for value in raw], np.float64)


def benchmark() -> Iterator[Row]:
    """Give mean F1 and covering of the development series, of the held-out ones and of all."""
    marks = json.loads((SERIES / "annotations.json").read_text())
    detectors = {"ours": ours, "ours, all allowed for": allowed_for, **rivals()}
    parts = ([name for name in marks if name not in HELD_OUT], list(HELD_OUT), list(marks))
    for detector, detect in {**detectors, "nothing": lambda _: []}.items():
        scores = {name: _scores(marks[name].values(), load(name), detect) for name in marks}
        means = [np.mean([scores[name] for name in names], axis=0) for names in parts]
        yield detector, np.concatenate(means).tolist()


def _scores(marks: Iterable[list[int]], values: Values, detect: Detector) -> tuple[float, float]:
    found = detect(values)
    return f1(marks, found), covering(marks, found, len(values))


def power(draws: int, seed: int) -> Iterator[Row]:
    """Give shares of windows with a hit near a planted change, and with anything elsewhere."""
    for name, plant in PLANTED.items():
        for detector, detect in {"ours": ours, **rivals()}.items():
            tally = np.zeros(3)
            for turn in range(draws):
                rng = np.random.default_rng([seed, turn])
                at, values = int(rng.integers(50, 150)), rng.normal(size=200)
                values[at:] = plant(values[at:])
                away = np.abs(np.array(detect(values), float) - at)
                tally += (away <= 5).any(), (away <= 15).any(), (away > 15).any()
            yield f"{name}, {detector}", (tally / draws).tolist()


def nulls(draws: int, seed: int) -> Iterator[Row]:
    """Give the share of windows of ten null metrics with any change; drift is none.

    PELT is left out: it finds what binary segmentation finds, in hundreds of times its time.
    """
    others = {f", {name}": _any(detect) for name, detect in rivals().items() if name != "PELT l2"}
    for name, draw in NULLS.items():
        for detector, says in {"": _changed, **others}.items():
            yield name + detector, [_share(says, draw, size, draws, seed) for size in SIZES]


def _changed(values: Values) -> bool:
    return any(one.pattern.form != "drift" for one in passing(columns_of(values)))


def _any(detect: Detector) -> Says:
    return lambda values: any(detect(column) for column in values.T)


def _share(says: Says, draw: Draw, n: int, draws: int, seed: int) -> float:
    windows = (draw(np.random.default_rng([seed, turn]), n, 10) for turn in range(draws))
    return float(np.mean([says(values) for values in windows]))


def drifts(draws: int, seed: int) -> Iterator[Row]:
    """Give the share of single metrics of which is said that they drift."""
    for name, draw in WANDERING.items():
        yield name, [float(np.mean(_drifting(draw, size, draws, seed))) for size in SIZES]


def _drifting(draw: Draw, n: int, draws: int, seed: int) -> list[bool]:
    windows = (draw(np.random.default_rng([seed, turn]), n, 1) for turn in range(draws))
    return [
        any(one.pattern.form == "drift" for one in passing(columns_of(values)))
        for values in windows
    ]
