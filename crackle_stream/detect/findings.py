"""Patterns that share a place and a cause become one finding, with one headline."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from crackle_stream.detect.headline import Known, headline
from crackle_stream.detect.kinship import Key, Rank, bounds_of, find_keys, place_within, width_of
from crackle_stream.detect.returns import Returns, find_returns
from crackle_stream.detect.twins import Twins
from crackle_stream.pattern import CUSTOM, ConservationPattern, Pattern, PhaseTransitionPattern

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


TINY: Final = 1e-9
"""Smaller effects are as large as each other."""

WITHIN: Final = ("phase_transition", "conservation", "clustering", "correlation", CUSTOM)
"""Within a finding groups come before the correlations that they make."""


class Finding(Struct, frozen=True):
    """What happened, once, however many patterns show it.

    Parameters
    ----------
    id
        Stateless: a hash of the ids of its patterns.
    headline
        One sentence.
    patterns
        Ids of its patterns: ends of laws before changes before laws that hold before what follows
        from them; of these the best placed first, then the surest, then the largest.
    """

    id: str
    headline: str
    patterns: tuple[str, ...]


def find_findings(
    patterns: Sequence[Pattern], rank: Rank = int
) -> tuple[tuple[Pattern, ...], tuple[Finding, ...]]:
    """Group the patterns of one checkpoint by place and cause.

    Changes belong together where their intervals overlap, whatever the metric, window or label
    group: the narrowest interval is placed first and others join it, so that a wide one cannot
    bridge two places. Metrics that a law makes one quantity in two units (`Twins`) count as one
    throughout, and their law is told once. A law that broke joins the changes where it did, and so
    do groups of tasks that follow one another in time (`ClusteringPattern.borders`) where one of
    their metrics shifted in that window: then they are what was before and what was after. A
    correlation of two metrics of a law belongs to the law, and so does a looser law that is the
    same but for a metric that all but equals one of its own. Other correlations belong together
    when their metrics are connected, other clusters when they divide one window, drifts when they
    are seen in one window; the same law, or correlations among the same metrics, in several windows
    or label groups are one finding. What detectors of your own find makes findings of its own, by
    detector, form, place and subject, so that it changes no other.

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
    twins, returns = Twins(patterns), find_returns(patterns, rank)
    keys = find_keys(patterns, rank, twins)
    groups: dict[Key, list[Pattern]] = {}
    for pattern, key in zip(patterns, keys, strict=True):
        groups.setdefault(key, []).append(pattern)
    for members in groups.values():
        members.sort(key=lambda member: _order(member, rank))
    known = Known(twins, returns, _steps(groups))
    findings = {key: _finding(members, known) for key, members in groups.items()}
    marked = (
        replace(pattern, finding=findings[key].id)
        for pattern, key in zip(patterns, keys, strict=True)
    )
    ordered = sorted(groups, key=_ordering(groups, twins, returns, rank))
    return tuple(marked), tuple(findings[key] for key in ordered)


def _ordering(
    groups: dict[Key, list[Pattern]], twins: Twins, returns: Returns, rank: Rank
) -> Callable[[Key], tuple[tuple[float, ...], int]]:
    """Order findings by prominence; what is undone later is as prominent, and comes before."""
    prominence = {key: _prominence(members, twins, rank) for key, members in groups.items()}
    homes = {member.id: key for key, members in groups.items() for member in members}
    for member, key in homes.items():
        origin = homes[returns[member].id] if member in returns else key
        prominence[origin] = min(prominence[origin], prominence[key])
    places = {key: _first(members, rank) for key, members in groups.items()}
    return lambda key: (prominence[key], places[key])


def _prominence(members: Sequence[Pattern], twins: Twins, rank: Rank) -> tuple[float, ...]:
    """Order what is believed before what is doubted, changes before the rest, many metrics first.

    Then what is surer by a tenth, and twice as large; others in the order of analysis, so that an
    incident is told before its end.
    """
    changed = any(bounds_of(member) is not None for member in members)
    sure = max(member.confidence for member in members)
    return (
        -min(sure, BELIEVED),
        -1 if changed else min(ORDER.index(member.kind) for member in members),
        -len(frozenset().union(*(twins.subject(member) for member in members))),
        -round(sure, 1),
        -round(math.log2(max([TINY, *(member.evidence.effect for member in members)]))),
        _first(members, rank),
    )


def _first(members: Sequence[Pattern], rank: Rank) -> int:
    """Give the place of the first change, in the order of analysis."""
    bounds = [found for member in members if (found := bounds_of(member)) is not None]
    return min((rank(at) for _, at, _ in bounds), default=0)


def _order(pattern: Pattern, rank: Rank) -> tuple[float, ...]:
    """Order the patterns of a finding: a law ends at an exact place, a setting may be the cause."""
    bounds = bounds_of(pattern)
    width = 0 if bounds is None else width_of(place_within(bounds, rank))
    loose = pattern.residual if isinstance(pattern, ConservationPattern) else 0.0
    set_anew = isinstance(pattern, PhaseTransitionPattern) and _is_exact(pattern)
    ended = isinstance(pattern, ConservationPattern) and pattern.broke_at is not None
    kind = -1 if ended else WITHIN.index(pattern.kind)
    return kind, not set_anew, width, -pattern.confidence, loose, -pattern.evidence.effect


def _is_exact(change: PhaseTransitionPattern) -> bool:
    before, after = change.before, change.after
    return before is not None and after is not None and before.std == after.std == 0


def _steps(groups: dict[Key, list[Pattern]]) -> list[list[PhaseTransitionPattern]]:
    """Give the changes of level of each place."""
    shifts = (
        [m for m in members if isinstance(m, PhaseTransitionPattern) and m.form == "level"]
        for members in groups.values()
    )
    return [changes for changes in shifts if changes]


def _finding(members: Sequence[Pattern], known: Known) -> Finding:
    ids = tuple(dict.fromkeys(pattern.id for pattern in members))
    digest = hashlib.sha256(msgspec.json.encode(sorted(ids))).hexdigest()
    return Finding(digest[:12], headline(members, known), ids)
