"""Groups in planted, structureless and awkward windows, through the detector's own door."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crackle_stream.detect.candidate import Detection
from crackle_stream.detect.clustering.clusters import assign_clusters, find_clusters
from crackle_stream.detect.clustering.division import VALLEY_LEVEL
from crackle_stream.detect.clustering.grouping import MOST_POINTS
from crackle_stream.detect.phase.phases import Phases
from crackle_stream.detect.roles import find_roles
from crackle_stream.detect.view import table_of, view_table

UNCHANGED = Phases(Detection((), 0), {})
LEVEL, SEPARATION = 0.0125, 2.5


def view_of(points):
    return view_table(table_of({f"m{i:02d}": column for i, column in enumerate(points.T)}))


def detect(points):
    view = view_of(points)
    return find_clusters(view, find_roles(view), UNCHANGED)


def said(points):
    return [c for c in detect(points).candidates if c.p_value <= LEVEL and c.size >= SEPARATION]


def members(points):
    view = view_of(points)
    found = {}
    for group in assign_clusters(view, find_roles(view), UNCHANGED):
        found.setdefault(group.id, []).extend(group.positions.tolist())
    return found


def mixture(seed, n=200, d=4, k=3, distance=6.0):
    rng = np.random.default_rng(seed)
    centers = np.zeros((k, d))
    centers[np.arange(k), np.arange(k)] = distance / np.sqrt(2)
    group = rng.integers(k, size=n)
    return centers[group] + rng.normal(size=(n, d)), group


def season(rng, n, d):
    phase = rng.uniform(0, 2 * np.pi, d)
    wave = np.sin(2 * np.pi * np.arange(n)[:, None] / 24 + phase)
    return 3 * wave + rng.normal(size=(n, d))


STRUCTURELESS = {
    "normal": lambda rng, n, d: rng.normal(size=(n, d)),
    "uniform": lambda rng, n, d: rng.uniform(size=(n, d)),
    "lognormal": lambda rng, n, d: rng.lognormal(size=(n, d)),
    "student": lambda rng, n, d: rng.standard_t(3, size=(n, d)),
    "counts": lambda rng, n, d: rng.poisson(6, size=(n, d)).astype(float),
    "walk": lambda rng, n, d: rng.normal(size=(n, d)).cumsum(axis=0),
    "trend": lambda rng, n, d: np.linspace(0, 9, n)[:, None] + rng.normal(size=(n, d)),
    "season": season,
    "one line": lambda rng, n, d: rng.normal(size=(n, 1)) + 0.1 * rng.normal(size=(n, d)),
}


@pytest.mark.parametrize("kind", STRUCTURELESS)
@pytest.mark.parametrize(("n", "d"), [(200, 4), (60, 3), (300, 10)])
def test_where_there_are_no_groups_none_are_said(kind, n, d):
    for seed in range(3):
        assert not said(STRUCTURELESS[kind](np.random.default_rng([5, seed]), n, d))


def test_a_season_of_few_tasks_is_called_groups_no_oftener_than_the_level_allows():
    # The first of these draws is said, at p = .009: one in forty is within the level of .0125.
    seeds = range(40)
    assert sum(bool(said(season(np.random.default_rng([5, seed]), 60, 2))) for seed in seeds) <= 1


def test_the_tail_of_few_lognormal_draws_is_no_second_group():
    # In each of these draws a metric's tail seems to end soon, and the metric is not taken in
    # logarithms; its largest values lay apart at p < 1e-6.
    for seed in (52, 110, 145, 184, 289):
        rng = np.random.default_rng([202, seed, 120])
        assert not said(rng.lognormal(size=(120, 4)))


def test_a_second_group_is_said_also_where_it_could_be_a_long_tail():
    points = np.random.default_rng(16).normal(size=(200, 4))
    points[np.random.default_rng(17).permutation(200)[:50], :2] += 7
    assert sorted(candidate.pattern.size for candidate in said(points)) == [50, 150]


@pytest.mark.parametrize("seed", range(4))
def test_three_groups_six_deviations_apart_are_said_with_their_members(seed):
    points, group = mixture(seed)
    candidates = said(points)
    assert len(candidates) == 3
    found = members(points)
    for candidate in candidates:
        mine = found[candidate.pattern.id]
        assert len(mine) == candidate.pattern.size == candidate.pattern.involved_count
        most = np.bincount(group[mine]).max()
        assert most >= 0.95 * len(mine)
        assert set(candidate.involved) <= set(mine)


def test_the_tasks_named_are_the_members_nearest_to_the_group_s_centre():
    points, _ = mixture(0, k=2)
    for candidate in said(points):
        mine = members(points)[candidate.pattern.id]
        center, spread = (
            np.array(list(numbers.values()))
            for numbers in (candidate.pattern.center, candidate.pattern.spread)
        )
        away = {place: np.sum(np.abs(points[place] - center) / spread) for place in mine}
        assert list(candidate.involved) == sorted(mine, key=away.__getitem__)[:20]


def test_all_groups_of_a_window_share_one_hypothesis_and_none_is_surer_than_its_border():
    points, _ = mixture(0)
    detection = detect(points)
    assert detection.tested == 1
    p_values = [candidate.p_value for candidate in detection.candidates]
    assert min(p_values) < max(p_values) <= VALLEY_LEVEL
    assert len({candidate.pattern.id for candidate in detection.candidates}) == 3


def test_centers_and_spreads_are_in_the_metric_s_own_unit():
    points, group = mixture(1, n=600, k=2, distance=8)
    points = points * 1e6 + 1e9
    for candidate in said(points):
        mine = points[group == group[candidate.involved[0]]]
        center = list(candidate.pattern.center.values())
        np.testing.assert_allclose(center, np.median(mine, axis=0), rtol=0, atol=2e5)
        np.testing.assert_allclose(list(candidate.pattern.spread.values()), 1e6, rtol=0.25)


def test_two_informative_metrics_among_twelve_are_enough():
    points, group = mixture(2, d=2, k=2)
    noise = np.random.default_rng(9).normal(size=(len(points), 10))
    found = members(np.hstack([points, noise]))
    assert len(found) == 2
    assert all(np.bincount(group[mine]).max() >= 0.93 * len(mine) for mine in found.values())


def test_a_ring_in_a_cloud_is_two_groups_and_no_more():
    rng = np.random.default_rng(4)
    angle = rng.uniform(0, 2 * np.pi, 300)
    ring = 8 * np.column_stack([np.cos(angle), np.sin(angle)]) + 0.3 * rng.normal(size=(300, 2))
    points = np.vstack([ring, rng.normal(size=(150, 2))])[rng.permutation(450)]
    assert sorted(candidate.pattern.size for candidate in said(points)) == [150, 300]


def test_kinds_that_follow_each_other_are_groups_as_much_as_kinds_that_take_turns():
    points, group = mixture(3, k=2)
    in_turn = said(points)
    one_after_the_other = said(points[np.argsort(group, kind="stable")])
    assert len(in_turn) == len(one_after_the_other) == 2


def test_strictly_alternating_kinds_are_groups():
    points = np.random.default_rng(0).normal(size=(200, 3))
    points[::2] += 6
    assert [candidate.pattern.size for candidate in said(points)] == [100, 100]


def test_a_few_wild_values_hide_nothing():
    points, _ = mixture(5)
    points[[3, 77]] = 1e7
    assert len(said(points)) == 3
    assert not any(3 in mine or 77 in mine for mine in members(points).values())


def test_a_metric_that_hardly_ever_varies_hides_nothing():
    points, _ = mixture(6)
    still = np.full((200, 1), 7.0)
    still[:4] = 8.0
    assert len(said(np.hstack([points, still]))) == 3


def test_rounded_values_are_no_groups_but_rounded_groups_are():
    rng = np.random.default_rng(8)
    assert not said(np.round(rng.normal(size=(400, 2))))
    points, _ = mixture(7, d=2, k=2, distance=12)
    assert len(said(np.round(points))) == 2


@pytest.mark.parametrize("values", [(1, 388, 775, 1162), (1, 5, 10, 14), (0, 500)])
def test_the_values_of_a_metric_of_few_are_no_groups_by_themselves(values):
    rng = np.random.default_rng(21)
    few = np.array(values)[np.minimum(rng.poisson(0.5, 400), len(values) - 1)]
    assert said(np.column_stack([few, rng.normal(size=400), rng.normal(size=400)])) == []


def test_a_metric_of_few_values_that_others_go_with_divides_tasks():
    rng = np.random.default_rng(22)
    kind = rng.integers(2, size=300)
    others = 4.0 * kind[:, None] + rng.normal(size=(300, 2))
    assert len(said(np.column_stack([500 * kind, others]))) == 2


def test_tasks_that_report_other_metrics_are_looked_at_apart():
    rng = np.random.default_rng(10)
    nan = np.full(100, np.nan)
    a = np.concatenate([rng.normal(size=50), rng.normal(size=50) + 9, nan])
    b = np.concatenate([nan, rng.normal(size=40) - 9, rng.normal(size=60)])
    view = view_table(table_of({"a": a, "b": b}))
    detection = find_clusters(view, find_roles(view), UNCHANGED)
    assert detection.tested == 2
    sizes = [(c.pattern.subject, c.pattern.size) for c in detection.candidates]
    assert sorted(sizes) == [(("a",), 50), (("a",), 50), (("b",), 40), (("b",), 60)]
    assert all(candidate.pattern.evidence.n == 100 for candidate in detection.candidates)


def test_constant_and_tiny_windows_say_nothing():
    assert detect(np.ones((100, 3))).candidates == ()
    assert detect(np.random.default_rng(0).normal(size=(10, 2))).candidates == ()


def test_a_long_window_rests_on_a_choice_of_rows_and_labels_all_of_them():
    points, group = mixture(11, n=6000, k=2, distance=8)
    candidates = said(points)
    assert all(candidate.pattern.evidence.n == MOST_POINTS for candidate in candidates)
    found = members(points)
    assert sorted(len(mine) for mine in found.values()) == sorted(
        candidate.pattern.size for candidate in candidates
    )
    assert all(np.bincount(group[mine]).max() >= 0.99 * len(mine) for mine in found.values())


def sets_of(points, shown):
    """Members as values' row numbers before the rows were shown in another order."""
    return {frozenset(shown[mine].tolist()) for mine in members(points[shown]).values()}


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 2**32 - 1), digits=st.sampled_from([0, 1, 9]))
def test_the_order_of_tasks_changes_nothing_but_positions(seed, digits):
    rng = np.random.default_rng(seed)
    points = np.round(mixture(seed, n=90, d=2, k=2, distance=7)[0], digits)
    points = np.unique(points, axis=0)  # equal rows are told apart by position alone
    one, other = rng.permutation(len(points)), rng.permutation(len(points))
    assert sets_of(points, one) == sets_of(points, other)


@settings(deadline=None, max_examples=12)
@given(
    seed=st.integers(0, 2**32 - 1),
    unit=st.sampled_from([1e-12, 0.3, 1024.0, 1e12]),
    offset=st.sampled_from([0.0, -40.0, 1e4]),
)
def test_the_unit_of_a_metric_changes_nothing(seed, unit, offset):
    points, _ = mixture(seed, n=120, d=3)
    other = points.copy()
    other[:, 0] = (other[:, 0] + offset) * unit
    assert sorted(map(tuple, members(points).values())) == sorted(
        map(tuple, members(other).values())
    )


def test_tasks_that_repeat_exactly_have_a_finite_separation():
    rng = np.random.default_rng(12)
    points = np.repeat(rng.normal(size=(40, 2)), 5, axis=0)[rng.permutation(200)]
    assert all(0 <= candidate.size <= 1000 for candidate in detect(points).candidates)
    kinds = np.array([[0.25, 1.5], [7.125, 9.0]])
    assert all(c.size <= 1000 for c in detect(kinds[rng.integers(2, size=80)]).candidates)


def test_groups_that_follow_one_another_say_where_and_kinds_that_take_turns_do_not():
    points, group = mixture(13, n=300, k=3, distance=8)
    ordered = points[np.argsort(group, kind="stable")]
    first, second = np.cumsum(np.bincount(group))[:2].tolist()
    borders = [candidate.pattern.borders for candidate in said(ordered)]
    assert borders == [(first,), (first, second), (second,)]
    assert [candidate.pattern.borders for candidate in said(points)] == [None] * 3


def test_a_group_that_comes_back_has_all_its_borders():
    points = np.random.default_rng(14).normal(size=(300, 3))
    points[100:200] += 6
    assert [candidate.pattern.borders for candidate in said(points)] == [(100, 200)] * 2


def test_a_rare_kind_among_others_is_no_stretch():
    points = np.random.default_rng(15).normal(size=(400, 3))
    points[::13] += 12
    points[200:] -= 12
    found = said(points)
    assert len(found) == 3
    assert all(candidate.pattern.borders is None for candidate in found)
