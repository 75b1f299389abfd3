from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from river.covariance import EmpiricalCovariance

from crackle_stream import Kiln, TaskEvent, ThermalProfile
from crackle_stream.detect.view import table_of
from crackle_stream.stats.moments import MomentsSnapshot, RunningMoments
from crackle_stream.table import Table

RNG = np.random.default_rng


def table(values, names="abcdefghijklmnop"):
    return table_of({names[i]: values[:, i] for i in range(values.shape[1])})


def observed(*tables: Table) -> RunningMoments:
    moments = RunningMoments()
    for part in tables:
        moments.observe(part)
    return moments


def pieces(values, sizes):
    cuts = np.cumsum(sizes)[:-1]
    return [part for part in np.split(values, cuts) if len(part)]


def assert_equals_numpy(moments: RunningMoments, values, rtol=1e-11):
    names = "abcdefghijklmnop"[: values.shape[1]]
    present = ~np.isnan(values)
    for i, a in enumerate(names):
        for j, b in enumerate(names[: i + 1]):
            both = present[:, i] & present[:, j]
            assert moments.count(a, b) == both.sum()
            if both.sum() > 1:
                pair = values[both][:, [i, j]]
                expected = np.cov(pair.T, ddof=1)
                scale = np.sqrt(expected[0, 0] * expected[1, 1])
                assert moments.covariance(a, b) == pytest.approx(
                    expected[0, 1], rel=rtol, abs=rtol * scale
                )
        if present[:, i].any():
            column = values[present[:, i], i]
            assert moments.mean(a) == pytest.approx(
                column.mean(), rel=1e-13, abs=1e-13 * np.abs(column).max()
            )


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e6])
def test_every_prefix_of_ragged_tables_equals_numpy(offset):
    values = RNG(1).normal(size=(400, 3)) + offset
    moments, end = RunningMoments(), 0
    for part in pieces(values, [1, 1, 2, 3, 5, 8, 100, 1, 279]):
        moments.observe(table(part))
        end += len(part)
        assert_equals_numpy(moments, values[:end], rtol=1e-9)


def test_every_prefix_equals_river_fed_event_by_event():
    values = RNG(2).lognormal(size=(150, 4))
    river, moments = EmpiricalCovariance(), RunningMoments()
    for part in pieces(values, [7] * 21 + [3]):
        moments.observe(table(part))
        for row in part:
            river.update(dict(zip("abcd", row.tolist(), strict=True)))
        for a in "abcd":
            for b in "abcd":
                assert moments.covariance(a, b) == pytest.approx(river[a, b].get(), rel=1e-10)


def test_an_offset_of_a_billion_keeps_the_variance():
    values = RNG(3).normal(size=(20_000, 2)) + 1e9
    moments = observed(*[table(part) for part in pieces(values, [4096] * 4 + [3616])])
    assert_equals_numpy(moments, values, rtol=1e-7)


def test_a_constant_column_has_no_variance_and_no_correlation():
    values = np.column_stack([np.full(1000, 0.1), RNG(4).normal(size=1000)])
    moments = observed(table(values[:10]), table(values[10:]))
    assert moments.variance("a") == pytest.approx(0.0, abs=1e-30)
    assert moments.mean("a") == pytest.approx(0.1, rel=1e-15)
    assert np.isnan(observed(table(np.ones((5, 2)))).correlation("a", "b"))


def test_one_row_has_a_mean_and_no_variance():
    moments = observed(table(np.array([[3.0, 4.0]])))
    assert (moments.mean("a"), moments.count("a")) == (3.0, 1)
    assert np.isnan(moments.variance("a"))
    assert np.isnan(moments.covariance("a", "b"))


def test_a_metric_never_seen_is_counted_0():
    moments = observed(table(np.array([[np.nan, 4.0]])))
    assert moments.names == ("b",)
    assert moments.count("a") == 0
    assert np.isnan(moments.mean("a"))


@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_metrics_that_come_and_go_are_pairwise_complete(share):
    values = RNG(5).normal(size=(600, 6)) * 10.0 ** np.arange(6)
    values[RNG(6).random(values.shape) < share] = np.nan
    moments = observed(*[table(part) for part in pieces(values, [50, 1, 249, 300])])
    assert_equals_numpy(moments, values)


def test_few_sets_of_metrics_at_unlike_levels_lose_no_digits():
    values = RNG(7).normal(size=(300, 3))
    values[::2, 0] += 1e7
    values[::2, 1] = np.nan
    assert_equals_numpy(observed(table(values)), values, rtol=1e-9)


def test_many_sets_of_metrics_at_unlike_levels_lose_no_digits():
    values = RNG(8).normal(size=(300, 8))
    values[RNG(9).random(values.shape) < 0.5] = np.nan
    values[np.isnan(values[:, 1]), 0] += 1e7
    assert_equals_numpy(observed(table(values)), values, rtol=1e-9)


def test_correlation_equals_numpy():
    values = RNG(10).normal(size=(100, 2)) @ np.array([[1.0, 0.7], [0.0, 1.0]])
    expected = np.corrcoef(values.T)[0, 1]
    assert observed(table(values)).correlation("a", "b") == pytest.approx(expected, rel=1e-12)


def test_empties_merge_with_anything():
    some = observed(table(np.array([[1.0], [3.0]])))
    empty = RunningMoments()
    empty.merge(RunningMoments())
    empty.observe(table(np.empty((0, 2))))
    some.merge(empty)
    empty.merge(some)
    assert empty.snapshot() == some.snapshot()
    assert some.variance("a") == 2.0


def test_what_is_merged_is_left_as_it_was():
    one, other = observed(table(np.ones((3, 2)))), observed(table(np.zeros((2, 2))))
    before = other.snapshot()
    one.merge(other)
    one.merge(other)
    one.observe(table(np.full((2, 2), 9.0)))
    assert other.snapshot() == before


def test_a_copy_taken_by_merging_into_nothing_is_independent():
    some, copy = observed(table(np.eye(3))), RunningMoments()
    copy.merge(some)
    before = some.snapshot()
    copy.observe(table(np.eye(3)))
    assert some.snapshot() == before


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(2, 40), st.integers(1, 4)),
        elements=st.floats(-1e6, 1e6, width=32) | st.just(np.nan),
    ),
    st.integers(0, 40),
)
def test_a_merge_of_two_parts_equals_the_whole(values, cut):
    one, other = observed(table(values[:cut])), observed(table(values[cut:]))
    one.merge(other)
    names = "abcd"[: values.shape[1]]
    whole = observed(table(values))
    spread = {a: np.nanmax(np.abs(values[:, i]), initial=0.0) for i, a in enumerate(names)}
    for a in names:
        for b in names:
            tolerance = 1e-12 * spread[a] * spread[b]
            assert one.covariance(a, b) == pytest.approx(
                whole.covariance(a, b), rel=1e-9, abs=tolerance, nan_ok=True
            )


def test_a_snapshot_continues_bit_for_bit():
    values = RNG(11).normal(size=(300, 3))
    values[::7, 1] = np.nan
    straight = observed(table(values[:200]), table(values[200:]))
    stored = msgspec.msgpack.encode(observed(table(values[:200])).snapshot())
    resumed = RunningMoments.restore(msgspec.msgpack.decode(stored, type=MomentsSnapshot))
    resumed.observe(table(values[200:]))
    assert msgspec.msgpack.encode(resumed.snapshot()) == msgspec.msgpack.encode(straight.snapshot())


def test_the_state_is_rivers_own():
    moments = observed(table(np.array([[1.0, 2.0], [3.0, 5.0]])))
    moments.update({"a": 2.0, "b": 2.0})
    assert moments["a", "a"].get() == pytest.approx(1.0)
    assert moments["b", "a"].get() == pytest.approx(1.5)


def test_single_moments_are_those_among_the_pairs():
    values = np.random.default_rng(3).normal(size=(60, 4)) + 1e6
    values[values > 1e6 + 1] = np.nan
    singles = RunningMoments(pairs=False)
    for part in pieces(values, [7, 0, 30]):
        singles.observe(table(part))
    for name in singles.names:
        known = values[:, "abcd".index(name)]
        known = known[~np.isnan(known)]
        assert singles.count(name) == len(known)
        assert singles.mean(name) == pytest.approx(known.mean(), rel=1e-12)
        assert singles.variance(name) == pytest.approx(known.var(ddof=1), rel=1e-8)
    assert singles.count("a", "b") == 0


def test_statistics_follow_the_first_metrics_and_count_the_values_of_others():
    kiln = Kiln(profile=msgspec.structs.replace(ThermalProfile(), max_metrics=2))
    kiln.add_entries(TaskEvent(metrics={f"m{i}": 1.0, "m0": 2.0}) for i in range(5))
    for _ in range(2):
        moments = kiln.statistics()
        assert moments.names == ("m0", "m1")
        assert moments.left_out == 3
