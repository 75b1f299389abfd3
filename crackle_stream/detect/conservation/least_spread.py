"""The combination of columns that varies least, in spite of outliers: least trimmed squares."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.stats.quantiles import median

Values = NDArray[np.float64]

_TRIMMED: Final = 0.6
"""Share of rows, those that fit best, that a fit rests on."""

_STEPS: Final = 8
"""Concentration steps; each lowers the trimmed sum of squares, and few are needed."""

_NORMAL: Final = 1.4826
"""A normal's standard deviation over its median absolute deviation."""


def robust_std(values: Values) -> float:
    """Give the median absolute deviation, scaled to a normal's standard deviation."""
    return _NORMAL * median(np.abs(values - median(values)))


def least_spread(cube: Values) -> tuple[Values, Values, Values]:
    """Find the direction of least spread of many sets of columns at once.

    Concentration steps as in fast least trimmed squares (Rousseeuw and Van Driessen 2006, Data
    Mining and Knowledge Discovery 12): the smallest eigenvector of the best-fitting 60 % of rows,
    again and again, here with all columns on one footing (orthogonal regression, each column in
    units of its spread).

    Parameters
    ----------
    cube
        float64 of shape (sets, rows, columns); rows with a NaN do not count.

    Returns
    -------
    directions, noise, spreads
        float64 of shapes (sets, columns), (sets,), (sets, columns): coefficients, of length one in
        units of the spreads; robust standard deviation of the combination in those units, infinite
        where too few rows have all columns; and each column's spread.
    """
    present = np.asarray(~np.isnan(cube).any(axis=2))
    counts = present.sum(axis=1)
    filled = np.where(present[:, :, None], cube, 0.0)
    spreads = _spreads(filled, present, counts)
    filled /= spreads[:, None, :]
    kept = present
    for _ in range(_STEPS):
        direction, center = _smallest(filled, kept)
        away = np.abs(np.einsum("srk,sk->sr", filled, direction) - center[:, None])
        away[~present] = np.inf
        ordered = np.sort(away, axis=1)
        kept = present & (away <= _ranked(ordered, counts, _TRIMMED)[:, None])
    noise = np.where(counts > 3 * cube.shape[2], _NORMAL * _ranked(ordered, counts, 0.5), np.inf)
    return direction / spreads, noise, spreads


def _spreads(filled: Values, present: NDArray[np.bool_], counts: NDArray[np.int64]) -> Values:
    ordered = np.sort(np.where(present[:, :, None], filled, np.inf), axis=1)
    middle = np.stack([_ranked(column, counts, 0.5) for column in ordered.transpose(2, 0, 1)], 1)
    middle = np.where(np.isfinite(middle), middle, 0.0)
    away = np.where(present[:, :, None], np.abs(filled - middle[:, None, :]), np.inf)
    ordered = np.sort(away, axis=1)
    spread = np.stack([_ranked(column, counts, 0.5) for column in ordered.transpose(2, 0, 1)], 1)
    return np.where((spread > 0) & np.isfinite(spread), _NORMAL * spread, 1.0)


def _smallest(filled: Values, kept: NDArray[np.bool_]) -> tuple[Values, Values]:
    """Give the direction of least variance among the rows kept, and its mean there."""
    weight = kept / np.maximum(kept.sum(axis=1, keepdims=True), 1)
    mean = np.einsum("sr,srk->sk", weight, filled)
    away = filled - mean[:, None, :]
    covariance = np.einsum("sr,srk,srl->skl", weight, away, away)
    direction = np.linalg.eigh(covariance)[1][:, :, 0]
    return direction, np.einsum("sk,sk->s", mean, direction)


def _ranked(ordered: Values, counts: NDArray[np.int64], share: float) -> Values:
    place = np.minimum((share * counts).astype(int), ordered.shape[1] - 1)
    return np.take_along_axis(ordered, place[:, None], axis=1)[:, 0]
