"""How sure the place of a change is: the places that fit nearly as well."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.detect.phase.segmentation import Cost

DROP: Final = -2.0 * float(np.log1p(-np.sqrt(0.95)))
"""Rise of the cost, in noise variances, that 95 % of changes stay below.

Away from a change the cost of two pieces behaves like a random walk with drift on both sides; its
excess over the best place is twice the larger of two exponential variables (Siegmund, 1988,
Confidence sets in change-point problems, International Statistical Review 56).
"""


def best_place(cost: Cost, start: int, at: int, stop: int, least: int) -> int:
    """Give the split of ``start:stop`` at which two pieces cost least."""
    splits, total = _profile(cost, start, at, stop, least)
    return int(splits[np.argmin(total)])


def place_interval(
    cost: Cost, start: int, at: int, stop: int, least: int, unit: float
) -> tuple[int, int]:
    """Give the first and last split whose cost is within `DROP` units of the one at `at`.

    Parameters
    ----------
    unit
        Cost that one unit of twice the log-likelihood stands for: the noise variance, times its
        inflation by dependence.
    """
    splits, total = _profile(cost, start, at, stop, least)
    near = splits[total <= total[splits == at] + DROP * unit]
    return int(near[0]), int(near[-1])


def _profile(
    cost: Cost, start: int, at: int, stop: int, least: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    splits = np.arange(min(start + least, at), max(stop - least, at) + 1)
    first, last = np.full_like(splits, start), np.full_like(splits, stop)
    return splits, cost(first, splits) + cost(splits, last)
