"""The patterns of a finding side by side: one grid a kind, in cells of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from msgspec import Struct

from crackle_stream.detect.describe import figure, law, moved, sides
from crackle_stream.detect.kinds_of_task import name_groups, telling
from crackle_stream.pattern import (
    CUSTOM,
    ClusteringPattern,
    ConservationPattern,
    CorrelationPattern,
    CustomPattern,
    Pattern,
    PhaseTransitionPattern,
)
from crackle_stream.report.facts import sureness

MOST_ROWS: Final = 12
"""A grid shows this many patterns; the rest is counted."""

CENTRES: Final = 3
"""In so many metrics the centres of groups are shown."""

Row: TypeAlias = tuple[str, ...]
Layout: TypeAlias = tuple[Row, int, Callable[[Any], Row]]
"""Heads, how many columns hold words, and the row of a pattern."""


class Grid(Struct, frozen=True):
    """Cells of text under heads.

    Parameters
    ----------
    heads
        One a column.
    rows
        At most `MOST_ROWS`.
    words
        How many columns from the left hold words; the others hold numbers.
    more
        Patterns that are not shown.
    """

    heads: Row
    rows: tuple[Row, ...]
    words: int
    more: int = 0


def grids(members: Sequence[Pattern]) -> list[Grid]:
    """Lay patterns out by kind, in the order in which the kinds first come up.

    One that is alone of the kind of the finding stands in its headline already.
    """
    kinds = dict.fromkeys(member.kind for member in members)
    laid = {kind: [member for member in members if member.kind == kind] for kind in kinds}
    if len(laid[members[0].kind]) == 1:
        del laid[members[0].kind]
    return [_grid(kind, alike) for kind, alike in laid.items()]


def _grid(kind: str, members: Sequence[Pattern]) -> Grid:
    if kind == "clustering":
        heads, words, row = _groups([m for m in members if isinstance(m, ClusteringPattern)])
    elif kind == "conservation":
        heads, words, row = _laws([m for m in members if isinstance(m, ConservationPattern)])
    else:
        heads, words, row = _LAYOUTS[kind]
    rows = [(*row(member), sureness(member.confidence)) for member in members[:MOST_ROWS]]
    return Grid((*heads, "sure"), tuple(rows), words, max(0, len(members) - MOST_ROWS))


def _change(pattern: PhaseTransitionPattern) -> Row:
    before, after = (figure(side) if side == side else "" for side in sides(pattern))
    at = "" if pattern.at is None else str(pattern.at)
    unit = {"spread": " (sd)", "trend": " (slope)"}.get(pattern.form, "")
    return _named(pattern, moved(pattern)), f"{pattern.form}{unit}", at, before, after


def _groups(members: Sequence[ClusteringPattern]) -> Layout:
    """Show the centres of the groups in the metrics that tell them apart best."""
    names = telling(members)[:CENTRES]
    labels = dict(zip((m.id for m in members), name_groups(members), strict=True))
    labelled = any(labels.values())

    def row(pattern: ClusteringPattern) -> Row:
        centre = [figure(pattern.center[n]) if n in pattern.center else "" for n in names]
        told = _named(pattern, str(pattern.size)), *centre, f"{pattern.separation:.1f}"
        return (labels[pattern.id], *told) if labelled else told

    heads = ("size", *names, "separation")
    return ("like", *heads) if labelled else heads, int(labelled), row


def _laws(members: Sequence[ConservationPattern]) -> Layout:
    """Show where laws ended only beside those that did."""
    ended = any(member.broke_at is not None for member in members)

    def row(pattern: ConservationPattern) -> Row:
        broken = str(pattern.exception_count or 0)
        end = "" if pattern.broke_at is None else str(pattern.broke_at)
        told = _named(pattern, law(pattern)), figure(pattern.residual), broken
        return (*told, end) if ended else told

    heads = ("law", "residual", "broken by")
    return (*heads, "ended at") if ended else heads, 1, row


def _pair(pattern: CorrelationPattern) -> Row:
    pair = f"{pattern.subject[0]}, {pattern.subject[1]}"
    return _named(pattern, pair), pattern.form, f"{pattern.r:.2f}", str(pattern.lag)


def _claim(pattern: CustomPattern) -> Row:
    at = "" if pattern.at is None else str(pattern.at)
    return (
        _named(pattern, ", ".join(pattern.subject)),
        pattern.form,
        at,
        figure(pattern.evidence.effect),
    )


def _named(pattern: Pattern, text: str) -> str:
    return text if pattern.group is None else f"{pattern.group}: {text}"


_LAYOUTS: Final[dict[str, Layout]] = {
    "phase_transition": (("metric", "change", "position", "before", "after"), 2, _change),
    "correlation": (("metrics", "form", "coefficient", "lag"), 2, _pair),
    CUSTOM: (("metrics", "form", "position", "effect"), 2, _claim),
}
