"""The valley between two groups, and the clouds that are merged where there is none."""

import numpy as np
import pytest

from crackle_stream.detect.clustering.compact_groups import (
    clarity_of,
    clouds,
    is_compact,
    merge_shallow,
)
from crackle_stream.detect.clustering.density_tree import reach
from crackle_stream.detect.clustering.valley import Cloud, project_apart, valley_between


def slow_projection(one, other):
    """Project each point on the line to centres that were computed after taking it out."""
    within = (((one - one.mean(0)) ** 2).sum(0) + ((other - other.mean(0)) ** 2).sum(0)) / (
        len(one) + len(other) - 2
    )
    middle = (one.mean(0) + other.mean(0)) / 2
    length = np.sqrt(((other.mean(0) - one.mean(0)) ** 2 / within).sum())
    left, right = [], []
    for i, point in enumerate(one):
        across = other.mean(0) - np.delete(one, i, axis=0).mean(0)
        left.append(((point - middle) * across / within).sum() / length)
    for i, point in enumerate(other):
        across = np.delete(other, i, axis=0).mean(0) - one.mean(0)
        right.append(((point - middle) * across / within).sum() / length)
    return left, right


def test_each_point_meets_centers_that_were_computed_without_it():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(9, 5)), rng.normal(size=(7, 5)) + 1
    for fast, slow in zip(
        project_apart(Cloud.of(one), Cloud.of(other)), slow_projection(one, other), strict=True
    ):
        np.testing.assert_allclose(fast, slow)


def test_labels_given_at_random_in_many_metrics_leave_no_distance():
    points = np.random.default_rng(1).normal(size=(40, 30))
    assert valley_between(Cloud.of(points[:20]), Cloud.of(points[20:])).separation < 1


@pytest.mark.parametrize("distance", [5.0, 8.0])
def test_separation_is_the_distance_in_standard_deviations(distance):
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=(4000, 2)), rng.normal((distance, 0), size=(4000, 2))
    valley = valley_between(Cloud.of(one), Cloud.of(other))
    assert valley.separation == pytest.approx(distance, rel=0.05)
    assert valley.depth > 20


def test_halves_of_one_cloud_have_no_valley():
    points = np.random.default_rng(3).normal(size=(2000, 2))
    left = points[:, 0] < 0
    assert valley_between(Cloud.of(points[left]), Cloud.of(points[~left])).depth == 0


def test_a_group_cut_in_two_is_made_whole():
    rng = np.random.default_rng(4)
    points = np.vstack([rng.normal(size=(100, 2)), rng.normal((8, 0), size=(100, 2))])
    labels = np.where(np.arange(200) < 100, (points[:, 1] > 0).astype(int), 2)
    merged, around = merge_shallow(points, labels)
    assert sorted(np.bincount(merged)) == [100, 100]
    assert clarity_of(around) > 6


def test_overlapping_clouds_are_found_and_one_cloud_is_left_whole():
    rng = np.random.default_rng(5)
    points = rng.normal(size=(400, 3))
    assert clouds(points, 0.01).p_value > 0.05
    group = np.arange(400) % 2
    found = clouds(points + 5 * group[:, None] * [1, 0, 0], 0.01)
    assert found.p_value < 1e-4
    assert max((found.labels == group).mean(), (found.labels != group).mean()) > 0.97


def test_a_ring_is_not_compact_and_a_disc_is():
    rng = np.random.default_rng(6)
    angle = rng.uniform(0, 2 * np.pi, 400)
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    thick = ring * rng.uniform(0.7, 1, (400, 1))
    for points, compact in ((ring, False), (thick, False), (rng.normal(size=(400, 2)), True)):
        tree = reach(points)
        assert is_compact(points, tree.core, tree.dimension) is compact
