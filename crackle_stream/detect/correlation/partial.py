"""Partial correlation: whether a third metric explains a pair."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.detect.correlation.rank_correlation import correlation_p

Values = NDArray[np.float64]

_LEVEL: Final = 0.01
"""Level of the test of what a third metric leaves."""

_MOST_LEFT: Final = 0.35
"""Share of the correlation that may be left as chance: few rows cannot tell more from a part."""


def least_partial(correlations: Values, i: int, j: int) -> tuple[int, float] | None:
    """Give the third metric that explains the correlation of i and j best, and what it leaves.

    Only metrics that are closer to both than the two are to each other can explain a pair: in
    a chain of causes, or under a common cause, the middle one is.

    Parameters
    ----------
    correlations
        Square matrix of correlation coefficients.
    i, j
        The pair.

    Returns
    -------
    (int, float) or None
        The metric with the least ``|r|`` of i and j given it; None if none qualifies.

    References
    ----------
    G. U. Yule, On the theory of correlation for any number of variables, 1907.

    Examples
    --------
    >>> chain = np.array([[1.0, 0.8, 0.64], [0.8, 1.0, 0.8], [0.64, 0.8, 1.0]])
    >>> third, left = least_partial(chain, 0, 2)
    >>> third, round(left, 6) + 0.0
    (1, 0.0)
    """
    r, to_i, to_j = correlations[i, j], correlations[i], correlations[j]
    closer = np.minimum(np.abs(to_i), np.abs(to_j)) > abs(r)
    # A duplicate of either would leave 0 / 0.
    usable = closer & (np.maximum(np.abs(to_i), np.abs(to_j)) < 1 - 1e-9)
    usable[[i, j]] = False
    if not usable.any():
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        left = (r - to_i * to_j) / np.sqrt((1 - to_i**2) * (1 - to_j**2))
    third = int(np.argmin(np.where(usable, np.abs(left), np.inf)))
    return third, float(left[third])


def is_explained(scores: Values, i: int, j: int, third: int) -> bool:
    """Tell whether nothing but chance is left of a correlation beside a third metric.

    Null: what the third leaves of one metric's scores is independent of what it leaves of the
    other's. Each may remember its last value: as an autoregression of order one, which leaves
    ``(1 - ab) / (1 + ab)`` of the rows as independent ones, a and b being the autocorrelations.
    It is explained if Student's t on so many rows does not reject that at .01, and if little of the
    coefficient is left.

    Parameters
    ----------
    scores
        Shape (rows, metrics), from `rank_scores`, in order; NaN is absent.
    i, j, third
        Columns.

    References
    ----------
    M. S. Bartlett, Some aspects of the time-correlation problem, 1935.
    """
    both = scores[~np.isnan(scores[:, [i, j, third]]).any(axis=1)][:, [i, j, third]]
    if len(both) < 4:
        return False
    x, y, z = (both - both.mean(axis=0)).T
    left_x, left_y = (values - z * (values * z).sum() / (z * z).sum() for values in (x, y))
    whole, left = _cosine(x, y), _cosine(left_x, left_y)
    memory = _memory(left_x) * _memory(left_y)
    rows = max(2.0, (len(both) - 1) * (1 - memory) / (1 + memory))
    chance = float(correlation_p(np.array(left), np.array(rows)))
    return chance > _LEVEL and abs(left) <= _MOST_LEFT * abs(whole)


def _cosine(x: Values, y: Values) -> float:
    size = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / size if size > 0 else 0.0


def _memory(values: Values) -> float:
    return max(0.0, _cosine(values[1:], values[:-1]))
