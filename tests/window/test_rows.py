from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.profile import MetricSettings, ThermalProfile
from crackle_stream.table import concatenate
from crackle_stream.timestamp import NO_TIME
from crackle_stream.window.rows import RowReader

EVENTS = st.builds(
    TaskEvent,
    metrics=st.dictionaries(
        st.sampled_from(["a", "b", "c", "duration", "outcome.failed"]), st.floats(-9, 9)
    ),
    time=st.none() | st.integers(0, 99),
    duration=st.none() | st.floats(0, 9),
    outcome=st.sampled_from([None, "ok", "failed"]),
)


def expected(event: TaskEvent) -> dict[str, float]:
    row = {}
    if event.duration is not None:
        row["duration"] = event.duration
    if event.outcome is not None:
        row["outcome.failed"] = float(event.outcome == "failed")
    return row | event.metrics


def as_dicts(table):
    return [
        {name: x for name, x in zip(table.names, row, strict=True) if not np.isnan(x)}
        for row in table.values.tolist()
    ]


@given(st.lists(EVENTS, max_size=12), st.integers(0, 12))
def test_each_row_holds_what_its_event_reports(events, cut):
    reader = RowReader()
    tables = [reader.read(batch_events(events[:cut]), 0)]
    tables.append(reader.read(batch_events(events[cut:]), len(events[:cut])))
    table = concatenate(tables)
    assert as_dicts(table) == [expected(event) for event in events]
    assert table.positions.tolist() == list(range(len(events)))
    assert table.times.tolist() == [NO_TIME if e.time is None else e.time for e in events]


def test_rows_taken_out_of_a_batch_keep_their_values():
    events = [TaskEvent(metrics={"a" if i % 2 else "b": float(i)}) for i in range(6)]
    batch = batch_events(events).take(np.array([5, 0, 3]))
    assert as_dicts(RowReader().read(batch, 0)) == [{"a": 5.0}, {"b": 0.0}, {"a": 3.0}]


def test_a_column_that_was_not_read_is_absent():
    batch = batch_events([TaskEvent(metrics={"a": 1.0})])
    assert RowReader().read(batch, 0).names == ("a",)


def test_ignored_metrics_are_left_out_and_not_counted():
    settings = {name: MetricSettings(ignore=True) for name in ("a", "duration")}
    reader = RowReader(ThermalProfile(settings=settings))
    events = [TaskEvent(metrics={"a": 1.0, "b": 2.0}, duration=3.0)]
    assert as_dicts(reader.read(batch_events(events), 0)) == [{"b": 2.0}]
    assert reader.notes() == ()


@pytest.mark.parametrize(("names", "left_out"), [(9, 0), (10, 0), (11, 1)])
def test_metrics_beyond_the_bound_are_counted_and_said(names, left_out):
    reader = RowReader(max_metrics=10)
    events = [TaskEvent(metrics={f"m{i}": 1.0}, duration=1.0) for i in range(names)]
    table = reader.read(batch_events(events), 0)
    assert len(table.names) == min(names, 10) + 1
    assert reader.left_out == left_out == len(reader.notes())


def test_names_are_kept_in_the_order_of_events_not_of_their_sets():
    events = [TaskEvent(metrics={name: 1.0}) for name in "abc"]
    reader = RowReader(max_metrics=1)
    reader.read(batch_events(events).take(np.array([2, 0, 1])), 0)
    assert "c" in reader.kept
    assert reader.left_out == 2


def test_rows_read_again_are_not_counted_again():
    reader = RowReader(max_metrics=1)
    batch = batch_events([TaskEvent(metrics={"a": 1.0, "b": 1.0})] * 4)
    reader.read(batch, 0)
    reader.read(batch, 0)
    reader.read(batch, 2)
    assert reader.left_out == 6


@given(
    st.lists(st.sets(st.sampled_from("abcdefgh"), max_size=3), max_size=12),
    st.lists(st.integers(1, 12), max_size=4),
)
def test_the_names_kept_do_not_depend_on_the_blocks(rows, sizes):
    events = [TaskEvent(metrics=dict.fromkeys(names, 1.0), duration=1.0) for names in rows]
    whole, parts = RowReader(max_metrics=3), RowReader(max_metrics=3)
    whole.read(batch_events(events), 0)
    first = 0
    for size in [*sizes, len(events)]:
        portion = events[first : first + size]
        parts.read(batch_events(portion), first)
        first += len(portion)
    assert parts.kept == whole.kept
    assert parts.left_out == whole.left_out


def test_a_reader_can_start_in_the_middle_with_the_names_kept():
    reader = RowReader(max_metrics=2, kept=["a", "b"])
    events = [TaskEvent(metrics={"c": 1.0, "b": 2.0})]
    assert as_dicts(reader.read(batch_events(events), 50)) == [{"b": 2.0}]


def test_numbers_whose_square_is_no_float_are_left_out_once_and_said():
    reader = RowReader()
    batch = batch_events([TaskEvent(metrics={"x": x}) for x in (1.0, 1.5e300, -2e200, 1e150)])
    for _ in range(2):
        column = reader.read(batch, 0).column("x")
        assert np.isnan(column).tolist() == [False, True, True, False]
    (note,) = reader.notes()
    assert note.text == "values of a size beyond 1e+150 were left out: 2"


def test_the_profile_says_how_many_names_are_kept_and_the_rest_is_told_of_as_other():
    reader = RowReader(replace(ThermalProfile(), max_metrics=1))
    events = [TaskEvent(metrics={"b": 1.0, "a": 1.0}), TaskEvent(metrics={"c": 1.0})]
    assert reader.read(batch_events(events), 0).names == ("a",)
    (note,) = reader.notes()
    assert note.text == (
        "values of further metrics than the first 1 were counted under __other__ and left out: 2"
    )
