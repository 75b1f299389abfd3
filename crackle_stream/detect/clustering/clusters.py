"""Tasks that behave alike and unlike the others: groups in the space of all metrics at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.clustering.grouping import Grouping, evenly, group_rows
from crackle_stream.detect.clustering.partition import least_size
from crackle_stream.detect.clustering.presence import usual_sets
from crackle_stream.detect.clustering.stretches import find_borders
from crackle_stream.detect.residual import difference_counters
from crackle_stream.detect.view import View
from crackle_stream.pattern import ClusteringPattern, Evidence, pattern_id
from crackle_stream.table import Table, concatenate

if TYPE_CHECKING:
    from crackle_stream.detect.phase.phases import Phases
    from crackle_stream.detect.roles import Roles

_SHOWN: Final = 20
_NORMAL_MAD: Final = 1.4826


class Membership(Struct, frozen=True):
    """Some tasks of one group.

    Parameters
    ----------
    id
        Of the group's pattern.
    positions
        Log positions of members.
    """

    id: str
    positions: NDArray[np.int64]


def find_clusters(view: View, roles: Roles, phases: Phases) -> Detection:  # noqa: ARG001
    """Find groups of tasks, as hills of density and as overlapping clouds.

    Metrics are put on a robust common scale (`fit_scale`), counters as differences. Tasks that
    report different metrics are looked at apart, the most usual set of metrics first. Points
    are divided at valleys of density in a single-linkage tree of mutual reachability
    (`hills`), and compact ones by Ward's tree with valleys along the lines of centres
    (`clouds`), along all metrics and along the wide principal axes alone. A window of more than
    `MOST_POINTS` rows is represented by an even choice of them in canonical order; `evidence.n`
    says how many, and `size` is then an estimate from the sample.

    The null is that tasks come from one unimodal distribution, in any units, with the serial
    dependence that is seen. The division of a set of metrics counts as one hypothesis; a group's
    p-value is that of the division, or that of its own border where this is larger
    (`independent_parts`). Levels are not taken out first, since kinds of task may well come one
    after the other; but such groups say so (`ClusteringPattern.borders`), and where a metric
    shifted as they changed they belong to that finding. A season or a walk is neither group nor
    shift (`independent_share`), which is why `phases` are not needed.

    Returns
    -------
    Detection
        One candidate a group, at least two or none, by the first member's position.

    References
    ----------
    R. J. G. B. Campello, D. Moulavi and J. Sander, Density-based clustering based on hierarchical
    density estimates, PAKDD, 2013. J. H. Ward, Hierarchical grouping to optimize an objective
    function, JASA 58, 1963.
    """
    table = difference_counters(view.sample, roles)
    tested = _groupings(table, roles)
    groupings = [grouping for grouping in tested if grouping.groups > 1]
    candidates = [
        _candidate(view, table.take(labels == group), grouping, group, borders.get(group))
        for grouping, labels in zip(groupings, _label(groupings, table), strict=True)
        for borders in (_borders(table, labels),)
        for group in by_first_member(labels)
    ]
    return Detection(tuple(candidates), len(tested))


def assign_clusters(view: View, roles: Roles, phases: Phases) -> Iterator[Membership]:  # noqa: ARG001
    """Read the window once more and give the members of every group, block by block.

    The groups are those that `find_clusters` finds in the same view; memory is bounded by one
    block of rows. A task that lacks one of a group's metrics, or is far from all groups, is in
    none.
    """
    table = difference_counters(view.sample, roles)
    groupings = [grouping for grouping in _groupings(table, roles) if grouping.groups > 1]
    ids = [
        [
            _identity(view, grouping, table.positions[labels == group])
            for group in range(grouping.groups)
        ]
        for grouping, labels in zip(groupings, _label(groupings, table), strict=True)
    ]
    for rows in _differenced(view, roles):
        for names, labels in zip(ids, _label(groupings, rows), strict=True):
            for group, name in enumerate(names):
                if np.any(labels == group):
                    yield Membership(name, rows.positions[labels == group])


def _groupings(table: Table, roles: Roles) -> list[Grouping]:
    groupings = (group_rows(part, roles.resolution) for part in usual_sets(table))
    return [grouping for grouping in groupings if grouping is not None]


def by_first_member(labels: NDArray[np.int64]) -> list[int]:
    """Give the groups that have members, in the order in which their first members stand."""
    groups, first = np.unique(labels, return_index=True)
    order = groups[np.argsort(first)]
    return [int(group) for group in order if group >= 0]


def _label(groupings: list[Grouping], table: Table) -> list[NDArray[np.int64]]:
    """Label rows by each grouping; a row that has all metrics of an earlier one is left to it."""
    labels = []
    free = np.ones(len(table), bool)
    for grouping in groupings:
        labels.append(np.where(free, grouping.label(table), -1))
        free &= np.isnan(table.with_names(grouping.names).values).any(axis=1)
    return labels


def _differenced(view: View, roles: Roles) -> Iterator[Table]:
    """Scan the window; each table is read with the row before it, which differences need."""
    before: Table | None = None
    for table in view.scan(0, view.span.n):
        joined = table if before is None else concatenate([before, table])
        before = table.take(slice(len(table) - 1, None))
        yield difference_counters(joined, roles).take(slice(len(joined) - len(table), None))


def _identity(view: View, grouping: Grouping, positions: NDArray[np.int64]) -> str:
    place = int(positions[0]) if len(positions) else None
    return pattern_id("clustering", *grouping.names, "group", place, view.group)


def _borders(table: Table, labels: NDArray[np.int64]) -> dict[int, tuple[int, ...]]:
    """Give, by group, the log positions where it takes over or is taken over from in time."""
    rows = np.flatnonzero(labels >= 0)
    rows = rows[evenly(len(rows))]
    found = find_borders(labels[rows], least_size(len(rows)))
    borders: dict[int, tuple[int, ...]] = {}
    for place in [] if found is None else found.tolist():
        for group in labels[rows[[place - 1, place]]].tolist():
            borders[group] = (*borders.get(group, ()), int(table.positions[rows[place]]))
    return borders


def _candidate(
    view: View,
    members: Table,
    grouping: Grouping,
    group: int,
    borders: tuple[int, ...] | None,
) -> Candidate:
    members = members.with_names(grouping.names)
    separation = grouping.separation[group]
    size = round(len(members) * view.span.n / len(view.sample))
    center = np.median(members.values, axis=0)
    spread = _NORMAL_MAD * np.median(np.abs(members.values - center), axis=0)
    pattern = ClusteringPattern(
        id=_identity(view, grouping, members.positions),
        description="",
        confidence=0.0,
        subject=grouping.names,
        metrics={"size": float(size), "share": size / view.span.n, "separation": separation},
        involved_tasks=(),
        involved_count=size,
        window=view.span,
        group=view.group,
        evidence=Evidence(
            n=len(grouping.points),
            effect=separation,
            p_value=grouping.p_values[group],
            q_value=1.0,
            tested=1,
        ),
        size=size,
        center=dict(zip(grouping.names, center.tolist(), strict=True)),
        spread=dict(zip(grouping.names, spread.tolist(), strict=True)),
        separation=separation,
        borders=borders,
    )
    return Candidate(
        pattern=pattern,
        size=separation,
        p_value=grouping.p_values[group],
        gate="separation",
        involved=_nearest(members, center, spread),
    )


def _nearest(
    members: Table, center: NDArray[np.float64], spread: NDArray[np.float64]
) -> tuple[int, ...]:
    away = np.abs(members.values - center) / np.where(spread > 0, spread, 1.0)
    order = np.lexsort((members.positions, away.sum(axis=1)))
    return tuple(members.positions[order[:_SHOWN]].tolist())
