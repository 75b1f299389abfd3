"""The null of a series that wanders: steps and lines must explain it better than a walk."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import fft, special

Floats = NDArray[np.float64]
Decays: TypeAlias = tuple[float, ...]
"""One of a walk, two of a walk whose slope wanders, too; see `walk_innovation`."""

WALKS: Final[tuple[Decays, ...]] = ((0.0,), (0.2,))
"""A walk by itself, and in noise of half its steps. With noise as large as the steps, a step of
three deviations among 40 values would pass for a walk."""
SLOW_WALKS: Final[tuple[Decays, ...]] = (*WALKS, (0.4,), (0.6,), (0.8,))
"""The same with noise of up to four times the steps; with more, any step would pass for a walk."""
ALL_WALKS: Final[tuple[Decays, ...]] = (*SLOW_WALKS, (0.9,), (0.95,), (0.98,))
"""The same with noise of up to fifty times the steps, against several changes: these would imitate
it, while one change is all that it could be told from."""
SLOPE_WALKS: Final[tuple[Decays, ...]] = tuple(
    (one, other) for one in (0.0, 0.4, 0.8, 0.95) for other in (0.0, 0.4, 0.8, 0.95) if one <= other
)
"""Walks whose slope wanders: from noise summed up twice, to a line that hardly bends in noise."""
PRICE_OF_ONE: Final = 6
"""Degrees of freedom that a level or slope counts for when its place was searched for."""


def walk_innovation(values: Floats, walks: tuple[Decays, ...]) -> float:
    """Sum of squared innovations of the best of some walks, each seen through some noise.

    With one decay `m` it is the local level model, or integrated moving average ``d(t) = drift +
    e(t) - m e(t-1)`` of the differences `d`; with two, `m` and `k`, the local linear trend, whose
    second differences are the noise ``e`` passed through ``(1 - m B)(1 - k B)``, `B` being one row
    back. Where the walk begins, and its drift or first slope, are fitted by least squares.

    Notes
    -----
    Muth, 1960, Optimal properties of exponentially weighted forecasts, JASA 55; Harvey, 1989,
    Forecasting, structural time series models and the Kalman filter, section 2.3.
    """
    response, starts = _filters(len(values), walks)
    steps = values - values[0]  # the start is fitted; without it no digits are lost
    for _ in walks[0]:
        steps = np.diff(steps, prepend=0.0)
    size = 2 * (response.shape[1] - 1)
    noise = fft.irfft(fft.rfft(steps, size) * response, size, axis=1)[:, : len(values)]
    started = np.einsum("wst,wt->ws", starts, noise)
    left = np.sum(noise * noise, axis=1) - np.sum(started * started, axis=1)
    return max(float(left.min()), 0.0)


@lru_cache(maxsize=12)  # of the longest series an entry takes megabytes
def _filters(n: int, walks: tuple[Decays, ...]) -> tuple[NDArray[np.complex128], Floats]:
    """Give the transform of what takes each walk to its noise, and what its start leaves there."""
    size = 2 * fft.next_fast_len(n, real=True)
    pulse = np.eye(1, n)
    for decays in zip(*walks, strict=True):
        response = fft.rfft(np.array(decays)[:, None] ** np.arange(n), size, axis=1)
        pulse = fft.irfft(fft.rfft(pulse, size) * response, size, axis=1)[:, :n]
    later = np.zeros_like(pulse)
    later[:, 1:] = pulse[:, :-1]
    # The second difference of a line is a pulse a row later; the first goes on for ever.
    later = np.cumsum(later, axis=1) if len(walks[0]) == 1 else later
    ends = np.stack([pulse, later], axis=2)
    return fft.rfft(pulse, size, axis=1), np.linalg.qr(ends)[0].transpose(0, 2, 1)


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
