"""Ranks of each column of a table, ties and absent values allowed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

Values = NDArray[np.float64]


def rank_bounds(values: Values) -> tuple[Values, Values]:
    """Give by column how many values are less than each value, and how many at most as large.

    Parameters
    ----------
    values
        Shape (rows, metrics); NaN is absent, and stays so.

    Examples
    --------
    >>> low, high = rank_bounds(np.array([[2.0], [7.0], [2.0]]))
    >>> low.T, high.T
    (array([[0., 2., 0.]]), array([[2., 3., 2.]]))
    """
    rows = len(values)
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    place = np.arange(rows)[:, None]
    begins, ends = np.ones((2, *values.shape), bool)
    begins[1:] = ends[:-1] = ordered[1:] != ordered[:-1]
    low = np.maximum.accumulate(np.where(begins, place, 0), axis=0)
    high = np.minimum.accumulate(np.where(ends, place + 1, rows)[::-1], axis=0)[::-1]
    bounds = np.empty((2, *values.shape))
    np.put_along_axis(bounds[0], order, low, axis=0)
    np.put_along_axis(bounds[1], order, high, axis=0)
    bounds[:, np.isnan(values)] = np.nan
    return bounds[0], bounds[1]


def rank_scores(values: Values) -> Values:
    """Give ranks, ties averaged, of each column scaled to mean 0 and variance 1; absent is NaN.

    Columns without variation are 0.
    """
    low, high = rank_bounds(values)
    present = (~np.isnan(values)).sum(axis=0)
    ranks = (low + high - present) / 2
    squares = np.nan_to_num(ranks) ** 2
    scale = np.sqrt(squares.sum(axis=0) / np.maximum(present, 1))
    scores: Values = ranks / np.where(scale > 0, scale, 1.0)
    return scores


def normal_scores(values: Values) -> Values:
    """Give the standard normal quantiles of the ranks of each column; NaN is absent.

    References
    ----------
    B. L. van der Waerden, 1952.
    """
    low, high = rank_bounds(values)
    present = (~np.isnan(values)).sum(axis=0)
    scores: Values = special.ndtri((low + high) / (2 * np.maximum(present, 1)))
    return scores


def median_size(values: Values) -> Values:
    """Give the (lower) median of the absolute values of each column; 0 where all are absent."""
    if len(values) == 0:
        return np.zeros(values.shape[1])
    present = (~np.isnan(values)).sum(axis=0)
    ordered = np.sort(np.where(np.isnan(values), np.inf, np.abs(values)), axis=0)
    middle = np.take_along_axis(ordered, np.maximum(present - 1, 0)[None, :] // 2, axis=0)[0]
    return np.where(present > 0, middle, 0.0)
