"""Rank correlation of all pairs of metrics at all lags, by the fast Fourier transform."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import fft, special

from crackle_stream.detect.correlation.standout import standout
from crackle_stream.detect.ranks import rank_scores

Values = NDArray[np.float64]
Places = NDArray[np.intp]

MOST_LAG: Final = 50
"""Largest lag looked at, in rows."""

_ONE: Final = 1 - 1e-15  # keeps Fisher's scale finite
_AGAIN: Final = 0.05  # p-values that matter to any rate
_SHARED: Final = 0.95  # share of the rows that may pass for all of them
_CHUNK: Final = 1 << 21  # complex numbers held at a time


class LagProfile(Struct, frozen=True):
    """What the lags of each pair of metrics came to.

    Parameters
    ----------
    direct, direct_p
        Spearman's coefficient at lag 0, its two-sided p-value.
    lag
        Where but at 0 the coefficient is largest; positive where the first metric leads.
    lagged, lagged_p
        The coefficient there, and its p-value, corrected for the number of lags.
    """

    direct: Values
    direct_p: Values
    lag: NDArray[np.intp]
    lagged: Values
    lagged_p: Values


def lag_profile(scores: Values, first: Places, second: Places) -> LagProfile:
    """Correlate scores of pairs of columns, at lags up to a quarter of the rows either way.

    Null: the two are independent, and one of them is serially independent; then coefficients at
    different lags vary alike around 0, with variance 1/rows, and each is judged by Student's t.
    What trends, seasons, steps or common volatility leave in the residuals makes neighbouring
    lags alike, and is allowed for by taking each coefficient against those at lags up to half of
    the rows on Fisher's scale (`standout`).

    Parameters
    ----------
    scores
        Shape (rows, metrics), from `rank_scores`; NaN is absent.
    first, second
        Columns of each pair.

    References
    ----------
    C. Spearman, 1904. G. E. P. Box and G. M. Jenkins, Time Series Analysis, 1970, chapter 11
    (prewhitened cross-correlation).
    """
    reach = lag_reach(len(scores))
    size = fft.next_fast_len(len(scores) + reach, real=True)
    present = ~np.isnan(scores)
    waves = fft.rfft(np.nan_to_num(scores), size, axis=0).T
    masks = None if present.all() else fft.rfft(present.astype(np.float64), size, axis=0).T
    step = max(1, _CHUNK // size)
    parts = []
    for start in range(0, len(first), step):
        i, j = first[start : start + step], second[start : start + step]
        products = _at_lags(waves, i, j, size, reach)
        rows = (
            len(scores) - np.abs(np.arange(-reach, reach + 1.0))[None, :]
            if masks is None
            else np.rint(_at_lags(masks, i, j, size, reach))
        )
        parts.append(_summarise(products / np.maximum(rows, 1), rows, len(scores) // 4))
    profile = LagProfile(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    zero, lags = np.zeros_like(profile.lag), 2 * (len(scores) // 4)
    direct_p = _by_shared_rows(scores, first, second, zero, profile.direct_p, 1)
    lagged_p = _by_shared_rows(scores, first, second, profile.lag, profile.lagged_p, lags)
    return LagProfile(profile.direct, direct_p, profile.lag, profile.lagged, lagged_p)


def _by_shared_rows(
    scores: Values, first: Places, second: Places, lag: Places, p_values: Values, searched: int
) -> Values:
    """Rank pairs of small p-value by the rows they share, where those are not nearly all rows.

    Scores of all rows are not standardised over some of them: of 30 rows, coefficients at lags came
    to a p-value of 1e-6 sixteen times as often as they should.
    """
    judged = p_values.copy()
    for pair in np.flatnonzero(p_values <= _AGAIN).tolist():
        shift = int(lag[pair])
        _, x, y = aligned(scores, int(first[pair]), int(second[pair]), shift)
        if len(x) < _SHARED * len(scores):
            r = np.multiply(*rank_scores(np.column_stack([x, y])).T).mean()
            single = float(correlation_p(r, np.array(len(x))))
            judged[pair] = max(judged[pair], min(1.0, single * searched))
    return judged


def lag_reach(rows: int) -> int:
    """Give the largest lag that a coefficient at lag 0 is taken against."""
    return min(MOST_LAG, rows // 2)


def _at_lags(waves: NDArray[np.complex128], i: Places, j: Places, size: int, reach: int) -> Values:
    circular = fft.irfft(np.conj(waves[i]) * waves[j], size, axis=1)
    at_lags: Values = np.concatenate(
        [circular[:, size - reach :], circular[:, : reach + 1]], axis=1
    )
    return at_lags


def _summarise(
    r: Values, rows: Values, most_lag: int
) -> tuple[Values, Values, Places, Values, Values]:
    pairs, zero = len(r), r.shape[1] // 2
    rows = np.broadcast_to(rows, r.shape)
    z = np.arctanh(np.clip(r, -_ONE, _ONE)) * _fisher_root(rows)
    away = np.abs(np.arange(r.shape[1]) - zero)
    # Where few rows are left, scores of all rows are no longer scores of those.
    searched = (away > 0) & (away <= most_lag) & (2 * rows >= rows[:, [zero]])
    top = np.argmax(np.where(searched, np.abs(z), -1.0), axis=1)
    direct_p = _standout_p(z, rows, np.full(pairs, zero))
    lagged_p = np.minimum(1.0, _standout_p(z, rows, top) * np.maximum(searched.sum(axis=1), 1))
    lagged_p = np.where(searched.any(axis=1), lagged_p, 1.0)
    return r[:, zero], direct_p, top - zero, r[np.arange(pairs), top], lagged_p


def _standout_p(z: Values, rows: Values, at: Places) -> Values:
    there = np.take_along_axis(rows, at[:, None], axis=1)[:, 0]
    return correlation_p(np.tanh(standout(z, at) / _fisher_root(there)), there)


def _fisher_root(rows: Values) -> Values:
    return np.sqrt(np.maximum(rows - 3, 1))


def aligned(values: Values, i: int, j: int, lag: int) -> tuple[NDArray[np.intp], Values, Values]:
    """Put column i beside column j `lag` rows later, where both are present.

    Returns
    -------
    (ndarray, ndarray, ndarray)
        The rows of column i, its values there, and those of column j.
    """
    stop = len(values) - abs(lag)
    x, y = values[max(-lag, 0) :][:stop, i], values[max(lag, 0) :][:stop, j]
    both = np.flatnonzero(~np.isnan(x) & ~np.isnan(y))
    return both + max(-lag, 0), x[both], y[both]


def correlation_p(r: Values, rows: Values) -> Values:
    """Give two-sided p-values of coefficients by Student's t; at least 2 / rows factorial."""
    freedom = np.maximum(rows - 2, 1)
    r = np.clip(r, -1.0, 1.0)
    with np.errstate(divide="ignore"):
        t = np.abs(r) * np.sqrt(freedom / (1 - r * r))
    rarest = np.exp(np.log(2) - special.gammaln(rows + 1))
    p_values: Values = np.clip(2 * special.stdtr(freedom, -t), np.minimum(rarest, 1), 1)
    return np.where(rows > 2, p_values, 1.0)


def correlation_matrix(scores: Values) -> Values:
    """Give Spearman's coefficients of all pairs of columns of `rank_scores`."""
    present = (~np.isnan(scores)).astype(np.float64)
    filled = np.nan_to_num(scores)
    products = np.einsum("ti,tj->ij", filled, filled)
    matrix: Values = products / np.maximum(np.einsum("ti,tj->ij", present, present), 1)
    return matrix
