"""Other candidates of a checkpoint, beside one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from crackle_stream.cooling.considered import Considered
from crackle_stream.cooling.explanation import Rival
from crackle_stream.cooling.weighed import Weighed
from crackle_stream.detect.significance import threshold_of
from crackle_stream.pattern import Pattern
from crackle_stream.profile import CoolingRate

RIVALS: Final = 6
"""Most candidates that are named; those that passed come first."""


def related_to(weighed: Sequence[Weighed], one: Weighed) -> list[Weighed]:
    """Give the other candidates about some of the same metrics, those that passed first."""
    mine = one.draft.pattern
    others = [
        other
        for other in weighed
        if other.id != one.id
        and other.draft.pattern.group == mine.group
        and set(other.draft.pattern.subject) & set(mine.subject)
    ]

    def rank(other: Weighed) -> tuple[bool, bool, bool, float]:
        theirs = other.draft.pattern
        same = set(theirs.subject) == set(mine.subject)
        return (
            not other.passed,
            theirs.window != mine.window,
            not same,
            other.found.pattern.evidence.q_value,
        )

    return sorted(others, key=rank)


class Rivals:
    """Other candidates, written down."""

    def __init__(self, considered: Considered, rate: CoolingRate) -> None:
        self._considered = considered
        self._rate = rate

    def of(self, others: Sequence[Weighed]) -> tuple[Rival, ...]:
        """Write some of them down."""
        patterns = self._considered.name([other.found for other in others])
        return tuple(self._rival(o, p) for o, p in zip(others, patterns, strict=True))

    def _rival(self, other: Weighed, pattern: Pattern) -> Rival:
        return Rival(
            id=other.id,
            kind=pattern.kind,
            description=pattern.description,
            effect=other.draft.size,
            threshold=threshold_of(other.draft.gate, self._rate),
            q_value=pattern.evidence.q_value,
            level=self._considered.levels[pattern.family],
            passed=other.passed,
            shortfall=self.shortfall(other),
        )

    def shortfall(self, other: Weighed) -> float:
        """Say how many times too small its effect, or too large its q-value is."""
        size, threshold = other.draft.size, threshold_of(other.draft.gate, self._rate)
        less = 0.0
        if threshold is not None:
            less = size / threshold if other.draft.gate == "variation" else threshold / abs(size)
        level = self._considered.levels[other.draft.pattern.family]
        return max(less, other.found.pattern.evidence.q_value / level)

    def nearest(self, weighed: Sequence[Weighed], one: Weighed) -> Rival | None:
        """Give the candidate of the same kind that failed by least."""
        family = one.draft.pattern.family
        failed = [o for o in weighed if o.draft.pattern.family == family and not o.passed]
        failed = [o for o in failed if o.id != one.id and not o.handful]
        if not failed:
            return None
        return self.of([min(failed, key=self.shortfall)])[0]
