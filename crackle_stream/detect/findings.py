"""Patterns that share a place and a cause become one finding, with one headline."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from crackle_stream.detect.headline import headline
from crackle_stream.pattern import (
    CUSTOM,
    ClusteringPattern,
    ConservationPattern,
    CorrelationPattern,
    CustomPattern,
    Pattern,
    PhaseTransitionPattern,
)

NEAR: Final = 3
"""Changes this many tasks apart are at the same place, however narrow their intervals."""

BELIEVED: Final = 0.8
"""Findings at least so sure are told in the order of what they are about."""

ORDER: Final[tuple[str, ...]] = (
    "phase_transition",
    "conservation",
    "correlation",
    "clustering",
    CUSTOM,
)
"""Among equals, what happened comes before what always holds; groups often follow from both."""

Key: TypeAlias = tuple[str | int | None, ...]
Nets: TypeAlias = dict[tuple[str | None, str], tuple[str, ...]]
"""The metrics that each metric of a label group is connected with, itself among them."""


class Place(NamedTuple):
    """The first task after a change, and between which it lies, in the order of analysis."""

    low: int
    at: int
    high: int


class Finding(Struct, frozen=True):
    """What happened, once, however many patterns show it.

    Parameters
    ----------
    id
        Stateless: a hash of the ids of its patterns.
    headline
        One sentence.
    patterns
        Ids of its patterns: changes before laws before what follows from them; of these the best
        placed first, then the surest, then the largest.
    """

    id: str
    headline: str
    patterns: tuple[str, ...]


def find_findings(
    patterns: Sequence[Pattern], rank: Callable[[int], int] = int
) -> tuple[tuple[Pattern, ...], tuple[Finding, ...]]:
    """Group the patterns of one checkpoint by place and cause.

    Changes belong together where their intervals overlap, whatever the metric, window or label
    group: the narrowest interval is placed first and others join it, so that a wide one cannot
    bridge two places. A law that broke joins the changes where it did, and so do groups of tasks
    that follow one another in time (`ClusteringPattern.borders`) where one of their metrics
    shifted in that window: then they are what was before and what was after. A correlation of two
    metrics of a law that holds belongs to the law; others belong together when their metrics are
    connected, other clusters when they divide one window, drifts when they are seen in one window;
    the same law, or correlations among the same metrics, in several windows or label groups are
    one finding. What detectors of your own find makes findings of its own, by detector, form, place
    and subject, so that it changes no other.

    Parameters
    ----------
    patterns
        In their final order, with labels and evidence.
    rank
        Gives the place of a log position in the order of analysis; by default the position itself.

    Returns
    -------
    patterns, findings
        The same patterns in the same order, each with its `finding`; findings that are
        believed before those that are doubted, then by `ORDER`, those about many metrics first.
    """
    keys = _keys(patterns, rank)
    groups: dict[Key, list[Pattern]] = {}
    for pattern, key in zip(patterns, keys, strict=True):
        groups.setdefault(key, []).append(pattern)
    for members in groups.values():
        members.sort(key=lambda member: _order(member, rank))
    findings = {key: _finding(members) for key, members in groups.items()}
    marked = (
        replace(pattern, finding=findings[key].id)
        for pattern, key in zip(patterns, keys, strict=True)
    )
    ordered = sorted(groups, key=lambda key: _prominence(groups[key], rank))
    return tuple(marked), tuple(findings[key] for key in ordered)


def _prominence(members: Sequence[Pattern], rank: Callable[[int], int]) -> tuple[float, ...]:
    """Order what is believed before what is doubted, changes before the rest, many metrics first.

    Then what is surer, and larger; those as sure and as large in the order of analysis.
    """
    bounds = [found for member in members if (found := _bounds(member)) is not None]
    sure = max(member.confidence for member in members)
    return (
        -min(sure, BELIEVED),
        -1 if bounds else min(ORDER.index(member.kind) for member in members),
        -len({name for member in members for name in member.subject}),
        -sure,
        -max(member.evidence.effect for member in members),
        min((rank(at) for _, at, _ in bounds), default=0),
    )


def _order(pattern: Pattern, rank: Callable[[int], int]) -> tuple[float, ...]:
    bounds = _bounds(pattern)
    width = 0 if bounds is None else _width(_place(bounds, rank))
    return ORDER.index(pattern.kind), width, -pattern.confidence, -pattern.evidence.effect


def _finding(members: Sequence[Pattern]) -> Finding:
    ids = tuple(dict.fromkeys(pattern.id for pattern in members))
    digest = hashlib.sha256(msgspec.json.encode(sorted(ids))).hexdigest()
    return Finding(digest[:12], headline(members), ids)


def _keys(patterns: Sequence[Pattern], rank: Callable[[int], int]) -> list[Key]:
    """Give each pattern what it shares with all others of its finding, and with no other."""
    places = _places(patterns, rank)
    places |= _followed(patterns, places, rank)
    lasting = [p for p in patterns if isinstance(p, ConservationPattern) and p.id not in places]
    correlations = [p for p in patterns if isinstance(p, CorrelationPattern)]
    implied = {p.id: law for p in correlations if (law := _law_between(p, lasting)) is not None}
    nets = _nets(p for p in correlations if p.id not in implied)
    return [_key(implied.get(p.id, p), places, nets) for p in patterns]


def _law_between(
    pair: CorrelationPattern, laws: Iterable[ConservationPattern]
) -> ConservationPattern | None:
    """Give the first law that both metrics are terms of: it makes them move together."""
    both = set(pair.subject)
    return next((w for w in laws if w.group == pair.group and both <= set(w.subject)), None)


def _key(pattern: Pattern, places: dict[str, int], nets: Nets) -> Key:
    if isinstance(pattern, CorrelationPattern):
        return ("correlation", *nets[pattern.group, pattern.subject[0]])
    if pattern.id in places:
        return ("place", places[pattern.id])
    if isinstance(pattern, ConservationPattern):
        return ("law", pattern.form, *pattern.terms)
    if isinstance(pattern, CustomPattern):
        return (CUSTOM, pattern.detector, pattern.form, pattern.at, *pattern.subject)
    window = pattern.window
    return (pattern.kind, pattern.group, window.first, window.last, window.n)


def _bounds(pattern: Pattern) -> tuple[int, int, int] | None:
    """Give log positions of a change, the least and the greatest likely one around it."""
    if isinstance(pattern, ConservationPattern):
        at = pattern.broke_at
        return None if at is None else (at, at, at)
    if not isinstance(pattern, PhaseTransitionPattern) or pattern.at is None:
        return None
    low, high = pattern.at_low, pattern.at_high
    if low is None or high is None:
        low = high = pattern.at
    return low, pattern.at, high


def _place(bounds: tuple[int, int, int], rank: Callable[[int], int]) -> Place:
    low, at, high = map(rank, bounds)
    # Without ranks, positions do not bound a stretch of a log that is not in time order.
    return Place(low, at, high) if low <= at <= high else Place(at, at, at)


def _places(patterns: Sequence[Pattern], rank: Callable[[int], int]) -> dict[str, int]:
    """Number the places of changes, by id: narrow intervals make places, wide ones join them."""
    bounds = {pattern.id: _bounds(pattern) for pattern in patterns}
    changes = {name: _place(ends, rank) for name, ends in bounds.items() if ends is not None}
    numbers: dict[str, int] = {}
    found: list[Place] = []
    for name, place in sorted(changes.items(), key=lambda item: (_width(item[1]), item)):
        near = [i for i, other in enumerate(found) if _gap(place, other) <= NEAR]
        if not near:
            near = [len(found)]
            found.append(place)
        apart = [abs(place.at - other.at) for other in found]
        numbers[name] = min(near, key=apart.__getitem__)
    return numbers


def _followed(
    patterns: Sequence[Pattern], places: dict[str, int], rank: Callable[[int], int]
) -> dict[str, int]:
    """Give the place of the change that made each group which follows or precedes others."""
    changes: dict[tuple[object, ...], list[PhaseTransitionPattern]] = {}
    for pattern in patterns:
        if isinstance(pattern, PhaseTransitionPattern) and pattern.at is not None:
            changes.setdefault(_scene(pattern), []).append(pattern)
    found: dict[str, int] = {}
    for pattern in patterns:
        if isinstance(pattern, ClusteringPattern) and pattern.borders:
            near = [c for c in changes.get(_scene(pattern), ()) if c.subject[0] in pattern.subject]
            if near:
                found[pattern.id] = places[_nearest(near, rank(pattern.borders[0]), rank).id]
    return found


def _scene(pattern: Pattern) -> tuple[object, ...]:
    window = pattern.window
    return pattern.group, window.first, window.last, window.n


def _nearest(
    changes: Sequence[PhaseTransitionPattern], place: int, rank: Callable[[int], int]
) -> PhaseTransitionPattern:
    def away(change: PhaseTransitionPattern) -> int:
        return abs(rank(change.at or 0) - place)

    return min(changes, key=away)


def _width(place: Place) -> int:
    return place.high - place.low


def _gap(one: Place, other: Place) -> int:
    return max(0, one.low - other.high, other.low - one.high)


def _nets(correlations: Iterable[CorrelationPattern]) -> Nets:
    """Find the connected components of the graph whose edges are the correlations."""
    nets: Nets = {}
    for found in correlations:
        ends = [(found.group, name) for name in found.subject]
        joined = tuple(sorted({name for end in ends for name in nets.get(end, (end[1],))}))
        nets.update({(found.group, name): joined for name in joined})
    return nets
