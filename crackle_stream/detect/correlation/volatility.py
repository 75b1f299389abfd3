"""Take out a spread that comes and goes: metrics that are wild at once are not thereby related."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_REACH: Final = 8
"""Rows on each side that tell the spread at a row: a spread from 16 sizes is known to a fifth."""

_SIGNIFICANT: Final = 2.5
"""Standard errors at which a row's size goes with its neighbours'."""


def steady_spread(values: Values) -> Values:
    """Divide by the mean size of neighbouring rows where sizes of neighbours go together.

    They do where the correlation of log sizes with the logarithm of that mean is 2.5 standard
    errors from 0. A row's own size is left out of its spread, so that an outlier stays one.

    Parameters
    ----------
    values
        Shape (rows, metrics), innovations around 0; NaN is absent.

    References
    ----------
    R. F. Engle, Autoregressive conditional heteroscedasticity, 1982.
    """
    sizes = np.abs(values)
    local = _mean_around(sizes)
    changing = _goes_with(sizes, local) > _SIGNIFICANT
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(changing & (local > 0), values / local, values)


def _mean_around(sizes: Values) -> Values:
    present = ~np.isnan(sizes)
    total = _window_sums(np.nan_to_num(sizes)) - np.nan_to_num(sizes)
    count = _window_sums(present.astype(np.float64)) - present
    mean: Values = np.maximum(total, 0.0) / np.maximum(count, 1.0)
    return mean


def _window_sums(values: Values) -> Values:
    rows = len(values)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    place = np.arange(rows)
    window: Values = (
        sums[np.minimum(place + _REACH + 1, rows)] - sums[np.maximum(place - _REACH, 0)]
    )
    return window


def _goes_with(sizes: Values, local: Values) -> Values:
    """Give the correlation of both logarithms in standard errors, by metric."""
    usable = (sizes > 0) & (local > 0)
    count = np.maximum(usable.sum(axis=0), 1)
    logs = [np.log(np.where(usable, part, 1.0)) for part in (sizes, local)]
    x, y = (np.where(usable, part - part.sum(axis=0) / count, 0.0) for part in logs)
    scale = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    errors: Values = np.sqrt(count) * (x * y).sum(axis=0) / np.where(scale > 0, scale, np.inf)
    return errors
