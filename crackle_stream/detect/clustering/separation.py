"""Gap between groups over the spread within: what a cooling rate holds a group against."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from crackle_stream.detect.clustering.density_tree import NEIGHBOURS
from crackle_stream.detect.clustering.partition import Partition
from crackle_stream.detect.clustering.valley import Cloud, valley_between

Points = NDArray[np.float64]
Values = NDArray[np.float64]

LARGEST: Final = 1_000.0
"""Separation over a spread of zero."""


def separations(points: Points, partition: Partition) -> tuple[float, ...]:
    """Give, for each group, the larger of two measures of gap over spread.

    Along the line of centres: distance over standard deviation, right for clouds; and the
    smallest distance to another group's point over the typical spacing within, right for hills
    of any shape.
    """
    members = [np.flatnonzero(partition.labels == group) for group in range(partition.groups)]
    bodies = [Cloud.of(points[mine]) for mine in members]
    found = []
    for group, mine in enumerate(members):
        others = members[:group] + members[group + 1 :]
        if not others:
            return (0.0,)
        around = bodies[:group] + bodies[group + 1 :]
        lines = min(valley_between(bodies[group], other).separation for other in around)
        gap = float(distance_to(points[mine], points[np.concatenate(others)], 1).min())
        spacing = max(float(np.median(spacing_within(points, mine))), 1e-9)
        found.append(min(max(lines, gap / spacing), LARGEST))
    return tuple(found)


def spacing_within(points: Points, members: NDArray[np.intp]) -> Values:
    """Give each member's distance to its `NEIGHBOURS`-th neighbour among members."""
    return distance_to(points[members], points[members], min(NEIGHBOURS + 1, len(members)))


def distance_to(points: Points, targets: Points, neighbour: int) -> Values:
    """Give the distance of each point to its so-manieth nearest target."""
    return np.asarray(cKDTree(targets).query(points, k=[neighbour])[0], np.float64)[:, 0]
