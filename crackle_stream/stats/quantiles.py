"""Median and quantiles of one complete series, as numpy gives them, at the price of the sorting.

On some hundred values `numpy.median` and `numpy.quantile` spend ten times as long on what else
they can do: axes, masks, weights, absent values and nine methods.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def median(values: Values) -> float:
    """Give the median of values without absent ones, at least one.

    Examples
    --------
    >>> median(np.array([3.0, 1.0, 2.0, 10.0]))
    2.5
    """
    half = len(values) // 2
    parted = np.partition(values, half)
    if len(values) % 2:
        return float(parted[half])
    return float((parted[:half].max() + parted[half]) / 2)


def quantile(values: Values, share: float) -> float:
    """Give one quantile of values in any order, by linear interpolation."""
    return sorted_quantiles(np.sort(values), (share,))[0]


def sorted_quantiles(ordered: Values, shares: Sequence[float]) -> list[float]:
    """Give quantiles of sorted values, by linear interpolation.

    Examples
    --------
    >>> sorted_quantiles(np.array([1.0, 2.0, 3.0, 10.0]), (0.5, 1.0))
    [2.5, 10.0]
    """
    last = len(ordered) - 1
    return [_between(ordered, last * share, last) for share in shares]


def _between(ordered: Values, place: float, last: int) -> float:
    before = int(place)
    low, high = float(ordered[before]), float(ordered[min(before + 1, last)])
    weight = place - before
    # From the nearer end, as numpy does, so that the last digit is the same.
    return low + (high - low) * weight if weight < 0.5 else high - (high - low) * (1 - weight)
