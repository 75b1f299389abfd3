"""The null of a series that wanders: steps and lines must explain it better than a random walk."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

WALKS: Final = (0.0, 0.2)
"""Decay of what a step of a walk owes to earlier noise: none, and noise of half its steps. With
noise as large as the steps, a step of three deviations among 40 values would pass for a walk."""
SLOW_WALKS: Final = (*WALKS, 0.4, 0.6, 0.8)
"""The same with noise of up to four times the steps; with more, any step would pass for a walk."""
HORIZON: Final = 64
"""Values after which 0.8 to that power does not matter."""
PRICE_OF_ONE: Final = 6
"""Degrees of freedom that a level or slope counts for when its place was searched for."""


def walk_innovation(values: Floats, memories: tuple[float, ...]) -> float:
    """Sum of squared innovations of the best random walk with drift, seen through some noise.

    That is the local level model, or integrated moving average ``d(t) = drift + e(t) - m e(t-1)``,
    at the best of some decays `m`; level and drift are fitted by least squares.

    Notes
    -----
    Muth, 1960, Optimal properties of exponentially weighted forecasts, JASA 55.
    """
    n = len(values)
    terms = np.stack([values, np.ones(n), np.arange(n) - (n - 1) / 2])
    steps = np.diff(terms, axis=1, prepend=0.0)
    return min(_misfit(_filtered(steps, memory)) for memory in memories)


def _filtered(steps: Floats, memory: float) -> Floats:
    kernel = memory ** np.arange(HORIZON)
    return np.stack([np.convolve(row, kernel)[: len(row)] for row in steps])


def _misfit(terms: Floats) -> float:
    """Squared error of the first row given the others."""
    products = np.einsum("it,jt->ij", terms, terms)
    weights = np.linalg.solve(products[1:, 1:], products[1:, 0])
    return max(float(products[0, 0] - weights @ products[1:, 0]), 0.0)


def walk_test(null: float, full: float, n: int, parameters: int) -> float:
    """P-value of a segmentation against the null that the series is a random walk.

    Twice the logarithm of the likelihood ratio is compared with a chi-squared variable that has
    six degrees of freedom for each level and slope but the first, and one more: no asymptotic
    result, but what bounds the best segmentation of each size found in simulated walks of 24 to 300
    normal steps. A few steps far larger than the others do pass for changes.

    Parameters
    ----------
    null, full
        Sums of squared innovations: of the walk, and of the segmentation with its correlation.
    n
        How many values.
    parameters
        Levels and slopes of the segmentation.
    """
    ratio = n * float(np.log(max(null / max(full, 1e-9 * n), 1.0)))
    return float(special.chdtrc(PRICE_OF_ONE * (parameters - 1) + 1, ratio))
