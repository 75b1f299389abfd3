"""Roles: what a metric's values are, told by their form alone."""

import numpy as np
import pytest

from crackle_stream.clock import Deadline
from crackle_stream.detect.examine import examine
from crackle_stream.detect.resolution import resolution_of, tidy
from crackle_stream.detect.roles import find_roles
from crackle_stream.detect.view import table_of, view_table
from crackle_stream.profile import ThermalProfile
from crackle_stream.table import Table

N = 60
SECOND = 1_000_000_000


def role_of(values, times=None):
    table = table_of({"x": np.asarray(values, float)})
    if times is not None:
        times = np.asarray(times, np.int64)
        table = Table(table.names, table.rows, table.positions, times, table.values)
    return find_roles(view_table(table)).role["x"]


def draw(seed=0):
    return np.random.default_rng(seed)


def test_run_numbers_are_an_identifier_in_any_order_and_with_gaps():
    runs = np.arange(1400.0, 1400 + N)
    assert role_of(runs) == "identifier"
    assert role_of(draw().permutation(runs)) == "identifier"
    assert role_of(draw().permutation(np.delete(runs, [5, 17]))) == "identifier"
    assert role_of(runs * 10) == "identifier"


def test_run_numbers_with_absent_ones_are_an_identifier():
    runs = np.arange(0.0, N)
    runs[[3, 4, 20]] = np.nan
    assert role_of(runs) == "identifier"


def test_batch_numbers_are_an_identifier():
    assert role_of(np.repeat(np.arange(12.0), 5)) == "identifier"


def test_long_random_numbers_are_an_identifier():
    assert role_of(draw().integers(0, 2**32, N)) == "identifier"
    assert role_of(draw().integers(0, 2**53, N)) == "identifier"


@pytest.mark.parametrize("seed", range(20))
def test_a_latency_in_whole_microseconds_is_a_measure_though_each_value_is_unique(seed):
    latency = np.rint(np.exp(draw(seed).normal(12, 1, N)))
    assert len(set(latency)) == N
    assert role_of(latency) == "measure"


@pytest.mark.parametrize("seed", range(20))
def test_a_random_walk_is_a_measure(seed):
    steps = draw(seed).normal(size=N)
    assert role_of(np.cumsum(steps)) == "measure"
    assert role_of(np.cumsum(np.rint(3 * steps))) == "measure"


def test_evenly_spaced_fractions_are_a_clock():
    assert role_of(0.5 + 0.1 * np.arange(N)) == "clock"


@pytest.mark.parametrize("ticks", [1, 1e3, 1e6])
def test_an_epoch_near_the_events_times_is_a_clock(ticks):
    seconds = 1_700_000_000 + np.cumsum(draw().exponential(300, N))
    epoch = np.rint((seconds + draw(1).uniform(0, 40, N)) * ticks)
    assert role_of(epoch, seconds * SECOND) == "clock"


def test_seconds_since_the_start_are_a_clock_however_uneven():
    seconds = np.cumsum(draw().exponential(300, N))
    assert role_of(seconds - seconds[0], (1_700_000_000 + seconds) * SECOND) == "clock"


def test_small_numbers_beside_times_near_1970_are_a_measure():
    assert role_of(draw().normal(5, 1, N), np.arange(N) * SECOND) == "measure"


@pytest.mark.parametrize("period", [2, 4, 7, 12, 19])
def test_what_repeats_exactly_is_a_cycle_and_what_nearly_does_is_none(period):
    column = np.arange(N) % period * 2.5
    assert role_of(column) == "cycle"
    assert role_of(np.sin(2 * np.pi * np.arange(N) / period + 1)) == "cycle"
    column[31] += 1
    assert role_of(column) == "measure"
    assert role_of(column + draw().normal(0, 0.01, N)) == "measure"


def test_a_cycle_with_absent_values_is_one():
    column = np.arange(N) % 7.0
    column[[3, 11, 40]] = np.nan
    assert role_of(column) == "cycle"


def test_twice_is_no_cycle():
    assert role_of(draw().permutation(30)[np.arange(N) % 30] ** 2) == "measure"


@pytest.mark.parametrize("seed", range(20))
def test_rare_flags_are_no_cycle(seed):
    assert role_of(draw(seed).random(N) < 0.1) != "cycle"


def test_weekdays_and_hours_of_uneven_times_are_a_cycle_in_any_time_zone():
    seconds = 1_700_000_000 + np.cumsum(draw().exponential(9_000, 200)).astype(int)
    local = seconds + 5 * 3600
    assert role_of(local // 3600 % 24, seconds * SECOND) == "cycle"
    assert role_of((local // 86_400 + 2) % 7 + 1, seconds * SECOND) == "cycle"
    wrong = local // 3600 % 24
    wrong[50] = (wrong[50] + 5) % 24
    assert role_of(wrong, seconds * SECOND) == "measure"


def test_an_exactly_constant_metric_is_a_setting_from_three_tasks_on():
    assert role_of([812.0] * 3) == "setting"
    assert role_of([812.0] * 2) == "measure"
    assert role_of([812.0] * N + [813.0]) == "measure"


def test_a_metric_that_only_rises_unevenly_is_a_counter_though_corrected_once():
    total = np.cumsum(draw().integers(0, 50, 200)).astype(float)
    assert role_of(total) == "counter"
    assert role_of(-total) == "counter"
    total[100] -= 60
    assert role_of(total) == "counter"


def test_one_step_is_no_counter():
    assert role_of([0.0] * 30 + [1.0] * 30) == "measure"


def test_few_values_show_no_role():
    assert role_of(np.arange(7.0)) == "measure"


def test_each_recognised_metric_is_named_once_with_its_reason():
    columns = {"run": np.arange(N), "threads": np.full(N, 8.0), "ms": draw().normal(size=N)}
    roles = find_roles(view_table(table_of(columns)))
    assert [(note.topic, note.subject) for note in roles.notes] == [
        ("identifier", ("run",)),
        ("setting", ("threads",)),
    ]
    assert "8 in every task" in roles.notes[1].text


def test_a_metric_without_a_value_is_a_measure_of_no_resolution():
    roles = find_roles(view_table(table_of({"x": [np.nan] * 9, "y": np.arange(9.0)})))
    assert (roles.role["x"], roles.resolution["x"]) == ("measure", 0.0)


@pytest.mark.parametrize("step", [1.0, 0.01, 0.25, 1e-6, 4096.0])
def test_resolution_is_the_step_that_values_are_multiples_of(step):
    values = np.array([float(repr(k * step)) for k in (3, 7, 11, 100)])
    assert resolution_of(values) == pytest.approx(step)


def test_unrounded_numbers_have_no_resolution():
    assert resolution_of(draw().normal(size=N)) == 0.0
    assert resolution_of(draw().normal(size=N) + 1e9) == 0.0


def test_the_tidiest_number_lies_in_its_interval():
    for low in draw().normal(0, 100, 500):
        high = low + 10.0 ** draw(3).integers(-9, 2)
        assert low <= tidy(low, high) <= high


@pytest.mark.parametrize("n", [14, 25, 200])
@pytest.mark.parametrize("profile", [ThermalProfile(), ThermalProfile.fast_cooling()])
def test_what_is_recognised_is_a_note_and_in_no_pattern_of_any_kind(n, profile):
    rng = np.random.default_rng(3)
    steps = np.arange(float(n))
    named = {
        "run": 100 + steps,
        "shuffled": rng.permutation(n) + 5000.0,
        "hash": rng.integers(0, 2**32, n).astype(float),
        "clock": 1.7e9 + 0.25 * steps,
        "port": np.full(n, 8080.0),
    }
    moved = {"load": rng.normal(size=n) + 9 * (steps >= n // 2), "rows": rng.poisson(50, n) + 0.0}
    seen = examine(view_table(table_of({**named, **moved})), profile, Deadline(None))
    recognised = [note.subject for note in seen.notes if note.topic != "limit"]
    small = {("hash",)} if n < 16 else set()  # too few to see that they fill their range
    assert sorted(recognised) == sorted({(name,) for name in named} - small)
    candidates = [c for found in seen.detections.values() for c in found.candidates]
    subjects = {name for c in (*candidates, *seen.handful) for name in c.pattern.subject}
    assert subjects - {"hash"} <= set(moved)
    assert small or "hash" not in subjects
    assert "load" in subjects


def test_tasks_that_report_settings_alone_say_nothing_on_a_handful():
    view = view_table(table_of({"port": [8080.0] * 5, "shard": [2.0] * 5}))
    seen = examine(view, ThermalProfile.fast_cooling(), Deadline(None))
    assert seen.handful == ()
    assert len(seen.notes) == 2
