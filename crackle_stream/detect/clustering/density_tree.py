"""Groups as hills of density: a single-linkage tree of mutual reachability, pruned by evidence."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import special
from scipy.cluster.hierarchy import linkage
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist, squareform

from crackle_stream.detect.clustering.partition import Partition, least_size
from crackle_stream.stats.quantiles import median

Points = NDArray[np.float64]
Values = NDArray[np.float64]

NEIGHBOURS: Final = 5
"""The density at a point is measured by the distance to this neighbour."""

_TRUSTED: Final = 4.0
"""Dimensions up to which distances to neighbours tell densities apart."""

_SAME: Final = 1e-9
"""Smallest core distance, on the common scale: nearer points are the same."""


class Reachability(Struct, frozen=True):
    """Points as a tree of densities.

    Parameters
    ----------
    core
        Distance of each point to its `NEIGHBOURS`-th neighbour.
    merges
        The single-linkage tree of mutual reachability, as scipy gives it.
    dimension
        Dimension that the points locally fill.
    distances
        Those of all pairs, as scipy condenses them.
    """

    core: Values
    merges: Values
    dimension: float
    distances: Values


class Top(NamedTuple):
    """Points of a hill above its rim, and the chance of the moat that divides it from the next."""

    members: list[int]
    chance: float


def reach(points: Points) -> Reachability:
    """Build the single-linkage tree of mutual reachability distances.

    The mutual reachability of two points is the largest of their distance and of both core
    distances; the tree's levels are those of HDBSCAN. Time and memory grow with n squared.

    Parameters
    ----------
    points
        Shape (n, metrics), n above `NEIGHBOURS`.

    References
    ----------
    Campello, Moulavi, Sander: Density-based clustering based on hierarchical density estimates,
    PAKDD 2013.
    """
    distances = pdist(points)
    distance = squareform(distances)
    nearest = np.partition(distance, (NEIGHBOURS // 2, NEIGHBOURS), axis=1)
    core = nearest[:, NEIGHBOURS]
    dimension = local_dimension(nearest[:, NEIGHBOURS // 2], core, points.shape[1])
    np.maximum(distance, core[:, None], out=distance)
    np.maximum(distance, core[None, :], out=distance)
    np.fill_diagonal(distance, 0.0)
    merges = linkage(squareform(distance, checks=False), "single")
    return Reachability(core, merges, dimension, distances)


def local_dimension(near: Values, far: Values, most: int) -> float:
    """Estimate the dimension the points fill from how neighbour distances grow.

    In a uniform density the mean logarithm of the distances' ratio is the difference of the
    digamma function at the two neighbour numbers over the dimension (Levina and Bickel 2004).
    """
    apart = near > 0
    growth = float(np.log(far[apart] / near[apart]).mean()) if apart.any() else 0.0
    expected = float(special.digamma(NEIGHBOURS) - special.digamma(NEIGHBOURS // 2))
    return min(float(most), expected / growth) if growth > 0 else float(most)


def chance_of_moat(width: float, dimension: float, roundness: float, n: int) -> float:
    """Bound how often the emptiest moat among n points without groups is this empty.

    Were the density even, a moat as wide as `width` typical core distances would hold a number
    of points that grows with the width to the power of the dimension, and be empty with the
    exponential of minus that number; n points give about n chances. On a line the factor is
    half of `NEIGHBOURS`; a moat around a round lump of more dimensions has more room, which
    simulations of seven kinds of points without groups put at 1.2 more for each dimension, up
    to `_TRUSTED` dimensions: neighbours say little about density in more.

    Parameters
    ----------
    width
        Reachability of the two sides over the larger of their median core distances.
    dimension
        Dimension that the points locally fill.
    roundness
        Dimensions in which the two sides are about equally wide.
    """
    if width <= 1:
        return 1.0
    room = NEIGHBOURS / 2 + 1.2 * (min(roundness, _TRUSTED) - 1)
    return float(min(1.0, n * np.exp(-room * width ** min(dimension, roundness, _TRUSTED))))


def roundness_of(*sides: Points) -> float:
    """Give the participation ratio of the variances within: from 1, a line, to all dimensions."""
    centred = np.concatenate([side - side.mean(axis=0) for side in sides])
    covariance = np.einsum("ij,ik->jk", centred, centred)
    return float(np.trace(covariance) ** 2 / max(np.square(covariance).sum(), 1e-300))


def hills(points: Points, tree: Reachability, level: float) -> Partition:
    """Divide points at the valleys of density that chance would leave with probability `level`.

    Points below a hill's rim go to the hill whose points are nearest.
    """
    tops, p_value = _tops(points, tree, least_size(len(points)), level)
    if len(tops) < 2:
        return Partition(np.zeros(len(points), np.int64), p_value)
    labels = np.full(len(points), -1, np.int64)
    for label, top in enumerate(tops):
        labels[top.members] = label
    on_top = np.flatnonzero(labels >= 0)
    nearest = cKDTree(points[on_top]).query(points)[1]
    return Partition(labels[on_top[nearest]], p_value, tuple(top.chance for top in tops))


def _tops(points: Points, tree: Reachability, least: int, level: float) -> tuple[list[Top], float]:
    """Walk up the tree and keep the two sides of every valley that is deep enough.

    A side that is itself divided keeps its parts; one that is not becomes a top.
    """
    n = len(tree.core)
    members = {row: [row] for row in range(n)}
    tops: dict[int, list[Top]] = {}
    p_value = 1.0
    for node, (left, right, bridge) in enumerate(tree.merges[:, :3].tolist(), n):
        one, other = members.pop(int(left)), members.pop(int(right))
        inside = [tops.pop(int(left), []), tops.pop(int(right), [])]
        members[node] = one + other
        if min(len(one), len(other)) >= least:
            typical = max(median(tree.core[one]), median(tree.core[other]))
            roundness = roundness_of(points[one], points[other])
            chance = chance_of_moat(bridge / max(typical, _SAME), tree.dimension, roundness, n)
            p_value = min(p_value, chance)
            if chance <= level:
                inside = [inside[0] or [Top(one, chance)], inside[1] or [Top(other, chance)]]
        if inside[0] or inside[1]:
            tops[node] = inside[0] + inside[1]
    return tops.get(2 * n - 2, []), p_value
