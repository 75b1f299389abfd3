"""Lines of events become batches that hold the same events, however they are cut and mixed."""

from __future__ import annotations

import io
import json
import os
import random
from typing import Any
from unittest import mock

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crackle_stream.errors import InputRejectedError
from crackle_stream.event import EventLine, TaskEvent, from_line
from crackle_stream.ingest import native
from crackle_stream.ingest.chunks import Chunk, read_chunks
from crackle_stream.source import Rejection, SourcePosition

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

names = st.sampled_from(["a", "b", "wall_s", "größe", 'quo"te', "back\\slash", "", "a.b"])
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=5)
events = st.fixed_dictionaries(
    {"metrics": st.dictionaries(names, numbers | st.none(), max_size=4)},
    optional={
        "label": st.text(max_size=10),
        "time": st.none()
        | st.integers(0, 2**32)
        | st.sampled_from(["2026-03-01T12:00:00Z", "2026-03-01T12:00:00.5+02:00"]),
        "duration": st.none() | st.floats(0, 1e6),
        "outcome": st.sampled_from(["ok", "failed", None]),
        "error": st.none() | st.text(max_size=5),
        "id": st.none() | st.text(max_size=5),
        "attributes": st.none() | st.dictionaries(st.text(max_size=3), scalars, max_size=2),
        "value": scalars | st.lists(scalars, max_size=2),
    },
)


def read(data: bytes, **options: Any) -> list[Chunk]:
    return list(read_chunks(io.BytesIO(data), "s", **options))


def events_of(chunks: list[Chunk]) -> list[TaskEvent]:
    return [chunk.batch.event(i) for chunk in chunks for i in range(len(chunk.batch))]


def rejections_of(chunks: list[Chunk]) -> list[Rejection]:
    return [rejection for chunk in chunks for rejection in chunk.rejections]


def expected(line: bytes) -> TaskEvent:
    """Read a line on its own, as the event it says; an oracle that shares no code with chunks."""
    event = from_line(msgspec.json.decode(line, type=EventLine))
    record = json.loads(line)
    extra = {k: v for k, v in record.items() if k not in EventLine.__struct_fields__}
    extra = {k: v for k, v in extra.items() if not isinstance(v, dict | list)}
    attributes = {**extra, **(event.attributes or {})}
    return msgspec.structs.replace(event, attributes=attributes if extra else event.attributes)


def plain(event: TaskEvent) -> TaskEvent:
    return msgspec.structs.replace(event, attributes=event.attributes or None)


def assert_closed(chunks: list[Chunk], lines: int) -> None:
    assert all(chunk.read == len(chunk.batch) + len(chunk.rejections) for chunk in chunks)
    assert sum(chunk.read for chunk in chunks) == lines


@calm
@given(st.lists(events, max_size=20), st.integers(1, 400), st.sampled_from([b"\n", b"\r\n"]))
def test_events_come_out_as_each_line_says_at_any_chunk_size(
    records: list[dict[str, Any]], chunk_bytes: int, end: bytes
) -> None:
    lines = [msgspec.json.encode(record) for record in records]
    chunks = read(end.join(lines), chunk_bytes=chunk_bytes)
    assert [plain(e) for e in events_of(chunks)] == [plain(expected(line)) for line in lines]
    assert_closed(chunks, len(lines))


extras = st.dictionaries(
    st.sampled_from(["host", "branch", "k8s", 'we"ird', "ü"]),
    scalars | st.dictionaries(st.text(max_size=2), scalars, max_size=2),
    max_size=3,
)
bad_lines = st.sampled_from(
    [
        b"{",
        b"{}",
        b"}",
        b"[]",
        b"nonsense",
        b'{"metrics":{"a":NaN}}',
        b'{"metrics":{"a":9007199254740993}}',
        b'{"metrics":{"a":"1"}}',
        b'{"metrics":{},"time":"noon"}',
        b'{"metrics":{},"label":"\xff"}',
        b'{"metrics":{}}{"metrics":{}}',
        b'{"metrics":',
        b'{"metrics":{},"x":%d}' % 2**60,
        b'{"metrics":{},"value":[1e999]}',
        b'{"metrics":{},"label":"' + b"x" * 257 + b'"}',
        b"\x00",
    ]
)
good_lines = st.builds(lambda event, extra: msgspec.json.encode(extra | event), events, extras)


@calm
@given(
    st.lists(
        st.tuples(st.just(True), good_lines)
        | st.tuples(st.just(False), bad_lines)
        | st.tuples(st.none(), st.sampled_from([b"", b" \t", b"\r"]))
    ),
    st.sampled_from([1, 100, 1 << 20]),
    st.sampled_from([1, 64]),
)
def test_a_bad_line_costs_none_of_its_neighbours(
    lines: list[tuple[bool | None, bytes]], chunk_bytes: int, worth_a_struct: int
) -> None:
    """Whole blocks and single lines are read alike: what one line says never depends on others."""
    with mock.patch.object(native, "_WORTH_A_STRUCT", worth_a_struct):
        chunks = read(b"".join(line + b"\n" for _, line in lines), chunk_bytes=chunk_bytes)
    good = [line for sound, line in lines if sound]
    assert [plain(e) for e in events_of(chunks)] == [plain(expected(line)) for line in good]
    bad = [(i, line) for i, (sound, line) in enumerate(lines, 1) if sound is False]
    assert [(r.line, r.excerpt) for r in rejections_of(chunks)] == bad
    assert_closed(chunks, len(good) + len(bad))


def make_lines(count: int, sets: int) -> list[bytes]:
    random.seed(7)
    return [
        b'{"label":"t%d","metrics":{%s}}'
        % (
            i,
            b",".join(b'"m%d_%s":%d.5' % (i % sets, n, i) for n in random.sample([b"x", b"y"], 2)),
        )
        for i in range(count)
    ]


def test_a_bad_line_seventy_thousand_lines_in_is_named_exactly() -> None:
    lines = make_lines(80_000, 1)
    lines[70_000] = b'{"metrics":{"m0_x":1,"m0_y":Infinity}}'
    chunks = read(b"\n".join(lines))
    (bad,) = rejections_of(chunks)
    assert (bad.line, bad.reason, bad.path) == (70_001, "not_finite", "$.metrics.m0_y")
    assert bad.offset == sum(len(line) + 1 for line in lines[:70_000])
    assert_closed(chunks, 80_000)
    assert events_of(chunks[-1:])[-1].label == "t79999"


@pytest.mark.parametrize("sets", [1, 2, 20])
def test_sets_of_metrics_that_are_interleaved_keep_their_rows(sets: int) -> None:
    lines = make_lines(500, sets)
    (chunk,) = read(b"\n".join(lines) + b"\n")
    assert events_of([chunk]) == [expected(line) for line in lines]
    assert len(chunk.batch.matrices) == sets
    assert all(matrix.values.flags.f_contiguous for matrix in chunk.batch.matrices)
    assert all(matrix.names == tuple(sorted(matrix.names)) for matrix in chunk.batch.matrices)
    assert chunk.batch.set_of.dtype == chunk.batch.row_of.dtype == np.uint32


def test_a_form_that_changes_between_chunks_is_followed() -> None:
    random.seed(3)
    first = [b'{"metrics":{"a":%d}}' % i for i in range(300)]
    other = [b'{"host":"h","metrics":{"b":%d,"a":null}}' % i for i in range(300)]
    crowded = [b'{"f%d":1,"metrics":{"a":%d}}' % (i, i) for i in range(300)]
    lines = first + other + crowded + first
    chunks = read(b"\n".join(lines), chunk_bytes=1_000)
    assert events_of(chunks) == [expected(line) for line in lines]


def test_a_line_that_goes_on_in_the_next_one_is_no_event() -> None:
    """A decoder of many lines would take these three for three events."""
    chunks = read(b'{"metrics":{}}{"metrics":{}}\n{"metrics":\n{}}\n')
    assert [r.reason for r in rejections_of(chunks)] == ["invalid_json"] * 3
    assert not events_of(chunks)


@pytest.mark.parametrize("data", [b"", b"\n\n \r\n", b"\xef\xbb\xbf"])
def test_a_source_without_lines_gives_no_events_and_no_rejections(data: bytes) -> None:
    assert_closed(read(data), 0)


def test_a_binary_file_is_all_rejections() -> None:
    data = random.Random(5).randbytes(200_000)
    chunks = read(data)
    assert not events_of(chunks)
    assert_closed(chunks, sum(1 for line in data.split(b"\n") if line.strip(b" \t\r")))


def test_each_line_of_a_slow_producer_is_an_event_at_once() -> None:
    source, sink = os.pipe()
    with open(source, "rb") as stream, open(sink, "wb", buffering=0) as producer:
        chunks = read_chunks(stream, "s")
        for i in range(3):
            producer.write(b'{"metrics":{"i":%d}}\n' % i)
            assert events_of([next(chunks)])[0].metrics == {"i": i}


@calm
@given(st.integers(0, 100), st.booleans())
def test_reading_in_two_runs_gives_what_one_run_gives(cut: int, mapped: bool) -> None:
    key = b"ts" if mapped else b"time"
    lines = [b'{"metrics":{"i":%d},"%s":%d}\n' % (i, key, i) for i in range(100)]
    lines[50] = b"bad\n"
    data = b"".join(lines)
    part = read(b"".join(lines[:cut]))
    start = part[-1].position if part else SourcePosition("s", 0, 0, 0)
    rest = read(data, start=start)
    whole = read(data)
    assert events_of(part) + events_of(rest) == events_of(whole)
    assert rejections_of(part) + rejections_of(rest) == rejections_of(whole)
    assert (part + rest)[-1].position == whole[-1].position


def test_reading_on_in_another_file_is_an_error() -> None:
    position = read(b'{"metrics":{}}\n')[-1].position
    with pytest.raises(InputRejectedError, match="changed"):
        read(b'{"metrics": {}}\n{"metrics":{}}\n', start=position)
