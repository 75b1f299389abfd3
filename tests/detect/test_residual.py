"""What is left of metrics after levels, trends and seasons."""

import numpy as np
import pytest

from crackle_stream.detect.residual import residual_table, runs_of
from crackle_stream.detect.roles import Roles
from crackle_stream.detect.view import table_of


def roles_of(**role):
    return Roles(role, (), dict.fromkeys(role, 0.0))


def residual(values, changes=(), role="measure"):
    table = table_of({"x": values})
    return residual_table(table, {"x": tuple(changes)}, roles_of(x=role)).column("x")


@pytest.fixture
def noise():
    return np.random.default_rng(5).normal(size=200)


def test_segments_lose_their_levels(noise):
    stepped = noise + np.where(np.arange(200) < 80, 5.0, 40.0)
    left = residual(stepped, [80])
    np.testing.assert_allclose(left - left.mean(), noise - noise.mean(), atol=0.5)
    assert abs(left[:80].mean()) < 0.1
    assert abs(left[80:].mean()) < 0.1


def test_a_trend_goes_and_an_outlier_neither_bends_it_nor_goes(noise):
    trend = 0.05 * np.arange(200)
    trend[190] += 1e6
    left = residual(noise + trend)
    assert left[190] == pytest.approx(1e6, rel=1e-4)
    kept = np.delete(np.arange(200), 190)
    assert abs(np.polyfit(kept, left[kept], 1)[0]) < 0.003
    assert np.std(left[kept]) == pytest.approx(np.std(noise), rel=0.05)


def test_without_a_trend_values_only_lose_their_level():
    noise = np.random.default_rng(0).normal(size=200)
    left = residual(noise + 1e9)
    np.testing.assert_allclose(np.diff(left), np.diff(noise), atol=1e-6)


def test_a_straight_line_is_exactly_zero_afterwards():
    assert not residual(1e9 + 0.1 * np.arange(100.0)).any()


def test_values_that_are_mostly_the_same_stay_tied():
    counts = np.random.default_rng(2).poisson(0.2, 300).astype(float)
    left = residual(counts + 0.0, [100])
    assert len(np.unique(left)) == len(np.unique(counts))


def test_counters_are_differenced_and_their_first_row_is_absent():
    steps = np.random.default_rng(3).exponential(size=100)
    left = residual(np.cumsum(steps), role="counter")
    assert np.isnan(left[0])
    np.testing.assert_allclose(np.diff(left[1:]), np.diff(steps[1:]), atol=1e-9)


def test_absent_stays_absent_and_moves_nothing_else(noise):
    gaps = noise.copy()
    gaps[[0, 50, 51, 199]] = np.nan
    left = residual(gaps)
    np.testing.assert_array_equal(np.isnan(left), np.isnan(gaps))
    offsets = (left - gaps)[~np.isnan(gaps)]
    np.testing.assert_allclose(offsets, offsets[0], atol=1e-12)


def test_identifiers_clocks_and_settings_are_left_out(noise):
    columns = dict.fromkeys(("clock", "measure", "name", "setting"), noise)
    roles = roles_of(clock="clock", measure="measure", name="identifier", setting="setting")
    assert residual_table(table_of(columns), {}, roles).names == ("measure",)


def test_runs_apart_are_taken_each_by_itself(noise):
    rows = np.r_[np.arange(100), np.arange(5_000, 5_100)]
    table = table_of({"x": noise + np.repeat([0.0, 70.0], 100)})
    table = type(table)(table.names, rows, table.positions, table.times, table.values)
    assert [(run.start, run.stop) for run in runs_of(rows)] == [(0, 100), (100, 200)]
    left = residual_table(table, {}, roles_of(x="measure")).column("x")
    assert np.ptp(left) < np.ptp(noise) + 1


@pytest.mark.parametrize("period", [7.0, 12.0, 36.5])
def test_a_season_of_any_period_goes(noise, period):
    season = 2 * np.sin(2 * np.pi * np.arange(200) / period + 1)
    left = residual(noise + season)
    assert abs(np.corrcoef(left, season)[0, 1]) < 0.1
    assert np.corrcoef(left, noise)[0, 1] > 0.97


def test_a_sharp_weekly_shape_goes_with_its_harmonics(noise):
    high = (np.arange(200) % 7 == 3).astype(float)
    assert abs(np.corrcoef(residual(noise + 4 * high), high)[0, 1]) < 0.15


def test_a_season_too_weak_in_each_metric_goes_where_many_share_it():
    rng = np.random.default_rng(8)
    wave = 0.55 * np.sin(2 * np.pi * np.arange(200) / 12)
    columns = {f"m{i:02d}": wave + rng.normal(size=200) for i in range(12)}
    roles = roles_of(**dict.fromkeys(columns, "measure"))
    together = residual_table(table_of(columns), {}, roles).values
    projected = (together * wave[:, None]).sum(axis=0) / (wave**2).sum()
    assert np.abs(projected).max() < 0.1


@pytest.mark.parametrize("seed", range(10))
def test_no_season_is_seen_in_a_random_walk(seed):
    walk = np.cumsum(np.random.default_rng(seed).normal(size=200))
    offsets = residual(walk) - walk
    np.testing.assert_allclose(np.diff(offsets, 2), 0, atol=1e-9)
