"""Tail of a weighted sum of draws from a known set of values, by a saddlepoint approximation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

WEIGHT_CELLS, POOL_CELLS = 32, 128


def sum_tail(weights: Floats, pool: Floats, observed: float) -> float:
    """Probability that ``sum(weights * draws)`` reaches `observed`, draws being from the pool.

    The normal curve is far too hopeful for a few draws from a skewed or mostly tied pool: four
    ones in a row among tenths are no wonder. Both the weights and the pool are cut into cells of
    neighbours first, so that the price does not grow with n.

    Notes
    -----
    Lugannani and Rice, 1980, Saddle point approximation for the distribution of the sum of
    independent random variables, in the form of Barndorff-Nielsen (r*).
    """
    if observed <= 0:
        return 1.0
    weight, times = _cells(weights, WEIGHT_CELLS)
    value, share = _cells(pool - pool.mean(), POOL_CELLS)
    spread = np.sqrt(np.add.reduce(share * value**2) / share.sum())
    scale = float(np.sqrt(np.add.reduce(times * weight**2)) * spread)
    most = float(np.add.reduce(times * np.maximum(weight * value[0], weight * value[-1])))
    if not scale > 0:
        return 1.0
    tilting = _Tilting(weight / scale, times, value, share / share.sum())
    return tilting.tail(min(observed, 0.999 * most) / scale)


class _Tilting:
    """The cumulant generating function of the sum, and its exponential tilting."""

    def __init__(self, weight: Floats, times: Floats, value: Floats, share: Floats) -> None:
        self._weight, self._times = weight, times
        self._value, self._log_share = value, np.log(share)

    def cumulants(self, tilt: float) -> tuple[float, float, float]:
        """Cumulant generating function at `tilt`, its first and its second derivative."""
        power = tilt * self._weight[:, None] * self._value + self._log_share
        top = power.max(axis=1)
        density = np.exp(power - top[:, None])
        total = density.sum(axis=1)
        mean = (density * self._value).sum(axis=1) / total
        variance = (density * self._value**2).sum(axis=1) / total - mean**2
        return (
            float(np.add.reduce(self._times * (np.log(total) + top))),
            float(np.add.reduce(self._times * self._weight * mean)),
            float(np.add.reduce(self._times * self._weight**2 * variance)),
        )

    def solve(self, observed: float) -> tuple[float, float, float]:
        """Find the tilt under which the mean is as observed; Newton's steps, kept in a bracket."""
        tilt, low, high = observed, 0.0, np.inf
        for _ in range(60):
            height, mean, variance = self.cumulants(tilt)
            if abs(mean - observed) <= 1e-7 * observed:
                break
            low, high = (tilt, high) if mean < observed else (low, tilt)
            step = tilt + (observed - mean) / max(variance, 1e-300)
            if not low < step < high:
                step = (low + high) / 2 if np.isfinite(high) else 2 * tilt
            tilt = step
        return tilt, height, variance

    def tail(self, observed: float) -> float:
        tilt, height, variance = self.solve(observed)
        root = np.sqrt(max(2 * (tilt * observed - height), 0.0))
        wald = tilt * np.sqrt(max(variance, 0.0))
        if root < 1e-3 or wald <= 0:
            return 0.5
        return float(special.ndtr(-(root + np.log(wald / root) / root)))


def _cells(values: Floats, most: int) -> tuple[Floats, Floats]:
    """Sum values up in cells of neighbours: equal values together, and small cells at the ends."""
    distinct, count = np.unique(values, return_counts=True)
    if len(distinct) <= most:
        return distinct, count.astype(np.float64)
    ends = np.concatenate(([0, 1, 2, 3], np.geomspace(4, len(values) / 2, most // 4))).astype(int)
    inside = np.linspace(0, len(values), most // 2).astype(int)
    edges = np.unique(np.concatenate((ends, inside, len(values) - ends)))
    size = np.diff(edges).astype(np.float64)
    return np.add.reduceat(np.sort(values), edges[:-1]) / size, size
