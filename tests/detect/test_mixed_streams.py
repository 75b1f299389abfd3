"""Streams in which tasks report different metrics: what is there is found, absence is nothing."""

import numpy as np
import pytest

from crackle_stream.clock import Deadline
from crackle_stream.detect.examine import examine
from crackle_stream.detect.season import remove_season
from crackle_stream.detect.significance import accept
from crackle_stream.detect.view import table_of, view_table
from crackle_stream.pattern import KINDS
from crackle_stream.profile import ThermalProfile

PROFILE = ThermalProfile()
RATE = PROFILE.rate


def examined(columns, profile=PROFILE):
    return examine(view_table(table_of(columns)), profile, Deadline(None))


def said(columns):
    found = examined(columns).detections
    level = RATE.false_discovery / len(KINDS)
    return [one.pattern for kind in KINDS for one in accept([found[kind]], RATE, level)]


def named(values):
    return {f"m{place}": column for place, column in enumerate(values.T)}


def only_where(present, values):
    return np.where(present, values, np.nan)


def in_turn(rng, n):
    """Odd and even tasks report three metrics each."""
    turn = (np.arange(n) % 2)[:, None] == np.repeat([0, 1], 3)
    return only_where(turn, rng.normal(size=(n, 6)))


def by_chance(rng, n):
    """Every value is absent in two of five tasks."""
    return only_where(rng.random((n, 6)) < 0.6, rng.lognormal(size=(n, 6)))


def in_batches(rng, n):
    """Three kinds of task, with metrics of their own, in batches of 25."""
    kind = (np.arange(n) // 25 % 3)[:, None] == np.repeat([0, 1, 2], 2)
    return only_where(kind, rng.poisson(8, (n, 6)).astype(float))


def come_and_gone(rng, n):
    """Two metrics end halfway, two begin there."""
    early = np.arange(n)[:, None] < n // 2
    there = np.hstack([early, early, ~early, ~early, early | True, early | True])
    return only_where(there, rng.normal(size=(n, 6)))


def rare(rng, n):
    """Two metrics are reported by one task of a hundred."""
    there = np.ones((n, 6), bool)
    there[:, :2] = (np.arange(n) % 100 == 7)[:, None]
    return only_where(there, rng.normal(size=(n, 6)))


@pytest.mark.parametrize("draw", [in_turn, by_chance, in_batches, come_and_gone, rare])
@pytest.mark.parametrize("n", [40, 300, 900])
def test_absence_itself_is_no_pattern(draw, n):
    assert said(named(draw(np.random.default_rng([1, n]), n))) == []


def kinds_of_task(seed, n=900):
    """Reads report a balance, writes a correlation, checks a shift, rarely reported ones a step."""
    rng = np.random.default_rng(seed)
    kind, late = rng.integers(3, size=n), np.arange(n) >= n // 2
    kept, lost = rng.integers(100, 900, n), rng.integers(0, 90, n)
    load, rarely = rng.normal(size=n), np.arange(n) % 30 == 3
    reads = {"read": kept + lost, "kept": kept, "lost": lost}
    writes = {"load": load, "delay": load + 0.4 * rng.normal(size=n)}
    checks = {"score": rng.normal(size=n) + 3 * late}
    return {
        **{name: only_where(kind == 0, values) for name, values in reads.items()},
        **{name: only_where(kind == 1, values) for name, values in writes.items()},
        **{name: only_where(kind == 2, values) for name, values in checks.items()},
        "rarely": only_where(rarely, rng.normal(size=n) + 8 * late),
    }


@pytest.mark.parametrize("seed", range(3))
def test_each_kind_of_task_has_its_patterns_and_no_others(seed):
    found = said(kinds_of_task(seed))
    subjects = {(pattern.kind, pattern.subject) for pattern in found}
    assert subjects >= {
        ("conservation", ("kept", "lost", "read")),
        ("correlation", ("delay", "load")),
        ("phase_transition", ("score",)),
        ("phase_transition", ("rarely",)),
    }
    of_reads = {("correlation", ("kept", "read"))}
    assert {one for one in subjects if one[0] != "clustering"} - of_reads == {
        one for one in subjects if one[0] == "phase_transition"
    } | {("conservation", ("kept", "lost", "read")), ("correlation", ("delay", "load"))}
    for pattern in found:
        if pattern.kind == "phase_transition":
            assert pattern.form == "level"
            assert abs(pattern.at - 450) <= 30


def test_metrics_that_are_only_related_at_a_lag_and_never_there_together_are_allowed():
    rng = np.random.default_rng(2)
    even = np.arange(400) % 2 == 0
    x = rng.normal(size=400)
    follower = np.concatenate([[0.0], x[:-1]]) + 0.3 * rng.normal(size=400)
    columns = {"x": only_where(even, x), "y": only_where(~even, follower)}
    assert [(pattern.subject, pattern.lag) for pattern in said(columns)] == [(("x", "y"), 1)]


@pytest.mark.parametrize("rate", ["fast_cooling", "normal", "slow_cooling"])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 11])
@pytest.mark.parametrize("metrics", [1, 2, 3])
def test_a_few_tasks_with_a_few_metrics_are_examined_at_every_rate(n, metrics, rate):
    profile = PROFILE if rate == "normal" else getattr(ThermalProfile, rate)()
    values = np.random.default_rng([n, metrics]).normal(size=(n, metrics))
    for holes in (0.0, 0.4, 1.0):
        gone = np.random.default_rng(3).random(values.shape) < holes
        found = examined(named(np.where(gone, np.nan, values)), profile)
        assert not any(found.unseen)


def test_of_many_metrics_of_noise_nothing_is_said():
    rng = np.random.default_rng(4)
    assert said(named(rng.poisson(50, (30, 200)).astype(float))) == []


@pytest.mark.parametrize("there", [1, 2, 3])
def test_a_season_of_the_others_leaves_a_metric_of_few_values_as_it_is(there):
    # Sine and cosine through one or two values are no fit: what was left of them was 1e300.
    rng = np.random.default_rng(6)
    wave = 5 * np.sin(2 * np.pi * np.arange(256) / 16)[:, None]
    values = rng.normal(size=(256, 4)) + wave
    few = np.full((256, 1), np.nan)
    few[rng.permutation(256)[:there], 0] = rng.normal(size=there)
    left = remove_season(np.hstack([values, few]))
    assert np.nanmax(np.abs(left)) < 10
    assert np.array_equal(left[:, 4], few[:, 0], equal_nan=True)
    assert values.std() > 2 * left[:, :4].std()
