"""Drift: a series that wanders, or slopes all along, without a change to point at."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from crackle_stream.detect.phase.longrun import HIGHEST_RHO, Products

Floats = NDArray[np.float64]

FORGETFUL: Final = 0.7
"""Correlation of neighbours up to which a series returns to its level within a few tasks."""


def wander_test(residual: Floats) -> float:
    """P-value of neighbours' correlation, against a stationary series of correlation 0.7.

    A random walk's is near one. Under the null the arc sine of the estimate is nearly normal with
    variance ``1 / (n - 3)`` around that of 0.7 less its bias (Kendall, 1954, Note on bias in the
    estimation of autocorrelation, Biometrika 41). Half of the bias is added to the estimate and
    half taken from 0.7, which holds the level best in simulated series of 24 to 1,000 values.
    """
    n = len(residual)
    rho = Products.of(residual).rho
    rho = min(rho + _bias(rho, n) / 2, HIGHEST_RHO)
    null = FORGETFUL - _bias(FORGETFUL, n) / 2
    return float(special.ndtr((np.arcsin(null) - np.arcsin(rho)) * np.sqrt(n - 3)))


def _bias(rho: float, n: int) -> float:
    return (1 + 3 * rho) / n


def slope_test(values: Floats, fitted: Floats) -> float:
    """P-value of one line through everything, against first-order autoregressive noise.

    An F test of the innovations, each model with its own correlation.
    """
    flat = Products.of(values - values.mean()).innovation
    line = Products.of(values - fitted).innovation
    left = len(values) - 3
    ratio = max(flat / max(line, 1e-9 * len(values)) - 1, 0.0) * left
    return float(special.fdtrc(1, left, ratio))
