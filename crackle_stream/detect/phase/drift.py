"""Drift: a series that wanders, or slopes all along, without a change to point at."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from crackle_stream.detect.phase.longrun import Products

Floats = NDArray[np.float64]

FORGETFUL: Final = 0.7
"""Correlation of neighbours up to which a series returns to its level within a few tasks."""


def wander_test(values: Floats, fitted: Floats) -> float:
    """P-value of neighbours' correlation, against a stationary series of correlation 0.7.

    A random walk's is near one. The estimate is corrected for its bias (Kendall, 1954, Note on
    bias in the estimation of autocorrelation, Biometrika 41); under the null it is normal with
    variance ``(1 - 0.7**2) / n``.
    """
    n = len(values)
    rho = Products.of(values - fitted).rho
    rho += (1 + 3 * rho) / n
    return float(special.ndtr((FORGETFUL - rho) / np.sqrt((1 - FORGETFUL**2) / n)))


def slope_test(values: Floats, fitted: Floats) -> float:
    """P-value of one line through everything, against first-order autoregressive noise.

    An F test of the innovations, each model with its own correlation.
    """
    flat = Products.of(values - values.mean()).innovation
    line = Products.of(values - fitted).innovation
    left = len(values) - 3
    ratio = max(flat / max(line, 1e-9 * len(values)) - 1, 0.0) * left
    return float(special.fdtrc(1, left, ratio))
