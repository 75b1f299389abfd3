"""How sure the place of a change is: the places that fit nearly as well."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.detect.phase.segmentation import Cost

Floats = NDArray[np.float64]

DROP: Final = -2.0 * float(np.log1p(-np.sqrt(0.95)))
"""Rise of the cost, in noise variances, that 95 % of changes stay below.

Away from a change the cost of two pieces behaves like a random walk with drift on both sides; its
excess over the best place is twice the larger of two exponential variables (Siegmund, 1988,
Confidence sets in change-point problems, International Statistical Review 56).
"""

SMOOTH_DROP: Final = 3.84
"""The same for a bend: the 95 % point of chi-squared with one degree of freedom."""


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


def bend_interval(values: Floats, least: int, unit: float) -> tuple[int, int, int]:
    """Give where two lines that meet fit best, and the first and last place that fit as well.

    All splits are tried, each as a line and a hinge that opens there. Of a bend, unlike a jump,
    the likelihood is smooth: its interval is the usual one, of chi-squared with one degree of
    freedom (Feder, 1975, On asymptotic distribution theory in segmented regression problems,
    Annals of Statistics 3).

    Parameters
    ----------
    values
        Both pieces.
    least
        Fewest values on either side.
    unit
        As in `place_interval`.
    """
    n = len(values)
    time = np.arange(n) - (n - 1) / 2
    level, rise = np.full(n, 1 / np.sqrt(n)), time / np.sqrt(np.sum(time * time))
    left = values - level * np.sum(level * values) - rise * np.sum(rise * values)
    opened = np.arange(n - 1, -1, -1, dtype=np.float64)
    size = opened * (opened + 1) * (2 * opened + 1) / 6
    size = size - _after(level) ** 2 - _after(rise) ** 2
    splits = np.arange(least, n - least + 1)
    gain = _after(left)[splits] ** 2 / size[splits]
    near = splits[gain >= gain.max() - SMOOTH_DROP * unit]
    return int(splits[np.argmax(gain)]), int(near[0]), int(near[-1])


def _after(values: Floats) -> Floats:
    """Give the product of some values with the hinge that opens at each place."""
    steps = np.cumsum(values[::-1])[::-1]
    found: Floats = np.cumsum(steps[::-1])[::-1] - steps
    return found


def _profile(
    cost: Cost, start: int, at: int, stop: int, least: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    splits = np.arange(min(start + least, at), max(stop - least, at) + 1)
    first, last = np.full_like(splits, start), np.full_like(splits, stop)
    return splits, cost(first, splits) + cost(splits, last)
