"""What a window costs: all detectors over the limit, each over rivals that do its part.

Processor time of one window of 12 metrics: medians of several runs in turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import combinations
from typing import Any, Final, TypeAlias

import numpy as np

from crackle_stream.detect.clustering.clusters import find_clusters
from crackle_stream.detect.correlation.correlations import find_correlations
from crackle_stream.detect.phase.phases import find_phases
from tests.bench import streams
from tests.bench.examined import ours
from tests.bench.spent import cpu_in_turns
from tests.bench.streams import Draw, Values
from tests.bench.table import Row, print_table
from tests.bench.window import columns_of, window_of

Work: TypeAlias = Callable[[], Any]
Rival: TypeAlias = Callable[[Values], None]

METRICS: Final = 12
MOST_RUNS: Final = 5
LIMITS: Final = {200: 0.06, 1000: 0.3}
"""Seconds that a window of so many rows may take."""
SMALL: Final = {24: 10, 60: 10}
"""Rows and metrics of windows that come by in numbers; they are held to the limit of 200 rows."""

STREAMS: Final[dict[str, Draw]] = {
    "normal": streams.normal,
    "lognormal": streams.lognormal,
    "counts": streams.counts,
    "mostly zeros": streams.sparse,
    "AR(.7)": streams.autoregressive,
    "random walk": streams.random_walk,
    "season": streams.season,
    "common step": streams.common_step,
}


def print_tables(draws: int, seed: int) -> None:
    """Print both tables of cost; a window is measured at most five times."""
    runs = min(draws, MOST_RUNS)
    shapes = [(n, METRICS) for n in LIMITS] + list(SMALL.items())
    print_table(
        "all four detectors on a window: CPU over the limit [fresh draws]",
        [f"{n} x {metrics}" for n, metrics in shapes],
        over_limits(shapes, runs, seed),
    )
    print_table(
        "one detector on 12 normal metrics: CPU over that of a rival [fresh draws]",
        [f"n = {n}" for n in LIMITS],
        over_rivals(runs, seed),
    )


def over_limits(shapes: list[tuple[int, int]], runs: int, seed: int) -> Iterator[Row]:
    """Give, for each stream and shape, the share of the time allowed."""
    for name, draw in STREAMS.items():
        windows = [draw(np.random.default_rng(seed), n, metrics) for n, metrics in shapes]
        spent = _spent([partial(ours, values) for values in windows], runs)
        limits = [LIMITS.get(n, LIMITS[200]) for n, _ in shapes]
        yield name, [one / limit for one, limit in zip(spent, limits, strict=True)]


def over_rivals(runs: int, seed: int) -> Iterator[Row]:
    """Give the ratio to each rival that is installed."""
    windows = [streams.normal(np.random.default_rng(seed), n, METRICS) for n in LIMITS]
    for (detector, name), (package, rival) in RIVALS.items():
        if find_spec(package) is None:
            print(f"{package} is not installed: no {name}")
            continue
        pairs = [(DETECTORS[detector](values), partial(rival, values)) for values in windows]
        spent = [_spent(pair, runs) for pair in pairs]
        yield f"{detector}, {name}", [mine / theirs for mine, theirs in spent]


def _spent(works: Sequence[Work], runs: int) -> list[float]:
    for work in works:
        work()
    return cpu_in_turns(works, runs)


def phases(values: Values) -> Work:
    """Look for changes in every metric."""
    view, roles, _ = window_of(columns_of(values))
    return partial(find_phases, view, roles)


def groups(values: Values) -> Work:
    """Look for groups of tasks."""
    return partial(find_clusters, *window_of(columns_of(values)))


def relations(values: Values) -> Work:
    """Look for correlated pairs."""
    return partial(find_correlations, *window_of(columns_of(values)))


def kernel(values: Values) -> None:
    """Search every metric with ruptures' compiled kernel method."""
    import ruptures

    for column in values.T:
        found = ruptures.KernelCPD(kernel="rbf", min_size=2).fit(column[:, None])
        found.predict(pen=3 * np.log(len(values)))


def pelt(values: Values) -> None:
    """Search every metric with PELT under an rbf cost, at every fifth place."""
    import ruptures

    for column in values.T:
        ruptures.Pelt(model="rbf").fit(column[:, None]).predict(pen=3 * np.log(len(values)))


def binary(values: Values) -> None:
    """Search every metric by binary segmentation under a squared cost."""
    import ruptures

    for column in values.T:
        found = ruptures.Binseg(model="l2").fit(column[:, None])
        found.predict(pen=3 * np.log(len(values)) * column.var())


def hdbscan(values: Values) -> None:
    """Look for groups with scikit-learn's HDBSCAN."""
    from sklearn.cluster import HDBSCAN

    HDBSCAN(min_cluster_size=max(5, len(values) // 20), copy=True).fit_predict(values)


def spearman(values: Values) -> None:
    """Test every pair with scipy."""
    from scipy import stats

    for one, other in combinations(values.T, 2):
        stats.spearmanr(one, other)


DETECTORS: Final[dict[str, Callable[[Values], Work]]] = {
    "phases": phases,
    "groups": groups,
    "correlations": relations,
}
RIVALS: Final[dict[tuple[str, str], tuple[str, Rival]]] = {
    ("phases", "KernelCPD rbf"): ("ruptures", kernel),
    ("phases", "PELT rbf, every 5th place"): ("ruptures", pelt),
    ("phases", "Binseg l2, every 5th place"): ("ruptures", binary),
    ("groups", "HDBSCAN"): ("sklearn", hdbscan),
    ("correlations", "66 x spearmanr"): ("scipy", spearman),
}
"""By detector and name: the package it is from, and how it is used."""
