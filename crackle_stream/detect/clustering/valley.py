"""How clear the valley between two groups is, seen along the line through their centres."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import special

Points = NDArray[np.float64]
Values = NDArray[np.float64]

_NORMAL_MAD = 1.4826
_SAME = 1e-9
"""Smallest spread, on the common scale: below it values are the same."""


class Cloud(Struct, frozen=True):
    """A group, and what each comparison of it with another one needs.

    Parameters
    ----------
    center
        Its mean, shape (metrics,).
    own
        How far the centre would move the other way without each point, shape (points, metrics).
    squares
        Sums of squares around the centre, shape (metrics,).
    """

    points: Points
    center: Values
    own: Points
    squares: Values

    @classmethod
    def of(cls, points: Points) -> Cloud:
        """Measure a group by its points, shape (points, metrics)."""
        center = points.mean(axis=0)
        away = points - center
        own = away / max(len(points) - 1, 1)
        return cls(points, center, own, np.square(away).sum(axis=0))


class Valley(Struct, frozen=True):
    """Two groups along the line through their centres, the lower one first.

    Parameters
    ----------
    low, high
        Where their middles are.
    narrow, wide
        The spread of each.
    values
        All points, in any order.
    """

    low: float
    high: float
    narrow: float
    wide: float
    values: Values

    @property
    def separation(self) -> float:
        """Distance of the medians over the mean robust standard deviation."""
        return 6 * self._third if self.low < self.high else 0.0

    @property
    def depth(self) -> float:
        """Signed root of the likelihood ratio against equal density; 0 where there is no valley.

        The line's zones are as wide, in each group's own spread, on the slopes as at the middles.
        If the density along the line had one mode, the zone between could not be thinner than both
        others; the depth is the weaker of both binomial likelihood ratios.
        """
        if self.low >= self.high:
            return 0.0
        narrow, wide = self.narrow, self.wide
        left, right = self._third * narrow, self._third * wide
        between = _count(self.values, self.low + 2 * left, self.high - 2 * right)
        near_low = _count(self.values, self.low - left, self.low + left)
        near_high = _count(self.values, self.high - right, self.high + right)
        return min(
            _thinness(between, near_low, (narrow + wide) / (3 * narrow + wide)),
            _thinness(between, near_high, (narrow + wide) / (narrow + 3 * wide)),
        )

    @property
    def _third(self) -> float:
        return (self.high - self.low) / (self.narrow + self.wide) / 3


def valley_between(one: Cloud, other: Cloud) -> Valley:
    """Compare the density midway between two groups with the density at their middles."""
    left, right = project_apart(one, other)
    low, high = _middle(left), _middle(right)
    return Valley(
        low, high, _spread(left, low), _spread(right, high), np.concatenate([left, right])
    )


def project_apart(one: Cloud, other: Cloud) -> tuple[Values, Values]:
    """Project two groups on the line through their centres, each point without its own help.

    Metrics are weighted by their pooled variance within. A point's own share in its group's
    centre would pull the two groups apart, the more so the more metrics there are; so every
    point meets a centre that was computed without it.
    """
    size, further = len(one.points), len(other.points)
    within = np.maximum((one.squares + other.squares) / (size + further - 2), _SAME**2)
    across, middle = other.center - one.center, (one.center + other.center) / 2
    length = max(np.sqrt((across * across / within).sum()), _SAME)
    towards_other = (across + one.own) / within
    away_from_one = (across - other.own) / within
    return (
        np.einsum("ij,ij->i", one.points - middle, towards_other) / length,
        np.einsum("ij,ij->i", other.points - middle, away_from_one) / length,
    )


def _middle(values: Values) -> float:
    half = len(values) // 2
    return float(np.partition(values, half)[half])


def _spread(values: Values, middle: float) -> float:
    return max(_NORMAL_MAD * _middle(np.abs(values - middle)), _SAME)


def _count(values: Values, low: float, high: float) -> int:
    return int(np.count_nonzero((values >= low) & (values <= high)))


def _thinness(between: int, beside: int, share: float) -> float:
    """Give the signed root of the likelihood ratio that `between` gets less than its share."""
    both = between + beside
    if between >= share * both:
        return 0.0
    ratio = special.xlogy(beside, beside / (both * (1 - share)))
    ratio += special.xlogy(between, between / (both * share))
    return float(np.sqrt(2 * max(float(ratio), 0.0)))
