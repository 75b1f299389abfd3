"""Which findings of a checkpoint were not there at an earlier one."""

from __future__ import annotations

from typing import Final, TypeAlias

from crackle_stream.cooling.report import CoolingReport
from crackle_stream.detect.findings import NEAR, Finding
from crackle_stream.pattern import ConservationPattern, Pattern, PhaseTransitionPattern

REMEMBERED: Final = 10_000
"""Subjects; of more, those that were new first are new again."""
PLACES: Final = 100
"""Places of one subject that are remembered."""

Key: TypeAlias = tuple[str | bool | None, ...]
Bounds: TypeAlias = tuple[int, int]


class News:
    """Tells findings of which no pattern was seen before, whatever has moved by a few tasks.

    A change of a metric is the same where its bounds meet, within three tasks, those that it had
    at an earlier checkpoint; any other pattern where its kind, metrics, form and group are, and a
    law that broke is another than one that holds.
    """

    def __init__(self) -> None:
        self._known: dict[Key, list[Bounds]] = {}

    def of(self, report: CoolingReport) -> list[Finding]:
        """Give the new findings of a checkpoint, in its order; from now on they are known."""
        old = {pattern.id for pattern in report.patterns if self._knows(pattern)}
        for pattern in report.patterns:
            self._learn(pattern)
        return [found for found in report.findings if old.isdisjoint(found.patterns)]

    def _knows(self, pattern: Pattern) -> bool:
        low, high = _bounds(pattern)
        known = self._known.get(_key(pattern), ())
        return any(low <= last + NEAR and first - NEAR <= high for first, last in known)

    def _learn(self, pattern: Pattern) -> None:
        key, bounds = _key(pattern), _bounds(pattern)
        known = self._known.setdefault(key, [])
        if bounds not in known:
            known.append(bounds)
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        del known[:-PLACES]


def _key(pattern: Pattern) -> Key:
    form = getattr(pattern, "form", None)
    broken = isinstance(pattern, ConservationPattern) and pattern.broke_at is not None
    return pattern.family, form, broken, pattern.group, *pattern.subject


def _bounds(pattern: Pattern) -> Bounds:
    if not isinstance(pattern, PhaseTransitionPattern) or pattern.at is None:
        return 0, 0
    low, high = pattern.at_low, pattern.at_high
    return (pattern.at, pattern.at) if low is None or high is None else (low, high)
