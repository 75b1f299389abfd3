"""The density tree against its definition."""

import numpy as np
import pytest

from crackle_stream.detect.clustering.density_tree import (
    NEIGHBOURS,
    chance_of_moat,
    hills,
    reach,
    roundness_of,
)


def slow_mutual_reachability(points):
    n = len(points)
    distance = [[float(np.sqrt(((a - b) ** 2).sum())) for b in points] for a in points]
    core = [sorted(row)[NEIGHBOURS] for row in distance]
    return core, [[max(distance[i][j], core[i], core[j]) for j in range(n)] for i in range(n)]


def slow_spanning_tree(weights):
    """Give the sorted edge lengths of Prim's tree, grown one point at a time."""
    inside, edges = {0}, []
    while len(inside) < len(weights):
        length, point = min(
            (weights[i][j], j) for i in inside for j in range(len(weights)) if j not in inside
        )
        inside.add(point)
        edges.append(length)
    return sorted(edges)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("digits", [0, 12])
def test_the_tree_is_single_linkage_of_mutual_reachability(seed, digits):
    points = np.round(2 * np.random.default_rng(seed).normal(size=(40, 3)), digits)
    core, weights = slow_mutual_reachability(points)
    tree = reach(points)
    np.testing.assert_allclose(tree.core, core)
    np.testing.assert_allclose(tree.merges[:, 2], slow_spanning_tree(weights))


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_dimension_points_fill_is_estimated(dimension):
    points = np.zeros((800, 4))
    points[:, :dimension] = np.random.default_rng(dimension).uniform(size=(800, dimension))
    assert reach(points).dimension == pytest.approx(dimension, rel=0.15)


def test_roundness_counts_the_wide_directions():
    points = np.random.default_rng(0).normal(size=(4000, 4))
    assert roundness_of(points) == pytest.approx(4, rel=0.02)
    assert roundness_of(points * [1, 1, 0, 0]) == pytest.approx(2, rel=0.02)
    assert roundness_of(points * [1, 0, 0, 0]) == pytest.approx(1)


def test_two_arms_of_a_spiral_are_two_hills():
    turn = np.sqrt(np.linspace(0.1, 1, 300)) * 3 * np.pi
    arm = np.column_stack([turn * np.cos(turn), turn * np.sin(turn)])
    points = np.vstack([arm, -arm]) + 0.1 * np.random.default_rng(1).normal(size=(600, 2))
    labels = hills(points, reach(points), 0.01).labels
    assert len(set(labels[:300])) == len(set(labels[300:])) == 1
    assert labels[0] != labels[300]


def test_uniform_points_are_one_hill():
    for seed in range(10):
        points = np.random.default_rng(seed).uniform(size=(200, 2))
        assert hills(points, reach(points), 0.01).groups == 1


def test_a_wider_moat_has_less_chance_and_none_is_certain():
    chances = [chance_of_moat(width, 2.0, 2.0, 200) for width in (0.9, 1.0, 2.0, 3.0, 4.0)]
    assert chances[:2] == [1.0, 1.0]
    assert sorted(chances, reverse=True) == chances
    assert chances[-1] < 1e-9
