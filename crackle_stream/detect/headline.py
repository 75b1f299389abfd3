"""One sentence for several patterns that belong together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from crackle_stream.detect.describe import (
    describe,
    law,
    listed,
    movement,
    place_of,
    tasks,
)
from crackle_stream.pattern import (
    ClusteringPattern,
    ConservationPattern,
    CorrelationPattern,
    CustomPattern,
    Pattern,
    PhaseTransitionPattern,
)

NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def headline(members: Sequence[Pattern]) -> str:
    """Say in one sentence what the patterns of one finding show together.

    Parameters
    ----------
    members
        At least one, strongest first, as `find_findings` groups them.
    """
    # Groups beside a change are what was before and after, which the change says.
    members = [m for m in members if not isinstance(m, ClusteringPattern)] or members
    lead = members[0]
    if isinstance(lead, CustomPattern):
        return _lasting(lead, members)
    if isinstance(lead, CorrelationPattern):
        return _web(lead, [m for m in members if isinstance(m, CorrelationPattern)])
    if isinstance(lead, ClusteringPattern):
        return _division([m for m in members if isinstance(m, ClusteringPattern)])
    if isinstance(lead, PhaseTransitionPattern) and lead.at is None:
        return _wandering(lead, members)
    if isinstance(lead, ConservationPattern) and lead.broke_at is None:
        return _lasting(lead, [m for m in members if isinstance(m, ConservationPattern)])
    return _change(members)


def in_words(number: int) -> str:
    """Write a small number as a word.

    Examples
    --------
    >>> in_words(3), in_words(12)
    ('three', '12')
    """
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def telling(members: Sequence[ClusteringPattern]) -> list[str]:
    """Name the metrics of groups, those first whose centres lie furthest apart for their spread."""
    names = sorted({name for member in members for name in member.center})
    return sorted(names, key=lambda name: -_apart(members, name))


def _apart(members: Sequence[ClusteringPattern], name: str) -> float:
    centres = [member.center[name] for member in members if name in member.center]
    spreads = [member.spread.get(name, 0.0) for member in members]
    apart, within = max(centres) - min(centres), max(spreads)
    if within:
        return apart / within
    return math.inf if apart else 0.0


def _change(members: Sequence[Pattern]) -> str:
    """Changes at one place, and the laws that broke there."""
    acts: dict[tuple[object, ...], Pattern] = {}
    for member in members:
        acts.setdefault((member.group, member.subject, getattr(member, "form", None)), member)
    if len(acts) == 1:
        return describe(members[0])
    metrics = {m.subject for m in members if isinstance(m, PhaseTransitionPattern)}
    what = f" {in_words(len(metrics))} metrics changed together" if len(metrics) > 1 else ""
    told = listed(list(dict.fromkeys(_act(act) for act in acts.values())))
    return f"{_groups(members)}at {_where(members)}{what}: {told}"


def _act(member: Pattern) -> str:
    if isinstance(member, ConservationPattern):
        return f"{law(member)} no longer holds"
    return movement(member) if isinstance(member, PhaseTransitionPattern) else describe(member)


def _where(members: Sequence[Pattern]) -> str:
    for member in members:
        if isinstance(member, PhaseTransitionPattern | ConservationPattern):
            return place_of(member)
    return ""


def _web(lead: CorrelationPattern, members: Sequence[CorrelationPattern]) -> str:
    """Pairs of metrics that are connected."""
    pairs = {tuple(sorted(member.subject)) for member in members}
    if len(pairs) == 1:
        return _lasting(lead, members)
    metrics = sorted({name for pair in pairs for name in pair})
    sizes = [abs(member.r) for member in members]
    span = f"from {min(sizes):.2f} to {max(sizes):.2f}"
    told = f"{in_words(len(metrics))} metrics are correlated: {listed(metrics)}"
    return f"{_groups(members)}{told} ({len(pairs)} pairs, coefficients {span})"


def _division(members: Sequence[ClusteringPattern]) -> str:
    """Groups of the tasks of one window."""
    if len(members) == 1:
        return describe(members[0])
    sizes = listed([str(member.size) for member in members])
    told = f"{tasks(members[0].window.n)} fall into {in_words(len(members))} groups, of {sizes}"
    return f"{_groups(members)}{told}, told apart by {listed(telling(members), most=3)}"


def _wandering(lead: Pattern, members: Sequence[Pattern]) -> str:
    metrics = sorted({member.subject[0] for member in members})
    if len(metrics) == 1:
        return describe(lead)
    alike = any("slope" in member.metrics for member in members)
    how = "drift without a single change" if alike else "wander like random walks"
    told = f"{in_words(len(metrics))} metrics {how}: {listed(metrics)}"
    return f"{_groups(members)}{told}"


def _groups(members: Sequence[Pattern]) -> str:
    groups = sorted({member.group for member in members if member.group is not None})
    if not groups:
        return ""
    return f"in {groups[0]}: " if len(groups) == 1 else f"in {in_words(len(groups))} groups: "


def _lasting(lead: Pattern, members: Sequence[Pattern]) -> str:
    """What is seen once, or again in other windows or label groups."""
    groups = {member.group for member in members}
    if len(groups) > 1:
        return f"{describe(replace(lead, group=None))}, in {in_words(len(groups))} groups"
    windows = {(member.window.first, member.window.last) for member in members}
    return describe(lead) + (f", in {in_words(len(windows))} windows" if len(windows) > 1 else "")
