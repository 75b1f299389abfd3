"""Events: to a line of JSON and back, into columns and back, and rows taken out of them."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackle_stream.event import EventLine, TaskEvent, batch_events, from_line, to_line

text = st.text(max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | finite | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=4,
)
events = st.builds(
    TaskEvent,
    metrics=st.dictionaries(st.sampled_from("abcd") | text, finite, max_size=4),
    label=text,
    time=st.none() | st.integers(-(2**63) + 1, 2**63 - 1),
    duration=st.none() | finite,
    outcome=st.sampled_from([None, "ok", "failed"]),
    error=st.none() | text,
    id=st.none() | text,
    attributes=st.none() | st.dictionaries(text, st.none() | st.booleans() | finite | text),
    value=st.none() | json_values,
)


@given(events)
def test_an_event_comes_back_from_its_line_of_json(event):
    line = msgspec.json.encode(to_line(event))
    assert b"\n" not in line
    assert from_line(msgspec.json.decode(line, type=EventLine)) == event


def test_a_metric_that_is_null_in_a_line_is_absent():
    line = msgspec.json.decode(b'{"metrics": {"a": null, "b": 2}}', type=EventLine)
    assert from_line(line) == TaskEvent(metrics={"b": 2.0})


def test_a_line_whose_time_is_no_moment_is_refused():
    with pytest.raises(ValueError, match="has no zone"):
        from_line(EventLine(metrics={}, time="2026-03-01T12:00:00"))


@given(st.lists(events, max_size=8))
def test_events_come_back_from_their_columns_in_order(several):
    batch = batch_events(several)
    assert len(batch) == len(several)
    assert [batch.event(row) for row in range(len(batch))] == several


@given(st.lists(events, min_size=1, max_size=8), st.data())
def test_rows_that_are_taken_are_those_asked_for_in_that_order(several, data):
    rows = data.draw(st.lists(st.integers(0, len(several) - 1), max_size=12))
    taken = batch_events(several).take(np.array(rows, np.intp))
    assert [taken.event(row) for row in range(len(taken))] == [several[row] for row in rows]
    sets = [matrix.names for matrix in taken.matrices]
    assert len(sets) == len({tuple(sorted(several[row].metrics)) for row in rows})
    assert all(matrix.values.flags.f_contiguous for matrix in taken.matrices)


@given(st.lists(events, max_size=8))
def test_a_column_that_no_event_fills_is_none(several):
    batch = batch_events(several)
    for column, field in [
        ("ids", "id"),
        ("durations", "duration"),
        ("outcomes", "outcome"),
        ("errors", "error"),
        ("attributes", "attributes"),
        ("values", "value"),
    ]:
        filled = any(getattr(event, field) is not None for event in several)
        assert (getattr(batch, column) is not None) == filled


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"metrics": {"a": 1.0, "b": float("nan")}}, "metric 'b' is nan"),
        ({"metrics": {"a": float("-inf")}}, "metric 'a' is -inf"),
        ({"duration": float("inf")}, "duration of 'build' is inf"),
        ({"time": 2**63}, "time of 'build' is 9223372036854775808"),
        ({"time": -(2**63)}, "time of 'build' is -9223372036854775808"),
        ({"outcome": "great"}, "outcome of 'build' is 'great'"),
    ],
)
def test_what_a_log_cannot_keep_is_refused_by_name(fields, why):
    good = TaskEvent(metrics={"a": 1.0})
    with pytest.raises(ValueError, match=why):
        batch_events([good, TaskEvent(**{"metrics": {}, "label": "build", **fields})])
