from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from crackle_stream.errors import StorageError
from crackle_stream.event import EventBatch, MetricMatrix, TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog
from crackle_stream.table import concatenate
from crackle_stream.timestamp import NO_TIME
from crackle_stream.window.external_sort import merge_runs
from crackle_stream.window.groups import GroupMapper, GroupSpec
from crackle_stream.window.lateness import LateSorter
from crackle_stream.window.order import ordered_rows
from crackle_stream.window.row_file import RowFile, Rows
from crackle_stream.window.rows import RowReader


class Block(Struct, frozen=True):
    first: int
    batch: EventBatch


class FakeLog:
    """A log in memory that gives its events in blocks of chosen sizes."""

    def __init__(self, events, sizes=()):
        self.batches, first = [], 0
        for size in [*sizes, len(events)]:
            if events[first : first + size]:
                self.batches.append(Block(first, batch_events(events[first : first + size])))
            first += size
        self.events = events

    def blocks(self, first=0, stop=None, columns=None):
        stop = len(self.events) if stop is None else stop
        for block in self.batches:
            start, end = max(first - block.first, 0), min(stop - block.first, len(block.batch))
            if start < end:
                yield Block(block.first + start, block.batch.take(np.arange(start, end)))

    def times_rise(self, stop):
        times = [event.time for event in self.events[:stop]]
        return None not in times and times == sorted(times)


def log_of(times, sizes=()):
    events = [
        TaskEvent(metrics={"x": float(i), "yz"[i % 2]: 1.0}, time=time, label="abc"[i % 3])
        for i, time in enumerate(times)
    ]
    return FakeLog(events, sizes)


def positions(tables):
    return concatenate(list(tables)).positions.tolist()


TIMES = st.sampled_from([2, 30]).flatmap(
    lambda latest: st.lists(st.integers(0, latest), max_size=60)
)
SIZES = st.lists(st.integers(1, 25), max_size=4)


@settings(deadline=None)
@given(TIMES, SIZES, st.integers(1, 20))
def test_rows_are_sorted_by_time_with_ties_by_position(times, sizes, run_rows):
    with ordered_rows(log_of(times, sizes), len(times), run_rows=run_rows) as rows:
        table = concatenate(list(rows))
    expected = sorted(range(len(times)), key=lambda i: (times[i], i))
    assert table.positions.tolist() == expected
    assert table.rows.tolist() == list(range(len(times)))
    if times:
        assert table.column("x").tolist() == [float(i) for i in expected]
        assert table.times.tolist() == sorted(times)


def without_late(times, lateness):
    return [i for i, time in enumerate(times) if i == 0 or time >= max(times[:i]) - lateness]


@given(TIMES, SIZES, st.integers(1, 20))
def test_late_events_are_left_out_and_the_others_sorted(times, sizes, lateness):
    rows = ordered_rows(log_of(times, sizes), len(times), lateness=lateness)
    punctual = without_late(times, lateness)
    assert positions(rows) == sorted(punctual, key=lambda i: (times[i], i))
    late = len(times) - len(punctual)
    said = [note.text for note in rows.notes if note.topic == "lateness"]
    assert said == (
        [f"{late} of {len(times)} events came more than {lateness}ns late and were left out"]
        if late
        else []
    )


@given(TIMES, SIZES, st.none() | st.integers(1, 20), st.integers(0, 60), st.integers(0, 60))
def test_any_range_can_be_read_again(times, sizes, lateness, first, stop):
    with ordered_rows(log_of(times, sizes), len(times), lateness=lateness, run_rows=7) as rows:
        table = concatenate(list(rows.read(first, stop)))
        assert table.positions.tolist() == positions(rows)[first:stop]
        assert table.rows.tolist() == list(range(len(times)))[first:stop][: len(table)]


@pytest.mark.parametrize("order", ["time", "log"])
def test_rising_times_go_straight_through_without_a_note(order):
    rows = ordered_rows(log_of([1, 2, 2, 5], [1, 2]), 4, order)
    assert positions(rows) == [0, 1, 2, 3]
    assert rows.notes == ()


def test_an_absent_time_means_log_order_and_is_said():
    rows = ordered_rows(log_of([5, None, 3, 9]), 4)
    assert positions(rows) == [0, 1, 2, 3]
    assert [note.text for note in rows.notes] == [
        "1 of 4 events have no time: analysed in log order"
    ]


def test_events_beyond_the_checkpoint_have_no_say():
    log = log_of([3, 1, 2, None, 0], [2, 2])
    with ordered_rows(log, 3) as rows:
        assert positions(rows) == [1, 2, 0]
        assert [note.text for note in rows.notes] == [
            "1 of 2 steps went back in time: analysed in order of time"
        ]


def test_log_order_can_be_asked_for():
    rows = ordered_rows(log_of([3, 1, 2]), 3, "log")
    assert positions(rows) == [0, 1, 2]
    assert rows.notes == ()


@pytest.mark.parametrize("lateness", [None, 100])
def test_groups_are_told_apart_after_ordering(lateness):
    log = log_of([9, 8, 7, 6, 5, 4, 3], [3, 2])
    groups = GroupMapper(GroupSpec.parse("re:[ab]"))
    with ordered_rows(log, 7, lateness=lateness, groups=groups, run_rows=2) as rows:
        found = {}
        for name, table in rows.grouped():
            found.setdefault(name, []).append(table)
        assert {name: positions(tables) for name, tables in found.items()} == {
            "a": [6, 3, 0],
            "b": [4, 1],
        }
        assert concatenate(found["a"]).rows.tolist() == [0, 1, 2]
        assert positions(rows.read_group("a", 1)) == [3, 0]
        assert positions(rows.read_group("a", 1, 2)) == [3]
        assert positions(rows.read_group("nobody")) == []


def test_rows_without_groups_cannot_be_grouped():
    with pytest.raises(ValueError, match="give ordered_rows a GroupMapper"):
        list(ordered_rows(log_of([1]), 1).grouped())


def test_what_was_sorted_is_removed_from_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with ordered_rows(log_of([3, 1, 2]), 3, run_rows=2) as rows:
        assert positions(rows) == [1, 2, 0]
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_with_what_to_do(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with (
        ordered_rows(log_of([3, 1, 2]), 3) as rows,
        pytest.raises(StorageError, match="No space left on device; free space there"),
    ):
        list(rows)


def run_of(directory: Path, times: list[int]) -> RowFile:
    log = log_of(times)
    rows = ordered_rows(log, len(times), "log")
    table = concatenate(list(rows))
    run = RowFile(directory, table.names, grouped=False)
    run.append(Rows(table))
    return run


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.lists(st.integers(0, 8), min_size=1, max_size=12).map(sorted), max_size=5),
    st.integers(1, 5),
)
def test_runs_merge_in_blocks_of_any_size(tmp_path_factory, runs, block_rows):
    directory = tmp_path_factory.mktemp("runs")
    files = [run_of(directory / str(i), times) for i, times in enumerate(runs)]
    merged = [rows.table for rows in merge_runs(files, block_rows)]
    assert concatenate(merged).times.tolist() == sorted(t for times in runs for t in times)
    assert max(map(len, merged), default=0) <= block_rows * len(runs)


def test_sorting_holds_a_bounded_number_of_rows_in_memory(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def peak(n):
        log = NewestFirst(n)
        tracemalloc.start()
        with ordered_rows(log, n, run_rows=20_000) as rows:
            last = 0
            for table in rows:
                assert (np.diff(table.times) > 0).all()
                last = int(table.positions[-1])
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert last == 0
        return most

    assert peak(400_000) < 1.5 * peak(100_000)


class NewestFirst:
    """A long log whose blocks are made as they are read."""

    def __init__(self, n):
        self.n = n

    def blocks(self, first=0, stop=None, columns=None):
        zeros = np.zeros(1_000, np.uint32)
        matrix = MetricMatrix(("x",), np.ones((1_000, 1)))
        for start in range(0, self.n, 1_000):
            times = np.arange(self.n - start, self.n - start - 1_000, -1)
            batch = EventBatch(matrices=(matrix,), set_of=zeros, row_of=zeros, times=times)
            yield Block(start, batch)

    def times_rise(self, stop):
        return False


@given(TIMES, SIZES, st.integers(1, 20), st.integers(0, 60))
def test_what_was_released_never_changes(times, sizes, lateness, cut):
    sorter, released = LateSorter(lateness), []
    for block in log_of(times, [*sizes, cut]).batches:
        rows = Rows(RowReader().read(block.batch, block.first))
        released += sorter.push(rows).table.positions.tolist()
        seen = times[: block.first + len(block.batch)]
        now = released + sorter.rest().table.positions.tolist()
        assert now == sorted(without_late(seen, lateness), key=lambda i: (seen[i], i))
    assert sorter.late == len(times) - len(without_late(times, lateness))


def test_a_log_of_this_package_is_read():
    fake = log_of([30, 10, 20, 20, None], [2, 1])
    log = EventLog.in_memory()
    for block in fake.batches:
        log.append(block.batch)
    for stop, order in ((4, [1, 2, 3, 0]), (5, [0, 1, 2, 3, 4]), (1, [0])):
        groups = GroupMapper(GroupSpec())
        with ordered_rows(log, stop, groups=groups) as rows:
            assert positions(rows) == order
            assert {name for name, _ in rows.grouped()} == set("abca"[:stop])


def test_times_five_centuries_apart_are_told_late():
    low, high = NO_TIME + 1, 2**63 - 1
    rows = ordered_rows(log_of([high, low, high]), 3, lateness=5)
    assert positions(rows) == [0, 2]
