"""Which patterns belong together: what each shares with the others of its finding."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final, NamedTuple, TypeAlias

from crackle_stream.detect.kinds_of_task import kinds_of, makes
from crackle_stream.detect.twins import Twins, is_conversion
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

ALIKE: Final = 0.99
"""Two metrics so correlated stand for one another in laws that hold within so much."""

Key: TypeAlias = tuple[str | int | None, ...]
Rank: TypeAlias = Callable[[int], int]
Laws: TypeAlias = Sequence[ConservationPattern]
Terms: TypeAlias = frozenset[str]
"""The metrics of a pattern, those that are one quantity under one name."""
Nets: TypeAlias = dict[tuple[str | None, str], tuple[str, ...]]
"""The metrics that each metric of a label group is connected with, itself among them."""


class Place(NamedTuple):
    """The first task after a change, and between which it lies, in the order of analysis."""

    low: int
    at: int
    high: int


def find_keys(patterns: Sequence[Pattern], rank: Rank, twins: Twins) -> list[Key]:
    """Give each pattern what it shares with all others of its finding, and with no other."""
    places = _places(patterns, rank)
    places |= _followed(patterns, places, rank)
    correlations = [p for p in patterns if isinstance(p, CorrelationPattern)]
    laws = [p for p in patterns if isinstance(p, ConservationPattern)]
    laws.sort(key=lambda law: law.id in places)
    stands_for: dict[str, Pattern] = _echoes(laws, correlations, twins)
    between = _laws_between(laws, twins)
    for pair in correlations:
        law = between(pair)
        stands_for |= {} if law is None else {pair.id: stands_for.get(law.id, law)}
    stands_for |= _made(patterns, [p for p in correlations if p.id not in stands_for], places)
    nets = _nets((p for p in correlations if p.id not in stands_for), twins)
    return [_key(stands_for.get(p.id, p), places, nets, twins) for p in patterns]


def _laws_between(
    laws: Laws, twins: Twins
) -> Callable[[CorrelationPattern], ConservationPattern | None]:
    """Give what finds the first law that makes two metrics move together.

    Both are terms of it; or one is, and the other of a law that shares two of its terms.
    """
    # Many windows have the same laws: the first of each is enough.
    same: dict[tuple[str | None, Terms], ConservationPattern] = {}
    known: dict[str | None, dict[Terms, ConservationPattern]] = {}
    for law in laws:
        terms = twins.subject(law)
        known.setdefault(law.group, {}).setdefault(terms, law)
        if is_conversion(law):
            same.setdefault((law.group, terms), law)

    def between(pair: CorrelationPattern) -> ConservationPattern | None:
        both, own = twins.subject(pair), known.get(pair.group, {})
        if len(both) == 1:
            return same.get((pair.group, both))
        direct = (law for terms, law in own.items() if both <= terms)
        through = (law for terms, law in own.items() if both & terms and _reach(terms, both, own))
        return next(chain(direct, through), None)

    return between


def _reach(terms: Terms, both: Terms, own: Iterable[Terms]) -> bool:
    return any(both <= terms | more and len(terms & more) > 1 for more in own)


def _made(
    patterns: Sequence[Pattern], correlations: Sequence[CorrelationPattern], places: dict[str, int]
) -> dict[str, Pattern]:
    """Give the groups of tasks that make each correlation, where some do."""
    scenes: dict[tuple[object, ...], list[ClusteringPattern]] = {}
    steps: dict[tuple[object, ...], dict[int, list[PhaseTransitionPattern]]] = {}
    for pattern in patterns:
        if isinstance(pattern, ClusteringPattern) and pattern.id not in places:
            scenes.setdefault(_scene(pattern), []).append(pattern)
        if isinstance(pattern, PhaseTransitionPattern) and pattern.form == "level":
            here = steps.setdefault(_scene(pattern), {})
            here.setdefault(places[pattern.id], []).append(pattern)
    made: dict[str, Pattern] = {}
    for scene, groups in scenes.items():
        kinds, _ = kinds_of(groups, steps.get(scene, {}).values())
        own = (pair for pair in correlations if _scene(pair) == scene and makes(kinds, pair))
        made |= {pair.id: groups[0] for pair in own}
    return made


def _echoes(
    laws: Laws, correlations: Iterable[CorrelationPattern], twins: Twins
) -> dict[str, Pattern]:
    """Give the law that a looser one repeats.

    With a metric that all but equals one of its own; or with some of the metrics of one that holds
    exactly, as the two of a ratio do while the third varies little.
    """
    alike = {(p.group, twins.subject(p)) for p in correlations if abs(p.r) >= ALIKE}
    tightest: dict[tuple[str | None, str], dict[Terms, ConservationPattern]] = {}
    exact: dict[str | None, dict[Terms, ConservationPattern]] = {}
    echoes: dict[str, Pattern] = {}
    for law in sorted(laws, key=lambda law: law.residual):
        terms = twins.subject(law)
        others = tightest.setdefault((law.group, law.form), {})
        near = (
            tighter
            for theirs, tighter in others.items()
            if len(terms & theirs) > 1 and (law.group, terms ^ theirs) in alike
        )
        whole = (other for theirs, other in exact.get(law.group, {}).items() if terms < theirs)
        tighter_ones = chain(near, () if law.broke_at is not None else whole)
        first = next((other for other in tighter_ones if other.residual < law.residual), None)
        if first is not None:
            echoes[law.id] = echoes.get(first.id, first)
        others.setdefault(terms, law)
        if law.residual == 0 and law.broke_at is None:
            exact.setdefault(law.group, {}).setdefault(terms, law)
    return echoes


def _key(pattern: Pattern, places: dict[str, int], nets: Nets, twins: Twins) -> Key:
    if isinstance(pattern, CorrelationPattern):
        return ("correlation", *nets[pattern.group, twins.of(pattern.group, pattern.subject[0])])
    if pattern.id in places:
        return ("place", places[pattern.id])
    if isinstance(pattern, ConservationPattern):
        told = sorted(twins.of(pattern.group, name) for name in pattern.terms)
        return ("same", told[0]) if is_conversion(pattern) else ("law", pattern.form, *told)
    if isinstance(pattern, CustomPattern):
        return (CUSTOM, pattern.detector, pattern.form, pattern.at, *pattern.subject)
    window = pattern.window
    return (pattern.kind, pattern.group, window.first, window.last, window.n)


def bounds_of(pattern: Pattern) -> tuple[int, int, int] | None:
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


def place_within(bounds: tuple[int, int, int], rank: Rank) -> Place:
    """Give the place of bounds in the order of analysis."""
    low, at, high = map(rank, bounds)
    # Without ranks, positions do not bound a stretch of a log that is not in time order.
    return Place(low, at, high) if low <= at <= high else Place(at, at, at)


def _places(patterns: Sequence[Pattern], rank: Rank) -> dict[str, int]:
    """Number the places of changes, by id: narrow intervals make places, wide ones join them."""
    bounds = {pattern.id: bounds_of(pattern) for pattern in patterns}
    changes = {name: place_within(ends, rank) for name, ends in bounds.items() if ends is not None}
    numbers: dict[str, int] = {}
    found: list[Place] = []
    ordered: list[tuple[int, int]] = []
    for name, place in sorted(changes.items(), key=lambda item: (width_of(item[1]), item)):
        # None of those found is wider, so that only those whose `at` is so near can meet it.
        reach = NEAR + width_of(place)
        first = bisect_left(ordered, (place.low - reach, 0))
        stop = bisect_right(ordered, (place.high + reach, len(found)))
        near = [i for _, i in ordered[first:stop] if _gap(place, found[i]) <= NEAR]
        if not near:
            near = [len(found)]
            insort(ordered, (place.at, len(found)))
            found.append(place)
        numbers[name] = min(near, key=lambda i: (abs(place.at - found[i].at), i))
    return numbers


def _followed(patterns: Sequence[Pattern], places: dict[str, int], rank: Rank) -> dict[str, int]:
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
    changes: Sequence[PhaseTransitionPattern], place: int, rank: Rank
) -> PhaseTransitionPattern:
    def away(change: PhaseTransitionPattern) -> int:
        return abs(rank(change.at or 0) - place)

    return min(changes, key=away)


def width_of(place: Place) -> int:
    """Count the tasks between the bounds of a place."""
    return place.high - place.low


def _gap(one: Place, other: Place) -> int:
    return max(0, one.low - other.high, other.low - one.high)


def _nets(correlations: Iterable[CorrelationPattern], twins: Twins) -> Nets:
    """Find the connected components of the graph whose edges are the correlations."""
    nets: Nets = {}
    for found in correlations:
        ends = [(found.group, twins.of(found.group, name)) for name in found.subject]
        joined = tuple(sorted({name for end in ends for name in nets.get(end, (end[1],))}))
        nets.update({(found.group, name): joined for name in joined})
    return nets
