"""What a value of a rounded metric, or of one of few values, stands for: the cell around it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.stats.quantiles import median

Values = NDArray[np.float64]

_NEAR: Final = 2.0
"""Usual gaps up to which cells meet midway; in a wider one nothing lies."""


def cells(values: Values, step: float) -> tuple[Values, Values]:
    """Give the lower and the upper end of the cell that each value stands for.

    Values of few divide tasks by themselves, which is no finding. So the cells of neighbouring
    values meet, whatever the gap between them is, as long as that is not far wider than usual;
    beyond, a cell ends half of the usual gap away. Values of a continuous metric are their cells.

    Parameters
    ----------
    values
        Of one metric.
    step
        That its values are rounded to; 0 where they are not.

    Examples
    --------
    >>> low, high = cells(np.array([1.0, 1.0, 5.0, 5.0, 10.0, 10.0]), 1.0)
    >>> low.tolist(), high.tolist()
    ([-1.0, -1.0, 3.0, 3.0, 7.5, 7.5], [3.0, 3.0, 7.5, 7.5, 12.0, 12.0])
    """
    distinct, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    gaps = np.diff(distinct, prepend=-np.inf, append=np.inf)
    usual = max(step, usual_gap(gaps, counts))
    half = np.where(gaps <= _NEAR * usual, gaps, usual) / 2
    return (distinct - half[:-1])[place], (distinct + half[1:])[place]


def usual_gap(gaps: Values, counts: NDArray[np.intp]) -> float:
    """Give the median, over tasks, of the distance from a value to the nearest other one.

    A value that one task alone has counts as 0, so that only metrics of few values have a gap.
    """
    nearest = np.where(counts > 1, np.minimum(gaps[:-1], gaps[1:]), 0.0)
    return median(np.repeat(nearest, counts))
