"""What the rules of size say of a few tasks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crackle_stream.detect.handful.handful import HANDFUL, find_handful
from crackle_stream.detect.view import table_of
from crackle_stream.profile import CoolingRate

FAST = CoolingRate.fast()


def of_kind(columns, kind):
    found = find_handful(table_of(columns), FAST)
    return [candidate for candidate in found if candidate.pattern.kind == kind]


def test_two_near_sensors_of_three_are_the_one_group():
    (group,) = of_kind({"temperature": [22.5, 23.1, 45.2]}, "clustering")
    assert group.involved == (0, 1)
    assert group.pattern.size == 2
    assert group.pattern.separation == pytest.approx((45.2 - 23.1) / (23.1 - 22.5))
    assert group.pattern.center["temperature"] == pytest.approx(22.8)


def test_the_third_sensor_is_a_shift():
    (shift,) = of_kind({"temperature": [22.5, 23.1, 45.2]}, "phase_transition")
    assert shift.pattern.at == 2
    assert shift.gate == "shift"


def test_slower_builds_shift_at_the_fourth_and_not_in_the_middle():
    (shift,) = of_kind({"duration_s": [45.0, 42.0, 48.0, 95.0, 102.0]}, "phase_transition")
    assert shift.pattern.at == 3
    assert shift.pattern.before.mean == pytest.approx(45.0)
    assert shift.pattern.after.n == 2
    assert shift.p_value == pytest.approx(2 / 10)  # two of ten choices of the last two


def test_a_metric_that_shifts_is_not_called_constant():
    assert not of_kind({"duration_s": [45.0, 42.0, 48.0, 95.0, 102.0]}, "conservation")


def test_a_metric_that_hardly_varies_is_near_constant():
    (law,) = of_kind({"energy": [100.0, 101.0, 99.5, 100.2, 99.9]}, "conservation")
    assert law.size == pytest.approx(np.std([100.0, 101.0, 99.5, 100.2, 99.9], ddof=1) / 100.0)
    assert law.pattern.terms == {"energy": 1.0}


def test_near_constant_around_zero_does_not_divide_by_it():
    assert not of_kind({"x": [-1.0, 0.0, 2.0, 0.0, -1.5]}, "conservation")


def test_three_tasks_can_correlate_with_a_p_value_that_says_little():
    (pair,) = of_kind({"a": [1.0, 2.0, 4.0], "b": [2.0, 3.9, 8.1]}, "correlation")
    assert pair.pattern.form == "monotone" or pair.pattern.r == pytest.approx(0.9999, abs=1e-3)
    assert pair.p_value == pytest.approx(1 / 3)


def test_a_monotone_pair_goes_by_its_ranks():
    values = [1.0, 2.0, 3.5, 4.0, 5.0, 6.5]
    (pair,) = of_kind({"a": values, "b": list(np.exp(values))}, "correlation")
    assert (pair.pattern.form, pair.pattern.r) == ("monotone", 1.0)


def test_units_do_not_mix():
    rng = np.random.default_rng(3)
    small, large = rng.normal(size=12), rng.normal(size=12)
    small[6:] += 20
    large[:6] -= 20
    found = of_kind({"ratio": small * 1e-9, "bytes": large * 1e9}, "clustering")
    assert [candidate.pattern.size for candidate in found] == [6, 6]


def test_run_numbers_take_no_part():
    run = [float(number) for number in range(1432, 1440)]
    assert not find_handful(table_of({"run": run}), FAST)


def test_absent_values_do_not_silence_a_metric():
    nan = float("nan")
    (shift,) = of_kind({"x": [1.0, nan, 1.2, 0.9, 9.0, 9.3]}, "phase_transition")
    assert shift.pattern.at == 4


def test_one_task_and_thirty_are_no_handful():
    rng = np.random.default_rng(0)
    assert not find_handful(table_of({"x": [1.0]}), FAST)
    assert not find_handful(table_of({"x": rng.normal(size=HANDFUL)}), FAST)
    assert find_handful(table_of({"x": 100 + rng.normal(size=HANDFUL - 1)}), FAST)


@given(st.floats(-1e12, 1e12), st.integers(2, HANDFUL - 1))
def test_constant_data_says_nothing(value, n):
    assert not find_handful(table_of({"x": [value] * n, "y": [2 * value] * n}), FAST)


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=HANDFUL - 1), st.integers(0, 9))
def test_whatever_is_said_passes_its_threshold_and_is_finite(values, seed):
    other = np.random.default_rng(seed).normal(size=len(values))
    for candidate in find_handful(table_of({"x": values, "y": other}), FAST):
        threshold = {
            "separation": FAST.cluster_threshold,
            "shift": FAST.phase_transition_sensitivity,
            "correlation": FAST.correlation_threshold,
        }
        assert np.isfinite(candidate.size)
        assert 0 <= candidate.p_value <= 1
        assert candidate.size >= threshold.get(candidate.gate, 0)
        assert 0 < len(candidate.involved) <= 20
