"""Points divided into groups where that is beyond chance, along all axes and along wide ones."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.detect.clustering.compact_groups import clouds, is_compact
from crackle_stream.detect.clustering.density_tree import Reachability, hills, reach
from crackle_stream.detect.clustering.partition import Partition

Points = NDArray[np.float64]

VALLEY_LEVEL: Final = 0.01
"""Chance at which a valley of density divides: the strictest correction leaves no more."""

_FEW_METRICS: Final = 3
"""So few metrics are looked at together only."""

_WILD: Final = 6.0
"""Spreads from the middle beyond which a value turns no axis."""


def divide_clearest(points: Points) -> tuple[Points, Partition]:
    """Divide points along all metrics and along wide axes alone.

    Where both divisions are beyond chance the finer one is taken, else the one farther beyond.
    """
    everything = np.eye(points.shape[1])
    wide = wide_axes(points)
    views = [(everything, divide(points))]
    if wide.shape != everything.shape:
        views.append((wide, divide(along(points, wide))))
    p_value = min(found.p_value for _, found in views)
    sure = [view for view in views if view[1].p_value <= max(p_value, VALLEY_LEVEL)]
    axes, finest = max(sure, key=lambda view: (view[1].groups, -view[1].p_value))
    return axes, Partition(finest.labels, min(1.0, len(views) * p_value), finest.chances)


def wide_axes(points: Points) -> Points:
    """Give the principal axes along which points spread wider than noise, at least one.

    On a scale of local spreads, groups make a direction wide and noise leaves it at one. The
    edge is that of the eigenvalues of pure noise (Marchenko and Pastur 1967) around the median.

    Returns
    -------
    Points
        Shape (metrics, axes): unit vectors; the identity where all axes count.
    """
    n, metrics = points.shape
    if metrics <= _FEW_METRICS:
        return np.eye(metrics)
    centred = np.clip(points - np.median(points, axis=0), -_WILD, _WILD)
    values, vectors = np.linalg.eigh(np.einsum("ij,ik->jk", centred, centred) / n)
    edge = float(np.median(values)) * (1 + np.sqrt(metrics / n)) ** 2
    count = max(1, int(np.count_nonzero(values > edge)))
    return np.ascontiguousarray(vectors[:, ::-1][:, :count])


def along(points: Points, axes: Points) -> Points:
    """Give the points' coordinates along axes of shape (metrics, axes)."""
    if np.array_equal(axes, np.eye(len(axes))):
        return points
    turned: Points = np.einsum("ij,jk->ik", points, axes)
    return turned


def divide(points: Points) -> Partition:
    """Divide points into overlapping clouds, or into hills of density and these into clouds.

    Only what is compact is divided into clouds. The division farther beyond chance is taken;
    the bound for hills leaves room for the p-value of clouds beside it.
    """
    tree = reach(points)
    dense = hills(points, tree, VALLEY_LEVEL)
    whole = _parts(points, tree, np.arange(len(points)), 1.0)
    if dense.groups == 1 or whole.p_value <= dense.p_value:
        return whole
    labels = np.full(len(points), -1, np.int64)
    chances: list[float] = []
    for hill, chance in enumerate(dense.chances):
        mine = np.flatnonzero(dense.labels == hill)
        parts = _parts(points[mine], tree, mine, VALLEY_LEVEL)
        labels[mine] = labels.max() + 1 + parts.labels
        chances += parts.chances if parts.groups > 1 else [chance]
    return Partition(labels, dense.p_value, tuple(chances))


def _parts(
    points: Points, tree: Reachability, members: NDArray[np.intp], level: float
) -> Partition:
    one = Partition(np.zeros(len(points), np.int64), 1.0)
    if not is_compact(points, tree.core[members], tree.dimension):
        return one
    whole = len(members) == len(tree.core)
    found = clouds(points, VALLEY_LEVEL, tree.distances if whole else None)
    return found if found.p_value <= level else one
