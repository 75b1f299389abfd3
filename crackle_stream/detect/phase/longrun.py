"""Noise of a series that may shift: scale, single outliers, and first-order dependence."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import special

from crackle_stream.stats.quantiles import median, quantile

Floats = NDArray[np.float64]

MAD_TO_STD: Final = 1.4826
WINSORISED: Final = 3.0
HIGHEST_RHO: Final = 0.99
USUAL: Final = 0.8
FAR: Final = 5.0
"""A value is far off beyond so many times the distance that this share of values keeps; of normal
noise that is beyond six standard deviations."""


def step_scale(values: Floats) -> float:
    """Standard deviation of independent noise, from differences of neighbours.

    Single outliers are left out first, since each makes two differences. A few shifts do not
    matter: squares beyond the 95 % point are winsorised there, where a median would vanish on
    integers with ties.
    """
    steps = np.diff(values[~_far_off(values)])
    size = np.abs(steps - median(steps))
    top = quantile(size, 0.95)
    kept = np.minimum(size, top) if top > 0 else size
    return float(np.sqrt(np.mean(kept**2) / 2))


def _far_off(values: Floats) -> NDArray[np.bool_]:
    """Tell what is much further from its neighbours' median than four fifths of the values are.

    Where four fifths are equal to it nothing is: the others may be all that varies.
    """
    away = np.abs(values - _middle(values))
    usual = quantile(away, USUAL)
    far: NDArray[np.bool_] = away > FAR * usual if usual > 0 else np.zeros(len(away), bool)
    return far


def robust_std(values: Floats) -> float:
    """Median absolute deviation as a standard deviation; the plain one where ties make it zero."""
    mad = MAD_TO_STD * median(np.abs(values - median(values)))
    return mad if mad > 0 else float(np.std(values))


def winsorised_std(values: Floats) -> float:
    """Standard deviation of values clipped three robust ones from their median.

    Of normal values it varies half as much as the median deviation does, from whose ratio on both
    sides of a change no more could be read than whether it is near two.
    """
    limit, middle = WINSORISED * robust_std(values), median(values)
    return float(np.std(np.clip(values, middle - limit, middle + limit)))


def tame_outliers(values: Floats, limit: float) -> Floats:
    """Clip each value to the median of its neighbourhood plus and minus `limit` (Hampel filter).

    A change of level passes as it is, since the median follows it; a single outlier does not.
    """
    middle = _middle(values)
    return np.clip(values, middle - limit, middle + limit)


def _middle(values: Floats, half: int = 3) -> Floats:
    """Give the median of each value's neighbourhood; of a few values, the value itself."""
    if len(values) <= 2 * half:
        return values
    windows = values.take(_neighbourhoods(len(values), half))
    windows.partition(half, axis=1)
    return windows[:, half]


@lru_cache(maxsize=4)
def _neighbourhoods(n: int, half: int) -> NDArray[np.int64]:
    """Give the indices around each of n, mirrored at both ends; not to be changed."""
    around = np.abs(np.arange(n)[:, None] + np.arange(-half, half + 1))
    mirrored: NDArray[np.int64] = np.minimum(around, 2 * (n - 1) - around)
    return mirrored


def normal_scores(values: Floats) -> Floats:
    """Give each value the normal quantile of its middle rank, scaled to variance one.

    Whatever the distribution was, that of the scores is known: normal but for ties.
    """
    _, which, count = np.unique(values, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - count / 2
    scores: Floats = special.ndtri(rank / len(values))[which]
    spread = float(np.std(scores))
    return scores / spread if spread > 0 else scores


class Products(Struct, frozen=True):
    """Sums of squares and of products of neighbours of residuals: all that AR(1) noise needs.

    Parameters
    ----------
    square
        Sum of squares.
    neighbour
        Sum of products of neighbours.
    ends
        Sum of the squares of the first and the last residual.
    """

    square: float
    neighbour: float
    ends: float

    @classmethod
    def of(cls, residual: Floats) -> Products:
        """Sum up some residuals."""
        return cls(
            float(np.add.reduce(residual * residual)),
            float(np.add.reduce(residual[1:] * residual[:-1])),
            float(residual[0]) ** 2 + float(residual[-1]) ** 2,
        )

    @property
    def rho(self) -> float:
        """Correlation of neighbours, from 0 to 0.99."""
        past = self.square - self.ends / 2
        return min(max(self.neighbour / past, 0.0), HIGHEST_RHO) if past > 0 else 0.0

    @property
    def innovation(self) -> float:
        """Sum of squared innovations of the AR(1) process that fits best."""
        rho = self.rho
        inner = self.square - self.ends
        return max(self.square + rho * rho * inner - 2 * rho * self.neighbour, 0.0)


def inflation(rho: float) -> float:
    """Long-run variance over variance of AR(1) noise: how much more its sums vary."""
    return (1 + rho) / (1 - rho)


def innovations(residual: Floats, rho: float) -> Floats:
    """Give what each value adds to what its neighbour foretold (AR(1) prewhitening)."""
    left = residual.copy()
    left[1:] -= rho * residual[:-1]
    return left
