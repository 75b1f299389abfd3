"""Patterns that somebody has acknowledged: they alarm no more until they change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from crackle_stream.cooling.likeness import distance, key_of, says
from crackle_stream.pattern import Pattern, pattern_id


class Acknowledgement(Struct, frozen=True):
    """One pattern that somebody knows of, or no longer wants to be taken as known.

    Parameters
    ----------
    key
        A hash of what a pattern must share with it to be the same: its label group is no one's to
        read here, since it may have to be forgotten.
    pattern
        The pattern without labels.
    since
        Checkpoints at this position or later see the acknowledgement.
    reason
        Why nobody need hear of it again.
    withdrawn
        Whether this takes an acknowledgement back.
    """

    key: str
    pattern: Pattern
    since: int
    reason: str = ""
    withdrawn: bool = False

    @classmethod
    def of(
        cls, pattern: Pattern, since: int, reason: str = "", *, withdrawn: bool = False
    ) -> Acknowledgement:
        """Acknowledge a pattern from a position on, or take that back."""
        bare: dict[str, Any] = dict.fromkeys(("group", "finding", "life", "status"))
        bare |= {"description": "", "involved_tasks": ()}
        if hasattr(pattern, "at_label"):
            bare["at_label"] = None
        return cls(_hash(pattern), replace(pattern, **bare), since, reason, withdrawn)


class Acknowledgements:
    """What is acknowledged after all that was decided, in that order."""

    def __init__(self, decided: Iterable[Acknowledgement]) -> None:
        self._known: dict[str, list[Acknowledgement]] = {}
        for one in decided:
            known = self._known.setdefault(one.key, [])
            known[:] = [other for other in known if not _alike(other.pattern, one.pattern)]
            known += [] if one.withdrawn else [one]

    def of(self, pattern: Pattern) -> Acknowledgement | None:
        """Give the acknowledgement of a pattern that still says what it said then."""
        known = self._known.get(_hash(pattern), ())
        return next((one for one in known if _alike(one.pattern, pattern)), None)

    def over(self, patterns: Sequence[Pattern]) -> list[Pattern]:
        """Give the patterns, those that are acknowledged with that status."""
        if not self._known:
            return list(patterns)
        return [
            pattern if self.of(pattern) is None else replace(pattern, status="acknowledged")
            for pattern in patterns
        ]


def _hash(pattern: Pattern) -> str:
    return pattern_id("likeness", *key_of(pattern))


def _alike(one: Pattern, other: Pattern) -> bool:
    return bool(np.isfinite(distance(one, other))) and says(one) == says(other)
