"""When two patterns of two checkpoints are the same one."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np

from crackle_stream.detect.kinship import NEAR
from crackle_stream.pattern import (
    ClusteringPattern,
    ConservationPattern,
    CorrelationPattern,
    CustomPattern,
    Pattern,
    PhaseTransitionPattern,
)

EVERYWHERE: Final = 2**63
TINY: Final = 1e-300
"""Instead of a spread of zero."""

Key: TypeAlias = tuple[str | None, ...]


def key_of(pattern: Pattern) -> Key:
    """Give what two patterns must share: kind, form of a change or law, group, metrics."""
    form = None if isinstance(pattern, CorrelationPattern) else getattr(pattern, "form", None)
    return pattern.family, form, pattern.group, *sorted(pattern.subject)


def distance(one: Pattern, other: Pattern) -> float:
    """Give how far apart two patterns of one key are; infinite where they are not the same.

    Changes are the same where their bounds meet within three tasks, groups where their centres are
    within three of their spreads in every metric.
    """
    if isinstance(one, ClusteringPattern) and isinstance(other, ClusteringPattern):
        apart = _apart(one, other)
        return apart if apart <= NEAR else np.inf
    (low, high), (first, last) = bounds(one), bounds(other)
    if low > last + NEAR or first > high + NEAR:
        return np.inf
    return float(abs((low + high) - (first + last))) if high < EVERYWHERE else 0.0


def _apart(one: ClusteringPattern, other: ClusteringPattern) -> float:
    """Give the most spreads between two centres in any metric."""
    away = (
        abs(other.center[name] - one.center[name]) / max(one.spread[name], other.spread[name], TINY)
        for name in one.center.keys() & other.center.keys()
    )
    return max(away, default=np.inf)


def bounds(pattern: Pattern) -> tuple[int, int]:
    """Give the log positions between which it lies; what has no place is everywhere."""
    at = getattr(pattern, "at", None)
    if at is None:
        return 0, EVERYWHERE
    if isinstance(pattern, CustomPattern):
        return at, at if pattern.until is None else pattern.until
    low, high = getattr(pattern, "at_low", None), getattr(pattern, "at_high", None)
    return at if low is None else low, at if high is None else high


def says(pattern: Pattern) -> object:
    """Give what may not differ between two patterns that say the same."""
    if isinstance(pattern, PhaseTransitionPattern):
        return _direction(pattern)
    if isinstance(pattern, ConservationPattern):
        return pattern.broke_at is None, bool(pattern.exceptions)
    if isinstance(pattern, CorrelationPattern):
        return pattern.form, pattern.r > 0, pattern.lag
    return pattern.claim if isinstance(pattern, CustomPattern) else None


def _direction(pattern: PhaseTransitionPattern) -> bool | None:
    """Tell whether a level rose or a spread grew; of other forms nothing."""
    before, after = pattern.before, pattern.after
    if before is None or after is None or pattern.form not in ("level", "spread"):
        return None
    name = "mean" if pattern.form == "level" else "std"
    return bool(getattr(before, name) < getattr(after, name))
