"""Alarms of one stream of values: what the detector says, against its definition by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from crackle_stream.stats.alarms import WARM_UP, DriftAlarms, DriftDetector
from crackle_stream.stats.focus import CANDIDATES, Focus
from crackle_stream.stats.normal_scores import NormalScores

DRAWS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "tied": lambda rng, n: rng.poisson(0.7, n).astype(float),
    "heavy": lambda rng, n: rng.standard_cauchy(n),
    "constant": lambda _, n: np.full(n, 4.0),
}


def alarms_of(values, **settings):
    detector = DriftDetector("x", **settings)
    found = (detector.update(position, float(value)) for position, value in enumerate(values))
    return [alarm for alarm in found if alarm is not None]


def largest_ratio(values, first):
    """Twice the log of the likelihood ratio at variance 1, and the split: over all of them."""
    n = len(values)
    ratios = [
        split * (n - split) / n * (values[:split].mean() - values[split:].mean()) ** 2
        for split in range(first, n)
    ]
    return max(ratios), first + int(np.argmax(ratios))


def long_run_variance(values):
    mean = values.mean()
    variance = np.mean(values**2) - mean**2
    if variance <= 0:
        return 1.0
    neighbours = (np.sum(values[1:] * values[:-1]) / len(values) - mean**2) / variance
    neighbours = min(max(neighbours, 0.0), 0.99)
    return max(variance, 1.0) * (1 + neighbours) / (1 - neighbours)


def slow_focus(reference, values, threshold):
    """Give where and for which split the definition first says that the mean changed."""
    scale = long_run_variance(reference)
    known, rescaled = reference, 2 * len(reference)
    for value in values:
        known = np.append(known, value)
        ratio, split = largest_ratio(known, len(reference))
        if ratio >= threshold * scale:
            return len(known), split
        if len(known) == rescaled:
            scale, rescaled = long_run_variance(known), 2 * rescaled
    return None


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_score_is_the_mean_of_a_normal_variable_over_the_cells_of_a_value(draw):
    sample = draw(np.random.default_rng(1), 20)
    scores = NormalScores(sample.tolist())
    for value in [*sample, -1e9, 1e9, 0.1]:
        low, high = np.sum(sample < value) / 21, (np.sum(sample <= value) + 1) / 21
        middle = [0.5] if low < 0.5 < high else None
        level, _ = integrate.quad(stats.norm.ppf, low, high)
        spread, _ = integrate.quad(
            lambda u: stats.norm.ppf(abs(2 * u - 1)), low, high, points=middle, limit=200
        )
        assert scores.of(value) == pytest.approx(
            (level / (high - low), spread / (high - low)), abs=1e-6
        )


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_scores_of_a_reference_have_mean_zero_and_at_most_variance_one(draw):
    sample = draw(np.random.default_rng(2), 60)
    scores = np.array([NormalScores(sample.tolist()).of(value) for value in sample])
    assert np.abs(scores.mean(axis=0)).max() < 0.05
    assert (scores**2).mean(axis=0).max() <= 1


@pytest.mark.parametrize("shift", [-2.0, 0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("threshold", [4.0, 9.0, 16.0])
def test_focus_says_what_its_definition_says_at_every_prefix(shift, threshold):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        reference, values = rng.normal(size=12), rng.normal(size=60)
        values[30:] += shift
        focus = Focus(reference.tolist(), threshold)
        found = None
        for number, value in enumerate(values.tolist(), 13):
            change = focus.update(value, number)
            if change is not None:
                found = number, change.before
                break
        assert found == slow_focus(reference, values, threshold)


def slow_alarm(values, warm_up, threshold):
    """Give position, onset and form of the first alarm as it is defined."""
    scores = NormalScores(values[:warm_up].tolist())
    level, spread = np.array([scores.of(value) for value in values.tolist()]).T
    found = [
        slow_focus(some[:warm_up], some[warm_up:], threshold) or (len(values) + 1, 0)
        for some in (level, spread)
    ]
    count, onset = min(found, key=lambda one: one[0])
    if count > len(values):
        return None
    ratios = [largest_ratio(some[:count], warm_up)[0] for some in (level, spread)]
    return count - 1, onset, "level" if ratios[0] >= ratios[1] else "spread"


@pytest.mark.parametrize("draw", ["normal", "tied", "heavy"])
@pytest.mark.parametrize("change", [lambda x: x, lambda x: x + 2, lambda x: x * 3])
def test_the_first_alarm_is_the_one_that_its_definition_gives(draw, change):
    for seed in range(3):
        values = DRAWS[draw](np.random.default_rng(seed), 160)
        values[90:] = change(values[90:])
        found = alarms_of(values, warm_up=30, threshold=14.0)
        said = [(alarm.position, alarm.onset, alarm.form) for alarm in found[:1]]
        assert (said or [None])[0] == slow_alarm(values, 30, 14.0)


def test_of_noise_few_places_are_kept():
    focus = Focus([0.0, 0.1], threshold=1e12)
    for number, value in enumerate(np.random.default_rng(9).normal(size=2_000).tolist()):
        focus.update(value, number)
    assert len(focus._above) + len(focus._below) < 30


def test_a_walk_that_bends_all_the_time_keeps_a_bounded_number_of_places():
    focus = Focus([0.0, 0.1], threshold=1e12)
    for number in range(2_000):
        focus.update(float(number), number)
        focus.update(-float(number), number)
    assert len(focus._above) <= CANDIDATES
    assert len(focus._below) <= CANDIDATES


def test_a_step_is_noticed_soon_with_where_it_began_and_both_sides():
    values = np.random.default_rng(1).normal(size=700)
    values[600:] += 5.0
    (alarm,) = alarms_of(values)
    assert (alarm.status, alarm.metric, alarm.form, alarm.onset) == ("raised", "x", "level", 600)
    assert 600 < alarm.position < 610
    before, after = values[:600], values[600 : alarm.position + 1]
    assert alarm.before.mean == pytest.approx(before.mean())
    assert alarm.before.std == pytest.approx(before.std(ddof=1))
    assert alarm.after.mean == pytest.approx(after.mean())
    assert (alarm.before.n, alarm.after.n) == (len(before), len(after))
    assert alarm.confidence > 0.9


def test_a_tripled_spread_is_noticed_as_one():
    values = np.random.default_rng(4).normal(size=900)
    values[600:] *= 3.0
    first = alarms_of(values)[0]
    assert (first.form, first.after.std > 2 * first.before.std) == ("spread", True)
    assert 600 < first.position < 640


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_steady_metric_raises_none_whatever_its_distribution(draw):
    assert alarms_of(draw(np.random.default_rng(2), 3_000)) == []


def test_outliers_raise_none():
    values = np.random.default_rng(5).normal(size=3_000)
    values[::97] = 1e9
    assert alarms_of(values) == []


def test_units_and_offsets_change_nothing_but_the_numbers_told():
    values = np.random.default_rng(6).normal(size=700)
    values[400:] += 2.0
    plain, scaled = alarms_of(values), alarms_of(values * 1e-3 + 1e9)
    assert [(a.position, a.onset) for a in plain] == [(a.position, a.onset) for a in scaled]
    assert scaled[0].before.std == pytest.approx(plain[0].before.std * 1e-3, rel=1e-3)


def test_a_clock_raises_none_and_one_that_goes_faster_is_said_to_change_its_step():
    steps = np.full(600, 60.0)
    steps[400:] = 30.0
    alarms = alarms_of(1.7e9 + np.cumsum(steps))
    assert [(a.form, a.of_steps, a.onset) for a in alarms] == [("level", True, 400)]
    assert (alarms[0].before.mean, alarms[0].after.mean) == (60.0, 30.0)


def test_after_an_alarm_a_metric_is_watched_anew():
    values = np.random.default_rng(7).normal(size=900)
    values[300:] += 5.0
    values[600:] += 5.0
    assert [alarm.onset for alarm in alarms_of(values)] == [300, 600]


def test_nothing_is_said_of_the_values_that_are_the_reference():
    assert alarms_of([0.0] * (WARM_UP // 2) + [9.0] * (WARM_UP // 2)) == []


def test_metrics_do_not_disturb_each_other():
    values = np.random.default_rng(3).normal(size=800)
    values[400:] += 5.0
    alarms = DriftAlarms()
    found = [
        alarm
        for position, value in enumerate(values.tolist())
        for alarm in alarms.update(position, {"y": value, "x": value, "steady": 1.0})
    ]
    assert [alarm.metric for alarm in found] == ["x", "y"]
    assert found[:1] == alarms_of(values)


def test_values_of_metrics_beyond_the_bound_are_counted_not_watched():
    alarms = DriftAlarms(max_metrics=1)
    alarms.update(0, {"a": 1.0, "b": 2.0})
    alarms.update(1, {"b": 2.0})
    assert alarms.unwatched == 2


def test_metrics_that_a_profile_ignores_are_neither_watched_nor_counted():
    alarms = DriftAlarms(max_metrics=1, ignores=lambda name: name == "a")
    values = [*([1.0] * 200), *([2.0] * 50)]
    found = [a for i, x in enumerate(values) for a in alarms.update(i, {"a": x, "b": x})]
    assert ([alarm.metric for alarm in found], alarms.unwatched) == (["b"], 0)
