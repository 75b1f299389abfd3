"""Innovations of autoregressions, so that what a metric remembers of itself counts but once."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.detect.ranks import normal_scores

Values = NDArray[np.float64]

MOST_ORDER: Final = 6
"""Largest order tried."""


def prewhiten(values: Values) -> Values:
    """Give the innovations of an autoregression of each metric, its order chosen by BIC.

    Yule-Walker equations solved by the Levinson-Durbin recursion, all metrics at once, on normal
    scores: memory is then seen under any monotone scale, and an outlier does not echo in the
    rows after it. A metric whose order is 0 is given back as it is.

    Parameters
    ----------
    values
        Shape (rows, metrics); NaN is absent.

    Returns
    -------
    ndarray
        Of the same shape; in metrics of order 1 or more, a row whose predecessor is absent is
        absent too.

    References
    ----------
    J. Durbin, The fitting of time-series models, 1960. G. Schwarz, Estimating the dimension of a
    model, 1978.
    """
    present = ~np.isnan(values)
    scores = np.nan_to_num(normal_scores(values))
    scores -= np.where(present, scores.sum(axis=0) / np.maximum(present.sum(axis=0), 1), 0.0)
    coefficients = fit_autoregressions(scores, present)
    innovations = scores.copy()
    for lag, coefficient in enumerate(coefficients, start=1):
        innovations[lag:] -= coefficient * scores[:-lag]
    known = present.copy()
    known[1:] &= present[:-1]
    known[0] = False
    whitened = np.where(known, innovations, np.nan)
    return np.where((coefficients != 0).any(axis=0), whitened, values)


def fit_autoregressions(values: Values, present: NDArray[np.bool_]) -> Values:
    """Give coefficients of shape (`MOST_ORDER`, metrics), 0 beyond the order of least BIC."""
    rows = np.maximum(present.sum(axis=0), 2)
    covariance = _autocovariances(values, present)
    scale = np.where(covariance[0] > 0, covariance[0], 1.0)
    correlation = covariance / scale
    fit = np.zeros((MOST_ORDER, values.shape[1]))
    best, error = fit.copy(), np.ones(values.shape[1])
    least = np.zeros(values.shape[1])
    for order in range(1, MOST_ORDER + 1):
        past = fit[: order - 1]
        known = (past * correlation[order - 1 : 0 : -1]).sum(axis=0)
        reflection = np.clip((correlation[order] - known) / error, -0.9999, 0.9999)
        fit[: order - 1] = past - reflection * past[::-1]
        fit[order - 1] = reflection
        error = error * (1 - reflection**2)
        criterion = rows * np.log(error) + order * np.log(rows)
        better = criterion < least
        best[:, better], least[better] = fit[:, better], criterion[better]
    return best


def _autocovariances(values: Values, present: NDArray[np.bool_]) -> Values:
    """Give covariances at lags 0 to `MOST_ORDER`: means over the pairs of rows that are there."""
    n = len(values)
    covariance = np.zeros((MOST_ORDER + 1, values.shape[1]))
    for lag in range(min(MOST_ORDER + 1, n)):
        products = (values[lag:] * values[: n - lag]).sum(axis=0)
        pairs = (present[lag:] & present[: n - lag]).sum(axis=0)
        # Weights that fall with the lag keep the fit stationary.
        covariance[lag] = (n - lag) / n * products / np.maximum(pairs, 1)
    return covariance
