"""Partial correlation: whether a third metric explains a pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


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
