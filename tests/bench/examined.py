"""What all four detectors cost on one window, over rivals that do a part of it each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from crackle_stream.clock import Deadline
from crackle_stream.detect.examine import examine
from crackle_stream.detect.view import table_of, view_table
from crackle_stream.profile import ThermalProfile
from tests.bench.spent import cpu_in_turns
from tests.bench.streams import Values, common_step, lognormal, normal
from tests.bench.table import Row, print_table
from tests.bench.window import columns_of

SIZES, METRICS, RUNS = (200, 1000, 2000), 12, 3
STREAMS = {"normal": normal, "lognormal": lognormal, "common step": common_step}
WIDE, ROWS = (12, 24, 48), 300


def print_tables() -> None:
    """Print what a window costs, and how that grows."""
    print_table(
        f"all detectors on a window of {METRICS} metrics: CPU over ruptures' KernelCPD"
        " (rbf) of each metric, HDBSCAN and scipy's Spearman matrix together",
        [f"n = {n}" for n in SIZES],
        over_rivals(),
    )
    print_table(
        f"the same on {ROWS} tasks: CPU over that of half as many metrics",
        [str(metrics) for metrics in WIDE[1:]],
        growth(),
    )


def ours(values: Values) -> None:
    """Run every detector."""
    view = view_table(table_of(dict(columns_of(values))))
    examine(view, ThermalProfile(), Deadline(None))


def rivals(values: Values) -> None:
    """Look for changes metric by metric, for groups, and for pairs."""
    import ruptures
    from scipy import stats
    from sklearn.cluster import HDBSCAN

    penalty = 3 * np.log(len(values))
    for column in values.T:
        ruptures.KernelCPD(kernel="rbf", min_size=2).fit(column.reshape(-1, 1)).predict(pen=penalty)
    HDBSCAN(min_cluster_size=max(5, len(values) // 20), copy=True).fit_predict(values)
    stats.spearmanr(values)


def over_rivals() -> Iterator[Row]:
    """Give the ratio of processor time for each stream and length."""
    try:
        import ruptures  # noqa: F401
        import sklearn.cluster  # noqa: F401
    except ImportError:
        print("ruptures or scikit-learn is not installed: no rivals for a whole window")
        return
    for name, draw in STREAMS.items():
        drawn = [draw(np.random.default_rng(1), n, METRICS) for n in SIZES]
        yield name, [_ratio(partial(ours, one), partial(rivals, one)) for one in drawn]


def growth() -> Iterator[Row]:
    """Give how processor time grows from each number of metrics to twice as many."""
    for name, draw in STREAMS.items():
        works = [partial(ours, draw(np.random.default_rng(1), ROWS, metrics)) for metrics in WIDE]
        spent = cpu_in_turns(works, RUNS)
        yield name, [after / before for before, after in pairwise(spent)]


def _ratio(mine: Callable[[], Any], theirs: Callable[[], Any]) -> float:
    mine()
    theirs()
    one, other = cpu_in_turns([mine, theirs], RUNS)
    return one / other
