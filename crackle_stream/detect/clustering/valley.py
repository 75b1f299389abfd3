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


class Valley(Struct, frozen=True):
    """What lies between two groups.

    Parameters
    ----------
    depth
        Signed root of the likelihood ratio against equal density; 0 where there is no valley.
    separation
        Distance of the medians over the mean robust standard deviation.
    """

    depth: float
    separation: float


def valley_between(one: Points, other: Points) -> Valley:
    """Compare the density midway between two groups with the density at their middles.

    The line's zones are as wide, in each group's own spread, on the slopes as at the middles.
    If the density along the line had one mode, the zone between could not be thinner than both
    others; the depth is the weaker of both binomial likelihood ratios.

    Parameters
    ----------
    one, other
        Shape (points, metrics), each of at least three points.
    """
    left, right = project_apart(one, other)
    low, high = _middle(left), _middle(right)
    if high <= low:
        return Valley(0.0, 0.0)
    narrow, wide = _spread(left, low), _spread(right, high)
    third = (high - low) / (narrow + wide) / 3
    along = np.concatenate([left, right])
    between = _count(along, low + 2 * third * narrow, high - 2 * third * wide)
    near_low = _count(along, low - third * narrow, low + third * narrow)
    near_high = _count(along, high - third * wide, high + third * wide)
    depth = min(
        _thinness(between, near_low, (narrow + wide) / (3 * narrow + wide)),
        _thinness(between, near_high, (narrow + wide) / (narrow + 3 * wide)),
    )
    return Valley(depth, 6 * third)


def project_apart(one: Points, other: Points) -> tuple[Values, Values]:
    """Project two groups on the line through their centres, each point without its own help.

    Metrics are weighted by their pooled variance within. A point's own share in its group's
    centre would pull the two groups apart, the more so the more metrics there are; so every
    point meets a centre that was computed without it.
    """
    here, there = one.mean(axis=0), other.mean(axis=0)
    left, right = one - here, other - there
    within = (np.square(left).sum(axis=0) + np.square(right).sum(axis=0)) / (
        len(one) + len(other) - 2
    )
    within = np.maximum(within, _SAME**2)
    across, middle = there - here, (here + there) / 2
    length = np.sqrt((across * across / within).sum())
    towards_other = (across + left / (len(one) - 1)) / within
    away_from_one = (across - right / (len(other) - 1)) / within
    return (
        np.einsum("ij,ij->i", one - middle, towards_other) / max(length, _SAME),
        np.einsum("ij,ij->i", other - middle, away_from_one) / max(length, _SAME),
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
