"""What divides each group from its neighbour, once neighbours in time may resemble each other."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from crackle_stream.detect.clustering.division import VALLEY_LEVEL
from crackle_stream.detect.clustering.partition import Partition
from crackle_stream.detect.clustering.serial import independent_share, staying

Points = NDArray[np.float64]
Labels = NDArray[np.int64]

_NONE: Final = 0.05
"""Chance from which a border between two groups is none: no rate says such a group."""

_LASTING: Final = 0.5
"""How much oftener than by chance a task follows one of its group where groups last."""

_MOST: Final = 0.6
"""Share of independent points that few may have by chance: a correlation of a fourth."""


def independent_parts(points: Points, partition: Partition, rows: NDArray[np.int64]) -> Partition:
    """Weigh each group's own border by serial dependence, and drop the borders that this explains.

    A walk or a season within true groups divides these further, though the groups themselves
    come in any order. So each group is held against its neighbour alone (`independent_share`),
    and its chance to the power of that share is what is left of its evidence; division kept it
    at `VALLEY_LEVEL`. Groups of which nothing is left are joined to their neighbours. Where most
    groups last, what is left of the division as a whole says all there is to say.

    Parameters
    ----------
    points
        Shape (n, metrics), n the number of labels; none is noise.
    rows
        Place of each point in analysis order.
    """
    if partition.groups < 2:
        return partition
    chances = np.minimum(partition.chances, VALLEY_LEVEL)
    beside = [neighbour_of(points, partition.labels, group) for group in range(len(chances))]
    last = staying(partition.labels, rows) > _LASTING
    for group, other in enumerate(beside if not last else []):
        chances[group] **= _share(points, partition.labels, rows, group, other)
    joined = _joined(beside, chances > _NONE)
    kept, labels = np.unique(joined[partition.labels], return_inverse=True)
    left = [chances[joined == group].min() for group in kept]
    return Partition(
        labels.astype(np.int64),
        partition.p_value,
        tuple(float(min(chance, VALLEY_LEVEL)) for chance in left),
    )


def _joined(beside: list[int], weak: NDArray[np.bool_]) -> Labels:
    """Give for each group the one it is part of, once the weak are joined to their neighbours."""
    joined = np.arange(len(beside))
    for group in np.flatnonzero(weak).tolist():
        joined[joined == joined[group]] = joined[beside[group]]
    return joined


def neighbour_of(points: Points, labels: Labels, group: int) -> int:
    """Give the group that is nearest to most of a group's points.

    Examples
    --------
    >>> points = np.array([[0.0], [0.1], [1.0], [1.1], [5.0], [5.1]])
    >>> neighbour_of(points, np.array([0, 0, 1, 1, 2, 2]), 2)
    1
    """
    mine = labels == group
    others = np.flatnonzero(~mine)
    nearest = cKDTree(points[others]).query(points[mine])[1]
    return int(np.bincount(labels[others[nearest]]).argmax())


def _share(
    points: Points, labels: Labels, rows: NDArray[np.int64], group: int, other: int
) -> float:
    both = (labels == group) | (labels == other)
    share = independent_share(points[both], (labels[both] == group).astype(np.int64), rows[both])
    return share if share < _MOST else 1.0
