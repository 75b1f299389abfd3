"""JSON that people already have is read through a mapping, and what was taken is said."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crackle_stream.errors import UsageError
from crackle_stream.event import TaskEvent
from crackle_stream.ingest.chunks import read_chunks
from crackle_stream.ingest.mapping import FieldMapping, Understanding, understand
from crackle_stream.source import Rejection

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

MOMENT = 1_690_391_261_000_000_000


def read(*records: Any, **asked: Any) -> tuple[list[TaskEvent], list[Rejection]]:
    data = b"\n".join(map(msgspec.json.encode, records))
    chunks = list(read_chunks(io.BytesIO(data), "s", mapping=FieldMapping(**asked)))
    events = [chunk.batch.event(i) for chunk in chunks for i in range(len(chunk.batch))]
    rejections = [rejection for chunk in chunks for rejection in chunk.rejections]
    assert len(events) + len(rejections) == len(records)
    return events, rejections


def event_of(record: Any, **asked: Any) -> TaskEvent:
    (event,), rejections = read(record, **asked)
    assert not rejections
    return event


def rejection_of(record: Any, **asked: Any) -> Rejection:
    _, (rejection,) = read(record, **asked)
    return rejection


def said(record: Any, **asked: Any) -> str | None:
    return understand(msgspec.json.encode(record), FieldMapping(**asked)).text


def test_a_list_of_names_and_values_is_read_as_metrics() -> None:
    record = {
        "timestamp": 1690391261,
        "metrics": [
            {"name": "accepted", "value": 29347, "unit": "tx/s"},
            {"name": "p50", "value": 29.5, "unit": "ms"},
            {"name": "absent", "value": None},
        ],
        "attributes": {"branch": "main"},
    }
    event = event_of(record)
    assert event.metrics == {"accepted": 29347, "p50": 29.5}
    assert event.time == MOMENT
    assert event.attributes == {"branch": "main"}
    assert said(record) == (
        "reading no label, time from .timestamp (epoch seconds), "
        "metrics from .metrics (list of name/value pairs)"
    )


@pytest.mark.parametrize("field", ["timestamp", "ts", "@timestamp"])
@pytest.mark.parametrize("time", [1690391261, 1690391261000, "2023-07-26T17:07:41Z"])
def test_a_time_under_a_usual_name_is_taken_in_its_unit(field: str, time: Any) -> None:
    event = event_of({"name": "job", field: time, "metrics": {}})
    assert (event.label, event.time) == ("job", MOMENT)


@pytest.mark.parametrize("unit", [1_000, 1_000_000, 1_000_000_000])
def test_small_units_of_time_lose_nothing(unit: int) -> None:
    event = event_of({"t": 1690391261 * unit + 1, "metrics": {}}, time=".t")
    assert event.time == MOMENT + 1_000_000_000 // unit


def test_lines_that_are_events_already_are_left_alone() -> None:
    line = b'{"metrics":{},"time":1,"ts":2,"label":"a","name":"b"}'
    assert understand(line, FieldMapping()) == Understanding(FieldMapping(), None)


@pytest.mark.parametrize("line", [b"", b"nonsense", b"[1]", b"\xff", b"[" * 100_000])
def test_a_first_line_that_shows_nothing_is_no_reason_to_stop(line: bytes) -> None:
    assert understand(line, FieldMapping()).text is None


def test_auto_takes_every_number_that_is_nothing_else() -> None:
    record = {
        "job": {"id": 7, "stats": {"wall": 1.5, "ok": True, "host": "a"}},
        "started": 1690391261,
        "n": 3,
        "list": [1, 2],
    }
    event = event_of(record, label=".job.id", time=".started", metrics="auto")
    assert event == TaskEvent(
        metrics={"job.stats.wall": 1.5, "n": 3},
        label="7",
        time=MOMENT,
        attributes={"job.stats.ok": True, "job.stats.host": "a"},
    )
    assert said(record, label=".job.id", time=".started", metrics="auto") == (
        "reading label from .job.id, time from .started (epoch seconds), every number as a metric"
    )


def test_numbers_at_a_path_are_metrics_and_what_else_is_there_is_not() -> None:
    record = {"run": {"stats": {"wall": 2, "host": "a", "io": {"read": 3}}, "n": 1}}
    event = event_of(record, metrics=".run.stats")
    assert event.metrics == {"wall": 2, "io.read": 3}
    assert event.attributes == {"run.stats.host": "a", "run.n": 1}


def test_other_fields_keep_their_meaning_beside_a_mapping() -> None:
    record = {
        "ts": 1,
        "metrics": {"a": 1},
        "outcome": "failed",
        "error": "no disk",
        "key": 12,
        "took": 0.5,
        "value": {"rows": [1, 2]},
    }
    event = event_of(record, id=".key", duration=".took")
    assert event == TaskEvent(
        metrics={"a": 1},
        time=10**9,
        duration=0.5,
        outcome="failed",
        error="no disk",
        id="12",
        value={"rows": [1, 2]},
    )


def test_an_outcome_of_other_words_is_an_attribute() -> None:
    assert event_of({"ts": 1, "metrics": {}, "outcome": "passed"}).attributes == {
        "outcome": "passed"
    }


def test_a_large_integer_that_is_no_metric_is_kept_as_text() -> None:
    assert event_of({"ts": 1, "metrics": {}, "trace": 2**60}).attributes == {"trace": str(2**60)}


@pytest.mark.parametrize(
    ("record", "reason", "path"),
    [
        ({"ts": 1}, "missing_metrics", None),
        ({"ts": 1, "metrics": {"a": "1"}}, "wrong_type", "$.metrics.a"),
        ({"ts": 1, "metrics": {"a": 2**60}}, "integer_too_large", "$.metrics.a"),
        ({"ts": 1, "metrics": [{"nom": "a"}]}, "wrong_type", "$.metrics"),
        ({"ts": 1, "metrics": {"n" * 129: 1}}, "name_too_long", None),
        ({"ts": 1, "metrics": {}, "label": "x" * 257}, "label_too_long", "$.label"),
        ({"ts": 1, "metrics": {}, "duration": "3s"}, "wrong_type", "$.duration"),
        ({"ts": 10**300, "metrics": {}}, "bad_time", "$.time"),
        ({"time": "2026-03-01T12:00:00", "name": "a", "metrics": {}}, "no_zone", "$.time"),
    ],
)
def test_a_record_that_is_no_event_is_refused_with_its_reason(
    record: Any, reason: str, path: str | None
) -> None:
    rejection = rejection_of(record)
    assert rejection.reason == reason
    assert path is None or rejection.path == path


def test_a_missing_object_of_metrics_says_how_to_take_every_number() -> None:
    assert "--metrics auto" in rejection_of({"wall": 1}).detail


def test_a_bad_record_costs_none_of_its_neighbours() -> None:
    good = {"ts": 1, "metrics": {"a": 1}}
    events, rejections = read(good, {"ts": "noon", "metrics": {}}, good, 7, good)
    assert len(events) == 3
    assert [(r.line, r.reason) for r in rejections] == [(2, "bad_time"), (4, "not_an_object")]


@pytest.mark.parametrize(
    "before", [b"nonsense\n", b"# a comment\n", b"[1]\n\n", b"x" * 2_000_000 + b"\n"]
)
def test_what_no_object_tells_is_not_asked_for_the_shape_of_the_rest(before: bytes) -> None:
    data = before + b'{"timestamp":1690391261,"name":"job","metrics":{}}\n'
    told: list[Understanding] = []
    chunks = list(read_chunks(io.BytesIO(data), "s", understood=told.append))
    (event,) = (chunk.batch.event(0) for chunk in chunks if len(chunk.batch))
    assert (event.label, event.time) == ("job", MOMENT)
    assert len(told) == 1


@pytest.mark.parametrize("path", ["name", "", "a.b", "auto"])
def test_a_path_without_its_dot_is_a_mistake_that_is_named(path: str) -> None:
    with pytest.raises(UsageError, match=r"--label .* is no path"):
        FieldMapping(label=path)


def test_a_path_at_which_there_is_nothing_is_said_so() -> None:
    record = {"label": "a", "time": 5, "metrics": {}}
    told = said(record, label=".zip", time=".when", metrics=".none")
    assert told == (
        "reading label from .label (nothing at .zip), time from .time (nothing at .when), "
        "no metrics at .none"
    )


@pytest.mark.parametrize("path", [".", ".a..b", ".a."])
def test_a_path_that_lacks_a_name_is_a_mistake_that_is_named(path: str) -> None:
    with pytest.raises(UsageError, match=r"--time .* lacks a name"):
        FieldMapping(time=path)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "value", "metrics", "ts", "a", ""]), inner)
    ),
    max_leaves=8,
)


@calm
@given(
    st.lists(json_values, min_size=1, max_size=5),
    st.sampled_from([{}, {"metrics": "auto"}, {"metrics": ".a"}, {"label": ".a.name", "id": ".a"}]),
)
def test_no_record_stops_the_reading(records: list[Any], asked: dict[str, str]) -> None:
    events, rejections = read(*records, **asked)
    assert len(events) + len(rejections) == len(records)
