"""Borders between groups: where they run, and what of them is left beside serial dependence."""

import numpy as np
import pytest

from crackle_stream.detect.clustering.evidence import independent_parts, neighbour_of
from crackle_stream.detect.clustering.mixture import sharpen
from crackle_stream.detect.clustering.partition import Partition
from crackle_stream.detect.clustering.serial import takes_turns


def far_pair_and_walk() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two kinds of task in any order; one metric walks all along."""
    rng = np.random.default_rng(1)
    kind = rng.integers(2, size=400)
    walk = np.cumsum(rng.normal(size=400)) / 10
    return np.column_stack([30.0 * kind, walk]), kind, walk > np.median(walk)


def test_what_a_walk_divides_within_a_kind_is_joined_again():
    points, kind, high = far_pair_and_walk()
    labels = np.where(kind == 1, 2, high.astype(int))
    parts = independent_parts(points, Partition(labels, 1e-9, (1e-9, 1e-9, 1e-9)), np.arange(400))
    assert parts.groups == 2
    assert len(parts.chances) == 2
    assert np.array_equal(parts.labels == parts.labels[kind == 1][0], kind == 1)


def test_what_divides_a_kind_in_any_order_stays():
    points, kind, _ = far_pair_and_walk()
    points[:, 1] = np.random.default_rng(2).permutation(points[:, 1])
    labels = np.where(kind == 1, 2, (points[:, 1] > np.median(points[:, 1])).astype(int))
    found = Partition(labels, 1e-9, (1e-4, 1e-4, 1e-9))
    parts = independent_parts(points, found, np.arange(400))
    assert np.array_equal(parts.labels, labels)
    assert parts.chances == pytest.approx(found.chances)


def test_a_neighbour_is_the_group_nearest_to_most_points():
    rng = np.random.default_rng(3)
    points, labels = rng.uniform(size=(60, 2)), rng.integers(4, size=60)
    for group in range(4):
        nearest = []
        for point in points[labels == group]:
            away = np.where(labels == group, np.inf, np.square(points - point).sum(axis=1))
            nearest.append(labels[away.argmin()])
        assert neighbour_of(points, labels, group) == np.bincount(nearest).argmax()


def test_a_border_put_wrongly_moves_to_where_both_groups_are_as_likely():
    rng = np.random.default_rng(4)
    kind = rng.integers(2, size=600)
    points = rng.normal(size=(600, 3)) + 3.5 * kind[:, None] * [1, 0, 0]
    moved = sharpen(points, (points[:, 0] > 0.5).astype(np.int64))
    best = points[:, 0] > 1.75
    assert np.mean(moved == best) > 0.97
    assert np.array_equal(sharpen(points, np.zeros(600, np.int64)), np.zeros(600))


def test_a_wave_of_hundreds_of_tasks_takes_turns():
    rows = np.arange(1_800)
    wave = np.sin(2 * np.pi * rows / 580) + np.random.default_rng(5).normal(0, 0.5, 1_800)
    assert takes_turns((wave > 0).astype(np.int64), rows)
