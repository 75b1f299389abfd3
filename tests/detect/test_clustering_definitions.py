"""Definitions that the search for groups rests on, against slow and obvious versions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from crackle_stream.detect.clustering import division
from crackle_stream.detect.clustering.cells import cells, usual_gap
from crackle_stream.detect.clustering.compact_groups import move_to_means
from crackle_stream.detect.clustering.density_tree import local_dimension
from crackle_stream.detect.clustering.partition import Partition
from crackle_stream.detect.clustering.presence import usual_sets
from crackle_stream.detect.clustering.separation import separations
from crackle_stream.detect.clustering.serial import independent_share, takes_turns
from crackle_stream.detect.clustering.valley import Cloud, valley_between
from crackle_stream.detect.view import table_of


def sets_by_hand(present):
    """Again and again, of the sets that rows report, the one that covers the most free values."""
    rows = [frozenset(np.flatnonzero(row).tolist()) for row in present]
    free, found = set(range(len(rows))), []
    while len(found) < 4:
        covered = {s: [i for i in free if rows[i] >= s] for s in set(rows)}
        large = {s: len(mine) * len(s) for s, mine in covered.items() if len(mine) >= 20}
        if not large or not max(large.values()):
            break
        best = max(large.values())
        ties = [s for s, size in large.items() if size == best]
        assert len(ties) == 1, "the draw must leave no choice"
        found.append((ties[0], sorted(covered[ties[0]])))
        free -= set(covered[ties[0]])
    return found


@pytest.mark.parametrize("seed", range(6))
def test_usual_sets_cover_the_most_values_step_by_step(seed):
    rng = np.random.default_rng(seed)
    kinds = rng.random((5, 5)) < 0.6
    present = kinds[rng.choice(5, p=[0.4, 0.25, 0.17, 0.11, 0.07], size=223)]
    values = np.where(present, 1.0, np.nan)
    table = table_of({f"m{place}": values[:, place] for place in range(5)})
    found = [
        (frozenset(int(name[1:]) for name in part.names), part.rows.tolist())
        for part in usual_sets(table)
    ]
    assert found == sets_by_hand(present)


@pytest.mark.parametrize("seed", range(3))
def test_separation_is_the_larger_of_the_valley_s_and_the_gap_over_the_spacing(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(60, 2)) + 7 * np.repeat([[0, 0], [1, 0], [0, 1]], 20, axis=0)
    labels = np.repeat([0, 1, 2], 20)
    found = separations(points, Partition(labels, 0.0))
    for group in range(3):
        mine = points[labels == group]
        apart = [[np.linalg.norm(a - b) for b in points[labels != group]] for a in mine]
        spacing = np.median([np.sort(np.linalg.norm(mine - a, axis=1))[5] for a in mine])
        others = [points[labels == other] for other in range(3) if other != group]
        lines = min(valley_between(Cloud.of(mine), Cloud.of(other)).separation for other in others)
        assert found[group] == pytest.approx(max(lines, np.min(apart) / spacing))


def test_points_move_to_the_nearest_mean_on_the_scale_of_the_groups():
    rng = np.random.default_rng(5)
    points = rng.normal(size=(90, 3)) * [1, 20, 0.1] + 3 * np.repeat(np.eye(3), 30, axis=0)
    start = rng.integers(3, size=90)
    labels = start.copy()
    for _ in range(5):
        names = np.unique(labels)
        centers = [points[labels == name].mean(axis=0) for name in names]
        squares = [
            np.square(p - centers[list(names).index(k)])
            for p, k in zip(points, labels, strict=True)
        ]
        within = np.sqrt(np.sum(squares, axis=0) / (90 - len(names)))
        labels = np.array(
            [np.argmin([np.sum(((p - c) / within) ** 2) for c in centers]) for p in points]
        )
    assert np.array_equal(move_to_means(points, start), labels)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_local_dimension_of_uniform_points_is_theirs(dimension):
    points = np.random.default_rng(6).uniform(size=(2000, dimension))
    distance = np.sort(np.linalg.norm(points[:300, None] - points[None], axis=2), axis=1)
    found = local_dimension(distance[:, 2], distance[:, 5], 9)
    growth = np.mean(np.log(distance[:, 5] / distance[:, 2]))
    assert found == pytest.approx((special.digamma(5) - special.digamma(2)) / growth)
    assert found == pytest.approx(dimension, rel=0.2)


def turns_by_hand(group, rows, lag):
    """How much oftener than by chance a task is in the group of the task `lag` before."""
    at = dict(zip(rows, group, strict=True))
    same = [at[row] == at[row + lag] for row in rows if row + lag in at]
    chance = sum((np.sum(group == g) / len(group)) ** 2 for g in set(group))
    return (np.mean(same) - chance) / (1 - chance) if len(same) >= 20 else 0.0


@pytest.mark.parametrize(("period", "turns"), [(2, False), (3, False), (7, True), (24, True)])
def test_groups_that_come_round_are_a_season_from_four_tasks_on(period, turns):
    rows = np.delete(np.arange(240), [5, 77, 78])
    group = (rows % period < period // 2).astype(np.int64)
    assert takes_turns(group, rows) is turns
    agreement = [turns_by_hand(group, rows.tolist(), lag) for lag in range(1, 100)]
    lowest = np.maximum(np.minimum.accumulate(agreement), 0)
    rise = np.array(agreement) - lowest
    least = max(0.3, 4.5 / np.sqrt(len(rows)), 1.25 * rise[:3].max())
    assert (rise[3:].max() > least) == turns


def test_the_independent_share_falls_with_memory_within_groups_that_last():
    rng = np.random.default_rng(7)
    noise = rng.normal(size=(400, 1))
    slow = noise.copy()
    for t in range(1, 400):
        slow[t] += 0.9 * slow[t - 1]
    halves, shuffled = np.repeat([0, 1], 200), rng.permutation(np.repeat([0, 1], 200))
    rows = np.arange(400)

    def share(points, labels):
        return independent_share(points + 30 * labels[:, None], labels, rows)

    assert share(noise, halves) > 0.85
    assert share(slow, shuffled) > 0.85
    centred = slow - np.where(halves[:, None], slow[200:].mean(), slow[:200].mean())
    together = [centred[t] * centred[t + 1] for t in range(399) if halves[t] == halves[t + 1]]
    r = np.mean(together) / np.mean(centred**2)
    chance = 0.5
    r *= (np.mean(halves[1:] == halves[:-1]) - chance) / (1 - chance)
    assert share(slow, halves) == pytest.approx((1 - r) / (1 + r))


def cell_by_hand(value, values, step):
    def nearest(one):
        if values.count(one) == 1:
            return 0.0
        return min(abs(other - one) for other in values if other != one)

    usual = max(step, float(np.median([nearest(one) for one in values])))
    above = min((other - value for other in values if other > value), default=np.inf)
    below = min((value - other for other in values if other < value), default=np.inf)
    low, high = (gap if gap <= 2 * usual else usual for gap in (below, above))
    return value - low / 2, value + high / 2


@pytest.mark.parametrize("step", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(5))
def test_cells_of_neighbouring_values_meet_but_across_wide_gaps(seed, step):
    rng = np.random.default_rng(seed)
    values = rng.choice(np.cumsum(rng.choice([1.0, 2.0, 5.0], 6)), 12).tolist()
    low, high = cells(np.array(values), step)
    by_hand = [cell_by_hand(value, values, step) for value in values]
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == by_hand


def test_a_continuous_value_is_its_own_cell():
    values = np.random.default_rng(3).normal(size=50)
    for bound in cells(values, 0.0):
        np.testing.assert_array_equal(bound, values)


def test_of_a_walk_s_groups_nothing_is_independent_and_of_a_leap_s_something_is():
    walk = np.random.default_rng(4).normal(size=(1000, 1)).cumsum(axis=0)
    groups = np.digitize(walk[:, 0], np.quantile(walk, [0.3, 0.6])).astype(np.int64)
    rows = np.arange(1000)
    assert independent_share(walk, groups, rows) == 0.0
    leap = walk + 1000.0 * (rows >= 500)[:, None]
    assert independent_share(leap, (rows >= 500).astype(np.int64), rows) > 0.0


@given(st.lists(st.integers(0, 12), min_size=1, max_size=25))
def test_the_usual_gap_is_the_median_distance_to_another_value_of_tasks_that_share_theirs(values):
    distinct, counts = np.unique(values, return_counts=True)
    gaps = np.diff(distinct.astype(float), prepend=-np.inf, append=np.inf)
    if len(distinct) > 1:
        away = [
            min(abs(other - value) for other in values if other != value)
            if values.count(value) > 1
            else 0.0
            for value in values
        ]
        assert usual_gap(gaps, counts) == np.median(away)


CHANCES = st.sampled_from([1e-9, 1e-4, 0.009, 0.02, 0.3, 1.0])


@given(st.tuples(st.integers(1, 4), CHANCES), st.tuples(st.integers(1, 4), CHANCES))
def test_of_two_divisions_beyond_chance_the_finer_is_taken_else_the_surer(whole, along_wide):
    points = np.random.default_rng(0).normal(size=(200, 8))
    points[:100, 0] += 9.0
    wide = division.wide_axes(points)
    seen = {8: (whole, points), wide.shape[1]: (along_wide, points @ wide)}
    asked = []

    def divide(some):
        (groups, p_value), expected = seen[some.shape[1]]
        np.testing.assert_allclose(some, expected)
        asked.append(some.shape[1])
        return Partition(np.arange(200) % groups, p_value, (p_value,) * groups)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(division, "divide", divide)
        axes, found = division.divide_clearest(points)
    both = whole[1] <= division.VALLEY_LEVEL and along_wide[1] <= division.VALLEY_LEVEL
    if both and whole[0] != along_wide[0]:
        taken = max(whole, along_wide)
    else:
        taken = min(whole, along_wide, key=lambda one: (one[1], -one[0]))
    assert sorted(asked) == sorted(seen)
    assert (found.groups, found.chances[0]) == taken
    assert found.p_value == min(1.0, 2 * min(whole[1], along_wide[1]))
    assert whole == along_wide or axes.shape[1] == (8 if taken == whole else wide.shape[1])


def test_of_few_metrics_one_division_is_tried_and_its_chance_stands():
    points = np.random.default_rng(1).normal(size=(200, 3))
    points[:90] += 9.0
    axes, found = division.divide_clearest(points)
    once = division.divide(points)
    assert axes.tolist() == np.eye(3).tolist()
    assert (found.labels.tolist(), found.p_value) == (once.labels.tolist(), once.p_value)
