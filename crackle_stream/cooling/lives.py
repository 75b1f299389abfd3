"""The life of a pattern over the checkpoints of one plan: appeared, confirmed, changed, gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from crackle_stream.cooling.likeness import Key, bounds, distance, key_of, says
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.detect.findings import Finding
from crackle_stream.pattern import Pattern, Status, pattern_id

REMEMBERED: Final = 10_000
"""Lives; of more, those that were seen longest ago appear again."""
WEAKER: Final = 0.1
"""Confidence that a pattern has lost since it had the most, to be called weakened."""


class Life(Struct):
    """One pattern as it was last seen.

    Parameters
    ----------
    id
        A hash of what it was when it appeared, and of where.
    pattern
        The last of it.
    most
        The most confidence it had since it weakened last, if it did.
    seen
        The turn at which it was seen last.
    gone
        Whether it was looked for since, and not found.
    """

    id: str
    pattern: Pattern
    most: float
    seen: int
    gone: bool = False


class Lives:
    """Follows patterns from checkpoint to checkpoint.

    Two patterns are of one life if they are the same (`likeness`); of several lives the nearest is
    taken. A life that is found again after it was gone goes on, and its pattern has appeared again:
    whoever was told that it went is told that it is back.
    """

    def __init__(self) -> None:
        self._lives: dict[Key, list[Life]] = {}
        self._turn = 0

    def follow(self, report: CoolingReport, looked: Mapping[str | None, int]) -> CoolingReport:
        """Give a checkpoint's report with the life and status of each of its patterns.

        A change that lies before all that was looked at is history, and is not said to be gone;
        nor is anything where not all was looked at.

        Parameters
        ----------
        report
            Of the checkpoint that follows the one that was followed last.
        looked
            The log position from which events were looked at, by label group.
        """
        self._turn += 1
        known = {key: tuple(lives) for key, lives in self._lives.items()}
        patterns = tuple(self._lived(pattern, known) for pattern in report.patterns)
        in_sight = {} if report.partial else looked
        missing = [life for life in self._all() if self._is_missing(life, in_sight)]
        for life in missing:
            life.gone = True
        self._forget()
        ends = tuple(_end(life, report.checkpoint) for life in missing)
        return replace(report, patterns=patterns, gone=ends)

    def _lived(self, pattern: Pattern, known: Mapping[Key, Sequence[Life]]) -> Pattern:
        """Let the life of a pattern go on, or begin one."""
        key = key_of(pattern)
        life = _nearest(pattern, known.get(key, ()))
        status = pattern.status or _status(life, pattern)
        # What begins may be seen twice at once, in two windows.
        life = life or _nearest(pattern, self._lives.get(key, ())) or self._begin(key, pattern)
        # What has weakened is told once: from here on it is held against what is left.
        least = 0.0 if status == "weakened" else life.most
        life.pattern, life.most = pattern, max(least, pattern.confidence)
        life.seen, life.gone = self._turn, False
        return replace(pattern, life=life.id, status=status)

    def _begin(self, key: Key, pattern: Pattern) -> Life:
        life = Life(pattern_id("life", pattern.id, self._turn), pattern, 0.0, self._turn)
        self._lives.setdefault(key, []).append(life)
        return life

    def _is_missing(self, life: Life, looked: Mapping[str | None, int]) -> bool:
        if life.gone or life.seen == self._turn or life.pattern.group not in looked:
            return False
        return bounds(life.pattern)[1] >= looked[life.pattern.group]

    def _all(self) -> Iterator[Life]:
        return (life for lives in self._lives.values() for life in lives)

    def _forget(self) -> None:
        spare = sum(map(len, self._lives.values())) - REMEMBERED
        if spare > 0:
            oldest = sorted(life.seen for life in self._all())[spare - 1]
            kept = {k: [x for x in v if x.seen > oldest] for k, v in self._lives.items()}
            self._lives = {key: lives for key, lives in kept.items() if lives}


def _nearest(pattern: Pattern, lives: Sequence[Life]) -> Life | None:
    away = [(distance(life.pattern, pattern), place) for place, life in enumerate(lives)]
    nearest, place = min(away, default=(np.inf, 0))
    return lives[place] if np.isfinite(nearest) else None


def _status(life: Life | None, pattern: Pattern) -> Status:
    if life is None or life.gone:
        return "appeared"
    if says(pattern) != says(life.pattern):
        return "changed"
    return "weakened" if pattern.confidence <= life.most - WEAKER else "confirmed"


def _end(life: Life, checkpoint: int) -> Pattern:
    return replace(life.pattern, life=life.id, status="gone", checkpoint=checkpoint)


def new_findings(report: CoolingReport) -> list[Finding]:
    """Give the findings of which no pattern was there before or is acknowledged, in order."""
    old = {p.id for p in report.patterns if p.status not in (None, "appeared")}
    return [finding for finding in report.findings if old.isdisjoint(finding.patterns)]
