"""What people ask of a finding: where, how sure, who. The same in every rendering for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from crackle_stream.detect.describe import moment, place_of, tasks
from crackle_stream.event import ANONYMOUS
from crackle_stream.pattern import (
    ConservationPattern,
    CustomPattern,
    Pattern,
    PhaseTransitionPattern,
    Span,
    Stretch,
)

SHOWN: Final = 5
"""Labels and positions that are listed; the rest is counted."""


def facts(members: Sequence[Pattern]) -> list[tuple[str, str]]:
    """Give name and text of each fact about a finding.

    Its first pattern speaks for it: what ended or changed, where something did.

    Parameters
    ----------
    members
        The patterns of the finding, strongest first.
    """
    lead = members[0]
    told = [("where", _where(lead)), *_course(lead)]
    told += [("sure", _sure(lead)), ("tasks", _who([m for m in members if m.kind == lead.kind]))]
    return [(name, text) for name, text in told if text]


def sureness(confidence: float) -> str:
    """Write a confidence, rounded down: no pattern is certain.

    Examples
    --------
    >>> sureness(0.9999)
    '0.99'
    """
    return f"{math.floor(confidence * 100) / 100:.2f}"


def _where(lead: Pattern) -> str:
    if isinstance(lead, PhaseTransitionPattern | CustomPattern) and lead.at is not None:
        return _change(lead)
    if isinstance(lead, ConservationPattern) and lead.broke_at is not None:
        return placed(lead)
    return stretch(lead.holds if isinstance(lead, ConservationPattern) else lead.window, lead)


def stretch(ends: Span | Stretch, pattern: Pattern) -> str:
    """Name a stretch of the window of a pattern: by times, if it has any, and by positions.

    Positions bound no stretch of a log that is not in time order.
    """
    window = pattern.window
    if ends.first_time is None or ends.last_time is None:
        return f"positions {ends.first} to {ends.last}"
    span = f"{moment(ends.first_time)} to {moment(ends.last_time)}"
    if not 0 <= window.n - 1 <= window.last - window.first:
        return span
    return f"{span}, positions {ends.first} to {ends.last}"


def _course(lead: Pattern) -> list[tuple[str, str]]:
    """Say of a law from where to where it held, if it ended, and which tasks broke it."""
    if not isinstance(lead, ConservationPattern):
        return []
    held = "" if lead.broke_at is None else stretch(lead.holds, lead)
    return [("held", held), ("broken at", _broken(lead))]


def placed(pattern: PhaseTransitionPattern | CustomPattern | ConservationPattern) -> str:
    """Name the task at a change or at the end of a law by label, time and position."""
    at = pattern.broke_at if isinstance(pattern, ConservationPattern) else pattern.at
    alone = f"position {at}"
    return alone if place_of(pattern) == alone else f"{place_of(pattern)}, {alone}"


def _change(lead: PhaseTransitionPattern | CustomPattern) -> str:
    position = f"position {lead.at}{_between(lead)}"
    ranks = [ordinal(int(x) + 1) for name, x in lead.metrics.items() if name == "place"]
    place = [f"{rank} in time" for rank in ranks]
    named = [] if place_of(lead) == f"position {lead.at}" else [place_of(lead)]
    return ", ".join([*named, *place, position])


def ordinal(number: int) -> str:
    """Write a rank.

    Examples
    --------
    >>> [ordinal(n) for n in (1, 2, 3, 4, 11, 72, 112)]
    ['1st', '2nd', '3rd', '4th', '11th', '72nd', '112th']
    """
    teens = 10 < number % 100 < 20
    return f"{number:,}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _between(lead: PhaseTransitionPattern | CustomPattern) -> str:
    if isinstance(lead, CustomPattern):
        # Where the log is not in time order, positions bound no stretch of time.
        known = lead.at is not None and lead.until is not None and lead.until > lead.at
        return f" until {lead.until}" if known else ""
    low, at, high = lead.at_low, lead.at, lead.at_high
    if low is None or at is None or high is None or not low <= at <= high or low == high:
        # Also where the log is not in time order.
        return ""
    return f" (between {low} and {high})"


def _sure(lead: Pattern) -> str:
    proof = lead.evidence
    hypotheses = "1 hypothesis" if proof.tested == 1 else f"{proof.tested} hypotheses"
    shown = f"{_chance(proof.q_value)}, {tasks(proof.n)}, {hypotheses}"
    text = f"{sureness(lead.confidence)} ({shown}), id {lead.id}"
    return f"{text}; time ran out before everything was looked at" if lead.partial else text


def _chance(q_value: float) -> str:
    """Write a q-value; one too small for a float is no proof of certainty."""
    return f"q = {q_value:.2g}" if q_value else "q < 1e-300"


def _broken(lead: ConservationPattern) -> str:
    positions = [str(position) for position in lead.exceptions or ()]
    return _first(positions, lead.exception_count or len(positions))


def _who(members: Sequence[Pattern]) -> str:
    """Name the tasks; a change says itself where it is, and one label for all tells no task."""
    labels = list(dict.fromkeys(label for member in members for label in member.involved_tasks))
    count = max([len(labels), *(member.involved_count for member in members)])
    if isinstance(members[0], PhaseTransitionPattern) or len(labels) == 1 < count:
        return ""
    return "" if labels == [ANONYMOUS] else _first(labels, count)


def _first(items: Sequence[str], count: int) -> str:
    rest = count - min(len(items), SHOWN)
    return ", ".join([*items[:SHOWN]]) + (f" and {rest} more" if items and rest else "")
