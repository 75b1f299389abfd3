"""Print the table of phase transitions: ours beside ruptures, in one run.

``python tests/bench/phases.py [--windows N]``; needs the `bench` extra. Tuning looks at the
development series only; the held-out ones are measured and written down.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import ruptures
from numpy.typing import NDArray

from crackle_stream.detect.candidate import Candidate
from crackle_stream.detect.phase.phases import find_phases
from crackle_stream.detect.roles import find_roles
from crackle_stream.detect.view import table_of, view_table

Floats = NDArray[np.float64]
Detector = Callable[[Floats], list[int]]

SERIES = Path(__file__).parent / "data" / "change-points"
NIGHTLY = Path(__file__).parents[2] / "replay" / "nightly-benchmarks" / "nightly.jsonl"
HELD_OUT = (
    "co2_canada",
    "gdp_croatia",
    "lga_passengers",
    "quality_control_4",
    "shanghai_license",
    "usd_isk",
)
SIZE, LEVEL = 0.5, 0.0125
"""The gates at normal rate: least size, and the false discovery level of one kind."""


def passing(columns: dict[str, Floats]) -> list[Candidate]:
    """Give the candidates that pass the normal rate, by Benjamini-Hochberg."""
    view = view_table(table_of(dict(columns)))
    detection = find_phases(view, find_roles(view)).detection
    ordered = np.sort([found.p_value for found in detection.candidates])
    steps = LEVEL * np.arange(1, len(ordered) + 1) / detection.tested
    below = np.flatnonzero(ordered <= steps)
    limit = ordered[below[-1]] if len(below) else -1.0
    return [
        found
        for found in detection.candidates
        if found.p_value <= limit and (found.gate == "none" or found.size >= SIZE)
    ]


def ours(values: Floats) -> list[int]:
    """Give the places of the patterns at normal rate."""
    found = (candidate.pattern.at for candidate in passing({"x": values}))
    return sorted({at for at in found if at is not None})


def ours_all(values: Floats) -> list[int]:
    """Give the changes that the other detectors allow for."""
    view = view_table(table_of({"x": values}))
    return list(find_phases(view, find_roles(view)).changes.get("x", ()))


def rival(name: str) -> Detector:
    """Give a detector of ruptures with penalty 3 log n on standardised values."""
    search = {
        "Binseg": lambda: ruptures.Binseg(model="l2", min_size=2, jump=1),
        "PELT": lambda: ruptures.Pelt(model="l2", min_size=2, jump=1),
        "KernelCPD": lambda: ruptures.KernelCPD(kernel="rbf", min_size=2),
    }[name]

    def detect(values: Floats) -> list[int]:
        filled = np.where(np.isnan(values), np.nanmedian(values), values)
        scaled = (filled - filled.mean()) / (filled.std() or 1.0)
        ends = search().fit(scaled.reshape(-1, 1)).predict(pen=3 * np.log(len(values)))
        return [int(end) for end in ends[:-1]]

    return detect


DETECTORS: dict[str, Detector] = {
    "ours": ours,
    "ours, all changes": ours_all,
    **{name: rival(name) for name in ("Binseg", "PELT", "KernelCPD")},
    "nothing": lambda _: [],
}


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


def load(name: str) -> Floats:
    """Give one series; NaN where a value is absent."""
    raw = json.loads((SERIES / f"{name}.json").read_text())["series"][0]["raw"]
    return np.array([np.nan if value is None else value for value in raw], np.float64)


def benchmark() -> None:
    """Print F1 and covering on the development and on the held-out series."""
    marks = json.loads((SERIES / "annotations.json").read_text())
    parts = {
        "development": [name for name in marks if name not in HELD_OUT],
        "held out": list(HELD_OUT),
        "all 18": list(marks),
    }
    scores = {
        (detector, name): (
            f1(marks[name].values(), found),
            covering(marks[name].values(), found, n),
        )
        for name in marks
        for n, values in [(len(load(name)), load(name))]
        for detector, detect in DETECTORS.items()
        for found in [detect(values)]
    }
    print("F1 / covering       " + "".join(f"{part:>18}" for part in parts))
    for detector in DETECTORS:
        means = [np.mean([scores[detector, name] for name in names], 0) for names in parts.values()]
        print(f"{detector:20}" + "".join(f"{a:>10.3f} / {b:.3f}" for a, b in means))


def autoregressive(rng: np.random.Generator, n: int) -> Floats:
    """Give AR(.7) noise."""
    values = rng.normal(size=n + 50)
    for i in range(1, n + 50):
        values[i] += 0.7 * values[i - 1]
    return values[50:]


NULLS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "lognormal": lambda rng, n: rng.lognormal(size=n),
    "t3": lambda rng, n: rng.standard_t(3, size=n),
    "counts": lambda rng, n: rng.poisson(3, size=n).astype(float),
    "rare counts": lambda rng, n: rng.poisson(0.1, size=n).astype(float),
    "season 12": lambda rng, n: 2 * np.sin(np.arange(n) * np.pi / 6) + rng.normal(size=n),
    "season 7": lambda rng, n: np.resize(rng.normal(size=7) * 2, n) + rng.normal(size=n),
    "AR(.7)": autoregressive,
}


def nulls(windows: int) -> None:
    """Print the share of windows of ten null metrics with any change."""
    sizes = (24, 60, 200, 300, 1000)
    print("\nany change, ten metrics" + "".join(f"{n:>8}" for n in sizes))
    for name, draw in NULLS.items():
        rng = np.random.default_rng(2026)
        row = []
        for n in sizes:
            count = max(10, windows if n <= 300 else windows // 4)
            hits = [
                any(
                    c.pattern.form != "drift"
                    for c in passing({f"m{i}": draw(rng, n) for i in range(10)})
                )
                for _ in range(count)
            ]
            row.append(np.mean(hits))
        print(f"{name:23}" + "".join(f"{share:8.4f}" for share in row), flush=True)
    rng = np.random.default_rng(7)
    walks = [passing({"x": np.cumsum(rng.normal(size=200))}) for _ in range(windows)]
    drift = np.mean([[c.pattern.form for c in found] == ["drift"] for found in walks])
    print(f"single random walks of 200 called drift and nothing else: {drift:.3f}")


def power(windows: int) -> None:
    """Print hits within 5 rows, and windows with anything elsewhere, for one planted change."""
    plants: dict[str, Callable[[Floats], Floats]] = {
        "step of 1 sd": lambda tail: tail + 1,
        "step of 2 sd": lambda tail: tail + 2,
        "variance x 3": lambda tail: tail * np.sqrt(3),
        "spread x 3": lambda tail: tail * 3,
        "bend .05": lambda tail: tail + 0.05 * np.arange(len(tail)),
    }
    print("\nn = 200: hit within 5 / near (15) / elsewhere")
    for name, plant in plants.items():
        for label in ("ours", "Binseg", "PELT", "KernelCPD"):
            rng, tally = np.random.default_rng(11), np.zeros(3)
            for _ in range(windows):
                at, values = int(rng.integers(50, 150)), rng.normal(size=200)
                values[at:] = plant(values[at:])
                away = np.abs(np.array(DETECTORS[label](values), float) - at)
                tally += (away <= 5).any(), (away <= 15).any(), (away > 15).any()
            print(f"{name:14}{label:12}" + "".join(f"{share:8.3f}" for share in tally / windows))


def nightly() -> None:
    """Print what is found in the nightly benchmark runs, in time order."""
    rows = sorted(
        map(json.loads, NIGHTLY.read_text().splitlines()), key=lambda row: row["timestamp"]
    )
    name = "load_accepted"
    values = [next(m["value"] for m in row["metrics"] if m["name"] == name) for row in rows]
    found = passing({name: np.array(values, np.float64)})
    print("\nload_accepted:", [(c.pattern.at, c.pattern.form) for c in found])


def cost() -> None:
    """Print seconds of processor time for twelve metrics."""
    rng = np.random.default_rng(0)
    for n in (200, 1000, 16_384):
        view = view_table(table_of({f"m{i:02}": rng.normal(size=n) for i in range(12)}))
        roles = find_roles(view)
        start = time.process_time()
        find_phases(view, roles)
        print(f"{n:>6} x 12: {time.process_time() - start:.3f} s")


def main() -> int:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=200)
    windows = parser.parse_args().windows
    cost()
    benchmark()
    if NIGHTLY.exists():
        nightly()
    power(windows)
    nulls(windows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
