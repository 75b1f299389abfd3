"""Groups among a few tasks: a single-linkage tree, cut at its widest jump."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from crackle_stream.detect.candidate import Candidate
from crackle_stream.detect.handful.measure import (
    LARGEST,
    Measure,
    Values,
    evidence_of,
    first_of,
    span_of,
)
from crackle_stream.pattern import ClusteringPattern, pattern_id
from crackle_stream.table import Table


def find_groups(table: Table, measures: list[Measure], threshold: float) -> Iterator[Candidate]:
    """Find groups of two tasks or more whose gap to the others is `threshold` times that within.

    Only metrics that every task reports count, each in units of its mean distance from the
    median. The gap is the merger of the tree above its widest jump, the spread the one below.
    """
    whole = [measure for measure in measures if len(measure.where) == len(table)]
    if not whole or len(table) < 3:
        return
    names = tuple(measure.name for measure in whole)
    values = np.column_stack([measure.values for measure in whole])
    scaled = (values - np.median(values, axis=0)) / _deviation(values)
    tree = linkage(scaled, "single")
    heights = tree[:, 2]
    jump = int(np.argmax(np.diff(heights)))
    group_of = fcluster(tree, (heights[jump] + heights[jump + 1]) / 2, "distance")
    sizes = np.bincount(group_of)
    separation = heights[jump + 1] / max(heights[jump], heights[jump + 1] / LARGEST)
    if separation < threshold:
        return
    for group in np.flatnonzero(sizes >= 2):
        yield _group(table, names, values, scaled, np.flatnonzero(group_of == group), separation)


def _deviation(values: Values) -> Values:
    """Give the mean distance from the median; the median distance may be 0 where two tie."""
    deviation: Values = np.abs(values - np.median(values, axis=0)).mean(axis=0)
    return deviation


def _group(
    table: Table,
    names: tuple[str, ...],
    values: Values,
    scaled: Values,
    members: NDArray[np.intp],
    separation: float,
) -> Candidate:
    center = np.median(values[members], axis=0)
    spread = _deviation(values[members])
    away = np.abs(scaled[members] - np.median(scaled[members], axis=0)).sum(axis=1)
    nearest = table.positions[members[np.argsort(away, kind="stable")]]
    pattern = ClusteringPattern(
        id=pattern_id("clustering", *names, "handful", int(table.positions[members[0]])),
        description="",
        confidence=0.0,
        subject=names,
        metrics={"size": float(len(members)), "separation": float(separation)},
        involved_tasks=(),
        involved_count=len(members),
        window=span_of(table),
        evidence=evidence_of(len(table), float(separation), 1.0, 1),
        size=len(members),
        center=dict(zip(names, center.tolist(), strict=True)),
        spread=dict(zip(names, spread.tolist(), strict=True)),
        separation=float(separation),
    )
    return Candidate(
        pattern=pattern,
        size=float(separation),
        p_value=1.0,
        gate="separation",
        involved=first_of(nearest),
    )
