"""A rival for all four detectors: thresholds alone, as the crate ``crackle-runtime`` has them.

Nothing here knows the sample size: a metric shifted where the means of both halves of the window
differ by half of the first, is conserved where its standard deviation is at most .3 of its mean,
is correlated where Pearson's coefficient is .7 or more, and tasks are a group where a task is
nearer to another than `cluster_threshold`. The numbers are those of the normal rate.
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from crackle_stream.profile import CoolingRate
from tests.bench.streams import Values

RATE = CoolingRate.normal()


def shifts(values: Values) -> list[int]:
    """Give the middle of the window where the mean of its second half is another."""
    middle = len(values) // 2
    before, after = np.nanmean(values[:middle]), np.nanmean(values[middle:])
    moved = abs(after - before) >= RATE.phase_transition_sensitivity * abs(before)
    return [middle] if moved else []


def kinds(values: Values) -> set[str]:
    """Give the kinds of pattern that thresholds alone see in a window."""
    return {name for name, found in _found(values).items() if found}


def _found(values: Values) -> dict[str, bool]:
    spread, mean = values.std(axis=0), np.abs(values.mean(axis=0))
    pairs = np.triu_indices(values.shape[1], 1)
    r = np.abs(np.corrcoef(values, rowvar=False)[pairs])
    groups = np.bincount(fcluster(linkage(values, "single"), RATE.cluster_threshold, "distance"))
    return {
        "phase_transition": any(shifts(column) for column in values.T),
        "conservation": bool((spread <= RATE.conservation_tolerance * mean).any()),
        "correlation": bool((r >= RATE.correlation_threshold).any()),
        "clustering": bool((groups >= RATE.min_tasks_for_detection).any()),
    }
