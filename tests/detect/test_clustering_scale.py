"""The common scale, and what serial dependence leaves of the evidence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackle_stream.detect.clustering.scaling import fit_scale
from crackle_stream.detect.clustering.serial import independent_share

RNG = np.random.default_rng(0)
SAMPLES = {
    "normal": RNG.normal(size=300),
    "lognormal": RNG.lognormal(sigma=1.5, size=300),
    "falling tail": -RNG.lognormal(size=300),
    "two groups": np.concatenate([RNG.normal(size=150), RNG.normal(size=150) + 20]),
    "heavy": RNG.standard_cauchy(size=300),
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("unit", [1e-12, 1000.0, 1e12])
def test_unit_and_offset_leave_the_places_as_they_are(name, unit):
    values = SAMPLES[name]
    other = (values + 17) * unit
    np.testing.assert_allclose(
        fit_scale(values).apply(values), fit_scale(other).apply(other), atol=1e-6
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_the_scale_keeps_the_order(name):
    values = np.sort(SAMPLES[name])
    assert np.all(np.diff(fit_scale(values).apply(values)) >= 0)


def test_a_normal_metric_has_unit_spread_and_a_lognormal_one_becomes_normal():
    normal = np.random.default_rng(1).normal(size=5000)
    assert fit_scale(normal).apply(normal).std() == pytest.approx(1, rel=0.05)
    straight = fit_scale(np.exp(normal)).apply(np.exp(normal))
    assert straight.std() == pytest.approx(1, rel=0.1)
    assert abs((straight**3).mean() / straight.std() ** 3) < 0.3


def test_groups_far_apart_do_not_widen_the_spread():
    values = SAMPLES["two groups"]
    assert fit_scale(values).spread < 3


def test_one_wild_value_moves_nothing_else_much():
    values = SAMPLES["normal"]
    wild = np.append(values, 1e9)
    moved = fit_scale(wild).apply(values) - fit_scale(values).apply(values)
    assert np.abs(moved).max() < 0.1
    assert fit_scale(wild).apply(np.array([1e9])) < 40


@given(st.floats(-1e12, 1e12), st.integers(20, 60))
def test_a_constant_has_no_scale(value, n):
    assert fit_scale(np.full(n, value)) is None


def share(values, group):
    points = np.asarray(values, float)[:, None]
    return independent_share(points, np.asarray(group), np.arange(len(group)))


def test_a_walk_leaves_little_of_the_evidence():
    walk = np.random.default_rng(2).normal(size=400).cumsum()
    assert share(walk, (walk > np.median(walk)).astype(int)) < 0.2


def test_kinds_one_after_the_other_leave_nearly_all():
    noise = np.random.default_rng(3).normal(size=400)
    group = (np.arange(400) >= 200).astype(int)
    assert share(noise + 9 * group, group) > 0.8


def test_kinds_in_random_turns_leave_nearly_all_even_on_a_slow_drift():
    rng = np.random.default_rng(4)
    group = rng.integers(2, size=400)
    assert share(np.linspace(0, 3, 400) + 9 * group + rng.normal(size=400), group) > 0.8


def test_a_season_leaves_nothing_but_alternation_is_no_season():
    noise = np.random.default_rng(5).normal(size=400)
    week = (np.arange(400) % 7 >= 5).astype(int)
    assert share(noise + 9 * week, week) == 0
    turn = np.arange(400) % 2
    assert share(noise + 9 * turn, turn) > 0.8


def test_the_order_of_the_points_does_not_matter():
    rng = np.random.default_rng(6)
    points, group = rng.normal(size=(100, 2)), rng.integers(3, size=100)
    shown = rng.permutation(100)
    rows = np.arange(100)
    one = independent_share(points, group, rows)
    assert independent_share(points[shown], group[shown], rows[shown]) == pytest.approx(one)


def test_an_origin_is_found_where_digits_only_just_tell_the_values_apart() -> None:
    values = 1e16 + np.repeat([-2.0, 0.0, 4.0], [10, 70, 20])
    scale = fit_scale(values, doubtful=True)
    assert scale is not None
    assert scale.low == 1e16 - 4
    assert np.isfinite(scale.apply(values)).all()
