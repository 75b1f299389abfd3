from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crackle_stream.detect import summary as module
from crackle_stream.detect.fold import WindowFold, summarise
from crackle_stream.detect.summary import CAPACITY, SummarySnapshot, WindowSummary, view
from crackle_stream.detect.view import table_of, view_table
from crackle_stream.table import PANE_ROWS, Table, concatenate
from crackle_stream.window.spec import WindowSpec
from crackle_stream.window.tree import MergeTree

LONG = 100_000


def rows_of(n, seed=0):
    rng = np.random.default_rng(seed)
    table = table_of(
        {
            "level": rng.normal(size=n) + 1e6,
            "rare": np.where(rng.random(n) < 0.01, rng.normal(size=n), np.nan),
            "same": np.full(n, 0.1),
        }
    )
    return Table(table.names, table.rows, table.positions * 3 + 7, table.times, table.values)


def fold_of(table, spec=None, sizes=()):
    fold, first, closed = WindowFold(spec or WindowSpec()), 0, []
    for size in [*sizes, len(table)]:
        closed += fold.push(table.take(slice(first, first + size)))
        first += size
    return [*closed, *fold.rest()]


def summary_of(table, sizes=()):
    ((_, summary),) = fold_of(table, sizes=sizes)
    return summary


def encoded(summary):
    return msgspec.msgpack.encode(summary.snapshot())


def no_scan(start, stop):
    raise AssertionError("an exact window is not read again")


@pytest.fixture(scope="module")
def long():
    table = rows_of(LONG)
    return table, summary_of(table)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 30_000), max_size=8))
def test_any_split_into_blocks_gives_the_same_bytes(sizes):
    table = rows_of(40_000)
    assert encoded(summary_of(table, sizes)) == encoded(summary_of(table))


@pytest.mark.parametrize("n", [1, 2, 255, 4_095, 4_097, CAPACITY - 1, CAPACITY])
def test_a_short_window_is_seen_as_its_rows(n):
    table = rows_of(n)
    kept = [name for name in table.names if not np.isnan(table.column(name)).all()]
    table = table.with_names(tuple(kept))
    seen, expected = view(summary_of(table), no_scan, "g"), view_table(table, "g")
    assert seen.exact
    assert (seen.names, seen.span, seen.group) == (expected.names, expected.span, "g")
    for name in seen.names:
        for one, other in zip(
            msgspec.structs.astuple(seen.series[name]),
            msgspec.structs.astuple(expected.series[name]),
            strict=True,
        ):
            assert np.array_equal(one, other)
    for one, other in zip(
        msgspec.structs.astuple(seen.sample), msgspec.structs.astuple(expected.sample), strict=True
    ):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
    scans = [concatenate(list(seen_by.scan(0, n))) for seen_by in (seen, expected)]
    assert scans[0].values.tobytes() == scans[1].values.tobytes()


def test_one_row_more_than_the_capacity_is_binned_and_sampled():
    seen = view(summary_of(rows_of(CAPACITY + 1)), no_scan)
    assert not seen.exact
    assert seen.series["level"].width == 2
    assert len(seen.series["level"].rows) == CAPACITY // 2 + 1


def test_bins_hold_what_their_rows_say(long):
    table, summary = long
    width = summary.bins.width
    assert width == 8
    for name in table.names:
        series, values = summary.bins.series(name), table.column(name)
        assert (series.rows % width == 0).all()
        assert (np.diff(series.rows) > 0).all()
        assert series.count.sum() == (~np.isnan(values)).sum()
        for i in range(0, len(series.rows), 97):
            start = series.rows[i]
            bin_values = values[start : start + width]
            bin_values = bin_values[~np.isnan(bin_values)]
            assert series.count[i] == len(bin_values) > 0
            assert series.mean[i] == pytest.approx(bin_values.mean(), rel=1e-14)
            expected = ((bin_values - bin_values.mean()) ** 2).sum()
            assert series.m2[i] == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_a_constant_metric_stays_constant_to_the_bit(long):
    series = long[1].bins.series("same")
    assert set(series.mean.tolist()) == {0.1}
    assert set(series.m2.tolist()) == {0.0}


def test_the_moments_are_those_of_all_rows(long):
    table, summary = long
    present = table.column("rare")[~np.isnan(table.column("rare"))]
    assert summary.moments.count("level") == LONG
    assert summary.moments.variance("rare") == pytest.approx(present.var(ddof=1), rel=1e-9)


def test_the_sample_is_the_runs_of_lowest_hash_by_definition(long):
    table, summary = long
    starts = np.arange(0, LONG, 256)
    order = np.argsort(module._splitmix64(table.positions[starts]))[:64]
    expected = np.sort(starts[order])
    assert summary.runs.tolist() == expected.tolist()
    rows = np.concatenate([np.arange(start, min(start + 256, LONG)) for start in expected])
    assert summary.sample.rows.tolist() == rows.tolist()
    assert summary.sample.values.tobytes() == table.values[rows].tobytes()
    assert summary.sample.positions.tolist() == table.positions[rows].tolist()


def test_the_sample_is_spread_over_the_window(long):
    thirds = np.histogram(long[1].runs, bins=3, range=(0, LONG))[0]
    assert thirds.min() >= 10


def test_splitmix64_scatters_as_published():
    # First outputs of the reference generator seeded with 0, whose states are n times the step.
    step = 0x9E3779B97F4A7C15
    states = np.array([0, step], np.uint64).view(np.int64)
    assert module._splitmix64(states).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 30_000), min_size=1, max_size=6), st.randoms())
def test_what_is_sampled_does_not_depend_on_how_parts_are_merged(sizes, random):
    table = rows_of(sum(sizes))
    ends = np.cumsum(sizes)
    parts = [
        WindowSummary.of(table.take(slice(end - size, end)))
        for end, size in zip(ends, sizes, strict=True)
    ]
    straight = parts[0]
    for part in parts[1:]:
        straight = straight.merge(part)
    while len(parts) > 1:
        at = random.randrange(len(parts) - 1)
        parts[at : at + 2] = [parts[at].merge(parts[at + 1])]
    assert parts[0].runs.tolist() == straight.runs.tolist()
    assert parts[0].sample.values.tobytes() == straight.sample.values.tobytes()
    assert len(straight.sample) <= CAPACITY
    assert (straight.n, straight.first, straight.last) == (
        len(table),
        table.positions[0],
        table.positions[-1],
    )


def test_a_run_once_left_out_is_not_replaced_by_a_short_one_of_a_higher_hash():
    table = rows_of(22_000)
    merged = WindowSummary.of(table.take(slice(0, 20_000)))
    for first in range(20_000, 22_000, 10):
        merged = merged.observe(table.take(slice(first, first + 10)))
    starts = np.concatenate([np.arange(0, 20_000, 256), np.arange(20_000, 22_000, 10)])
    order = np.argsort(module._splitmix64(table.positions[starts]))
    lengths = np.diff(starts, append=22_000)[order]
    kept = order[np.cumsum(lengths) <= CAPACITY]
    assert merged.runs.tolist() == np.sort(starts[kept]).tolist()


def test_workers_that_return_whole_nodes_give_the_same_bytes(long):
    table, summary = long
    tree: MergeTree[WindowSummary] = MergeTree()
    node_rows = 8 * PANE_ROWS
    for first in range(0, LONG - node_rows, node_rows):
        node = summarise([table.take(slice(first, first + node_rows))])
        carried = msgspec.msgpack.decode(encoded(node), type=SummarySnapshot)
        tree.add(WindowSummary.restore(carried), level=3)
    for first in range(LONG // node_rows * node_rows, LONG, PANE_ROWS):
        tree.add(summarise([table.take(slice(first, first + PANE_ROWS))]))
    assert encoded(tree.value()) == encoded(summary)


def test_a_window_of_one_slice_can_be_summarised_on_its_own():
    table = rows_of(45_000)
    for window, summary in fold_of(table, WindowSpec("count", 20_000, 20_000)):
        rows = slice(window.first_row, window.first_row + window.n)
        assert encoded(summarise([table.take(rows)])) == encoded(summary)
    assert encoded(summarise([])) == encoded(WindowSummary.empty())


def test_a_summary_taken_on_the_way_changes_nothing(long):
    table, summary = long
    fold = WindowFold(WindowSpec())
    for first in range(0, LONG, 7_777):
        assert list(fold.push(table.take(slice(first, first + 7_777)))) == []
        ((window, on_the_way),) = fold.rest()
        assert on_the_way.n == window.n == min(first + 7_777, LONG)
    assert encoded(on_the_way) == encoded(summary)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(
        [
            WindowSpec(),
            WindowSpec("count", 50, 20),
            WindowSpec("count", 7, 7),
            WindowSpec("time", 40, 15),
            WindowSpec("session", 6),
        ]
    ),
    st.lists(st.integers(1, 60), min_size=1, max_size=6),
)
def test_a_checkpoint_on_the_way_sees_what_a_replay_up_to_it_sees(spec, sizes):
    table = rows_of(sum(sizes))
    times = np.random.default_rng(3).choice([0, 1, 2, 9], len(table)).cumsum()
    table = msgspec.structs.replace(table, times=times)
    fold, stop, online = WindowFold(spec), 0, []
    for size in sizes:
        online += fold.push(table.take(slice(stop, stop + size)))
        stop += size
        seen = [(window, encoded(summary)) for window, summary in [*online, *fold.rest()]]
        replayed = fold_of(table.take(slice(0, stop)), spec)
        assert seen == [(window, encoded(summary)) for window, summary in replayed]


def test_what_no_window_needs_any_more_is_forgotten():
    fold, table = WindowFold(WindowSpec("count", 40, 10)), rows_of(4_000)
    for first in range(0, 4_000, 100):
        list(fold.push(table.take(slice(first, first + 100))))
    # Three slices are still needed, and the nodes that reach into them.
    assert fold._slices == {}
    assert all(index + 1 << level > 397 for level, index in fold._nodes)


def test_windows_that_overlap_share_what_they_merge(monkeypatch):
    merges = []
    merge = WindowSummary.merge
    monkeypatch.setattr(
        WindowSummary, "merge", lambda self, other: merges.append(1) or merge(self, other)
    )
    found = fold_of(rows_of(4_000), WindowSpec("count", 1_000, 10))
    assert len(found) == 301
    assert len(merges) < 301 * 2 * 7


def test_a_copy_sees_rows_that_the_fold_has_not():
    table = rows_of(30_000)
    fold = WindowFold(WindowSpec("count", 20_000, 5_000))
    list(fold.push(table.take(slice(0, 12_345))))
    before = [encoded(summary) for _, summary in fold.rest()]
    twin = fold.copy()
    seen = [*twin.push(table.take(slice(12_345, None))), *twin.rest()]
    assert [encoded(summary) for _, summary in fold.rest()] == before
    expected = fold_of(table, WindowSpec("count", 20_000, 5_000))
    assert [encoded(s) for _, s in seen] == [encoded(s) for _, s in expected]


@pytest.mark.parametrize(("size", "slide"), [(30_000, 10_000), (20_001, 6_667), (500, 500)])
def test_sliding_windows_hold_their_rows(size, slide):
    table = rows_of(60_000)
    found = fold_of(table, WindowSpec("count", size, slide), [1_234, 20_000])
    assert len(found) >= (60_000 - size) // slide + 1
    for window, summary in found[:4] + found[-1:]:
        part = table.take(slice(window.first_row, window.first_row + window.n))
        assert (summary.n, summary.first) == (len(part), part.positions[0])
        assert summary.last == part.positions[-1]
        assert summary.sample.values.tobytes() == part.values[summary.sample.rows].tobytes()
        values = part.column("level")
        assert summary.moments.variance("level") == pytest.approx(values.var(ddof=1), rel=1e-7)
        seen = view(summary, no_scan)
        assert seen.series["level"].count.sum() == len(part)
        assert len(seen.series["level"].rows) <= CAPACITY


def test_a_summary_does_not_grow_with_the_window():
    sizes = [len(encoded(summary_of(rows_of(n)))) for n in (131_072, 524_288)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.02)


def test_metrics_that_come_and_go_keep_their_rows():
    early = table_of({"x": np.arange(20_000.0)})
    late = table_of({"y": np.arange(20_000.0)})
    summary = WindowSummary.of(early).merge(WindowSummary.of(late))
    assert summary.names == ("x", "y")
    assert summary.bins.series("x").rows.max() < 20_000 <= summary.bins.series("y").rows.min()
    assert summary.bins.series("y").mean[-1] == pytest.approx(19_997.5, abs=2)
    assert np.isnan(summary.sample.column("y")[summary.sample.rows < 20_000]).all()


def test_the_newest_event_need_not_be_the_last_in_order():
    table = rows_of(6)
    shuffled = msgspec.structs.replace(table, positions=np.array([4, 9, 1, 0, 5, 3]))
    summary = WindowSummary.of(shuffled.take(slice(0, 3))).observe(shuffled.take(slice(3, 6)))
    assert (summary.first, summary.last, summary.newest) == (4, 3, 9)


def test_nothing_merges_with_anything():
    some = WindowSummary.of(rows_of(5))
    assert encoded(WindowSummary.empty().merge(some)) == encoded(some)
    assert encoded(some.merge(WindowSummary.empty())) == encoded(some)
    assert WindowSummary.empty().observe(rows_of(0)).n == 0


def test_merging_changes_neither_part():
    one, other = WindowSummary.of(rows_of(9_000)), WindowSummary.of(rows_of(9_000, seed=1))
    before = encoded(one), encoded(other)
    one.merge(other).observe(rows_of(5_000))
    assert (encoded(one), encoded(other)) == before


def test_a_snapshot_goes_on_like_the_summary_itself(long):
    _, summary = long
    carried = msgspec.msgpack.decode(encoded(summary), type=SummarySnapshot)
    resumed = WindowSummary.restore(carried)
    more = rows_of(PANE_ROWS, seed=2)
    assert encoded(resumed.observe(more)) == encoded(summary.observe(more))


def test_a_long_window_is_read_again_by_the_scan_it_was_given(long):
    table, summary = long
    calls = []

    def scan(start, stop):
        calls.append((start, stop))
        yield table.take(slice(start, stop))

    (part,) = view(summary, scan).scan(50_000, 50_010)
    assert calls == [(50_000, 50_010)]
    assert part.rows[0] == 50_000


def test_an_empty_window_has_no_view():
    with pytest.raises(ValueError, match="at least one row"):
        view(WindowSummary.empty(), no_scan)


def wide_rows(n, names):
    """Give rows of which each has one metric of many."""
    columns = {f"m{i:03}": np.where(np.arange(n) % names == i, 1.0, np.nan) for i in range(names)}
    return table_of(columns)


@pytest.mark.parametrize(("names", "kept"), [(32, 2_048), (33, 1_024), (64, 1_024), (65, 512)])
def test_of_many_metrics_fewer_rows_and_bins_are_kept(monkeypatch, names, kept):
    monkeypatch.setattr(module, "CELLS", 1 << 16)
    monkeypatch.setattr(module, "WIDE", 31)
    summary = summary_of(wide_rows(9_000, names))
    assert len(summary.sample) == kept
    assert kept // 2 < len(summary.bins.rows) <= kept
    assert summary.bins.count.sum() == 9_000


def test_metrics_that_come_late_make_the_same_sample_in_whatever_order_parts_are_merged(
    monkeypatch,
):
    monkeypatch.setattr(module, "CELLS", 1 << 16)
    narrow, wide = wide_rows(6_000, 2), wide_rows(3_000, 60)
    rows = concatenate([narrow, wide])
    table = Table(rows.names, np.arange(9_000), np.arange(9_000), rows.times, rows.values)
    parts = [WindowSummary.of(table.take(slice(at, at + 1_000))) for at in range(0, 9_000, 1_000)]
    left, right = parts[0], parts[-1]
    for part in parts[1:]:
        left = left.merge(part)
    for part in parts[-2::-1]:
        right = part.merge(right)
    assert len(left.sample) <= module.capacity_of(60) == 1_024
    assert left.sample.rows.tolist() == right.sample.rows.tolist()
    assert left.bins.width == right.bins.width


def test_a_window_holds_no_covariances_whose_number_grows_with_the_square_of_metrics():
    table = table_of({f"m{i}": np.arange(9.0) * i for i in range(20)})
    summary = summary_of(table).merge(summary_of(table))
    assert len(summary.snapshot().moments.pairs) == 20
