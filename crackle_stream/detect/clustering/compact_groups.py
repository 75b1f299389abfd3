"""Groups as compact clouds that may overlap: Ward's tree, means, and mergers by evidence."""

from __future__ import annotations

from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from crackle_stream.detect.clustering.density_tree import NEIGHBOURS, roundness_of
from crackle_stream.detect.clustering.mixture import sharpen
from crackle_stream.detect.clustering.partition import Partition, least_size
from crackle_stream.detect.clustering.valley import Cloud, valley_between
from crackle_stream.stats.quantiles import median

Points = NDArray[np.float64]
Values = NDArray[np.float64]
Labels = NDArray[np.int64]

_COUNTS: Final = (2, 3, 5, 8)
"""Numbers of groups tried; what is too many is merged again."""

_ROUNDS: Final = 5
_SHALLOW: Final = 2.0
"""Groups with a shallower valley between them are one group."""

_APART: Final = 2.75
"""Groups with less separation are one: the halves of a normal cloud come to 2.3 or so."""

_FILLED: Final = 0.6
"""Least share of the dimensions spread over that a body fills locally; a thin ring fills half."""

_HOLLOW: Final = 3.0
"""Core distances from the centre within which a body has its first few points."""


def clouds(points: Points, level: float, distances: Values | None = None) -> Partition:
    """Divide points into clouds with valleys between them.

    For a few numbers of groups, Ward's tree is cut, the groups are moved to their means with
    metrics weighted by their spread within, and pairs without a valley are merged, the weakest
    first. The finest division is taken that chance would leave with at most probability
    `level`, and its borders are sharpened (`sharpen`); the p-value is that of the clearest, and
    each group has the chance of the shallowest valley around it alone.

    Parameters
    ----------
    points
        Shape (n, metrics).
    level
        Chance at which a finer division is taken.
    distances
        Those of all pairs, condensed, where they are known.
    """
    merges = linkage(points if distances is None else distances, "ward")
    finest, valleys, clearest = np.zeros(len(points), np.int64), np.zeros(1), 0.0
    for count in (count for count in _COUNTS if count * 5 <= len(points)):
        labels = move_to_means(points, fcluster(merges, count, "maxclust"))
        labels, around = merge_shallow(points, labels)
        clarity = clarity_of(around)
        finer = labels.max() > finest.max() and chance_of_clarity(clarity, len(points)) <= level
        if finer or (clarity > clearest and labels.max() >= finest.max()):
            finest, valleys = labels, around
        clearest = max(clearest, clarity)
    labels, valleys = _sharpened(points, finest, valleys)
    chances = [chance_of_clarity(clarity_of(np.full(2, depth)), len(points)) for depth in valleys]
    return Partition(labels, chance_of_clarity(clearest, len(points)), tuple(chances))


def _sharpened(points: Points, labels: Labels, around: Values) -> tuple[Labels, Values]:
    """Move points to the likelier group unless that fills a valley between groups."""
    moved, valleys = merge_shallow(points, sharpen(points, labels))
    return (moved, valleys) if len(valleys) == len(around) else (labels, around)


def is_compact(points: Points, core: NDArray[np.float64], dimension: float) -> bool:
    """Tell whether points fill a body, so that a straight line within it stays within it.

    Rings, frames and arcs have valleys between any two of their parts, seen along the straight
    line. They fill fewer dimensions locally than they spread over, or are empty at their centre.
    """
    center = points.mean(axis=0)
    to_center = np.sort(np.sqrt(np.square(points - center).sum(axis=1)))[NEIGHBOURS - 1]
    filled = dimension >= _FILLED * roundness_of(points)
    return bool(filled and to_center <= _HOLLOW * median(core))


def chance_of_clarity(clarity: float, n: int) -> float:
    """Bound how often points without groups are divided this clearly.

    The tail is exponential; its place was fitted to simulated uniform points, the hardest case,
    in 1 to 10 dimensions: one in fifty goes beyond 4.3 with 50 points and 3.6 with 200 or more.
    """
    steadier = min(0.5 * np.log(max(n, 50) / 50), 0.7)
    return float(min(1.0, np.exp(4.8 - 2.0 * (clarity + steadier))))


def move_to_means(points: Points, labels: NDArray[np.integer]) -> Labels:
    """Give each point to the nearest mean, a few times over (Lloyd), on the scale of the groups."""
    moved = _without_gaps(labels)
    for _ in range(_ROUNDS):
        centers, within = _means(points, moved)
        scaled, targets = points / within, centers / within
        distance = np.square(targets).sum(axis=1) - 2 * np.einsum("ij,kj->ik", scaled, targets)
        nearest = _without_gaps(distance.argmin(axis=1))
        if np.array_equal(nearest, moved):
            break
        moved = nearest
    return moved


def _without_gaps(labels: NDArray[np.integer]) -> Labels:
    """Number the labels that occur from 0, in their order."""
    number = np.cumsum(np.bincount(labels) > 0) - 1
    return np.asarray(number[labels])


def _means(points: Points, labels: NDArray[np.integer]) -> tuple[Points, Points]:
    sizes, metrics = np.bincount(labels), points.shape[1]
    cells = labels[:, None] * metrics + np.arange(metrics)
    sums = np.bincount(cells.ravel(), weights=points.ravel())
    centers = sums.reshape(-1, metrics) / sizes[:, None]
    squares = np.square(points - centers[labels]).sum(axis=0)
    return centers, np.sqrt(np.maximum(squares / (len(points) - len(sizes)), 1e-18))


def merge_shallow(points: Points, labels: Labels) -> tuple[Labels, Values]:
    """Merge groups that are too small or have no valley between them.

    Returns
    -------
    labels
        From 0, without gaps.
    around
        Depth of the shallowest valley around each group; 0 for one group.
    """
    groups = [np.flatnonzero(labels == label) for label in range(int(labels.max()) + 1)]
    bodies = [Cloud.of(points[group]) for group in groups]
    valleys: dict[tuple[int, int], float] = {}
    alive = list(range(len(groups)))
    while len(alive) > 1:
        pair = _next_merge(bodies, alive, valleys)
        if pair is None:
            break
        alive = [group for group in alive if group not in pair] + [len(groups)]
        groups.append(np.sort(np.concatenate([groups[group] for group in pair])))
        bodies.append(Cloud.of(points[groups[-1]]))
    merged = np.empty(len(points), np.int64)
    for label, group in enumerate(alive):
        merged[groups[group]] = label
    return merged, _shallowest(alive, valleys)


def clarity_of(around: Values) -> float:
    """Give how clear a division is: the sum of its groups' valleys over the root of their number.

    Examples
    --------
    >>> clarity_of(np.array([3.0, 3.0, 3.0, 3.0]))
    6.0
    """
    return float(around.sum() / np.sqrt(len(around)))


def _next_merge(
    bodies: list[Cloud], alive: list[int], valleys: dict[tuple[int, int], float]
) -> tuple[int, int] | None:
    points = sum(len(bodies[group].points) for group in alive)
    smallest = min(alive, key=lambda group: (len(bodies[group].points), group))
    if len(bodies[smallest].points) < least_size(points):
        return smallest, _closest(bodies, alive, smallest)
    for one, other in combinations(alive, 2):
        if (one, other) not in valleys:
            valley = valley_between(bodies[one], bodies[other])
            valleys[one, other] = valley.depth if valley.separation >= _APART else 0.0
        if valleys[one, other] == 0.0:  # no other pair can come before it
            return one, other
    shallowest = min(combinations(alive, 2), key=lambda pair: (valleys[pair], pair))
    return shallowest if valleys[shallowest] < _SHALLOW else None


def _closest(bodies: list[Cloud], alive: list[int], group: int) -> int:
    """Give the group whose merger with this one costs the least sum of squares."""

    def cost(other: int) -> float:
        size = len(bodies[other].points)
        apart = np.square(bodies[other].center - bodies[group].center).sum()
        return float(apart * size / (size + len(bodies[group].points)))

    return min((other for other in alive if other != group), key=lambda other: (cost(other), other))


def _shallowest(alive: list[int], valleys: dict[tuple[int, int], float]) -> Values:
    if len(alive) < 2:
        return np.zeros(len(alive))
    around = [
        min(valleys[min(one, other), max(one, other)] for other in alive if other != one)
        for one in alive
    ]
    return np.array(around)
