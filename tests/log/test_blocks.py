"""Blocks: what goes in comes out, whatever the columns."""

from __future__ import annotations

from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crackle_stream.errors import LogFormatError
from crackle_stream.event import EventBatch, TaskEvent, batch_events
from crackle_stream.log.block import (
    COLUMNS,
    Origin,
    decode_batch,
    decode_payload,
    decode_rejections,
    encode_block,
)
from crackle_stream.log.column import decode_text, decode_times, encode_text, encode_times
from crackle_stream.log.compaction import merge_batches
from crackle_stream.log.frame import ALL_TIMED, HEADER_SIZE, RISING
from crackle_stream.source import Rejection, SourcePosition
from crackle_stream.timestamp import NO_TIME

text = st.text(max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)
times = st.integers(-(2**63) + 1, 2**63 - 1)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | finite | text
json_values = st.recursive(
    st.booleans() | finite | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=4,
)
events = st.builds(
    TaskEvent,
    metrics=st.dictionaries(st.sampled_from("abcd"), finite, max_size=3),
    label=st.sampled_from(["anonymous task", "build"]) | text,
    time=st.none() | times,
    duration=st.none() | finite,
    outcome=st.sampled_from([None, "ok", "failed"]),
    error=st.none() | text,
    id=st.none() | text,
    attributes=st.none() | st.dictionaries(text, scalars, max_size=2),
    value=st.none() | json_values,
)
batches = st.lists(events, max_size=12)


# A loaded machine is no failure: no deadline.
calmly = settings(deadline=None, max_examples=40)


def through(batch: EventBatch, columns: frozenset[str] = COLUMNS) -> EventBatch:
    data = bytes(encode_block(batch, (), [Origin(len(batch), 0)]).data)
    return decode_batch(decode_payload(memoryview(data)[HEADER_SIZE:]), columns)


def rows(batch: EventBatch) -> list[TaskEvent]:
    return [batch.event(row) for row in range(len(batch))]


@calmly
@given(batches)
def test_a_batch_comes_back_as_it_was(given_events: list[TaskEvent]) -> None:
    back = through(batch_events(given_events))
    assert rows(back) == given_events
    assert all(matrix.values.flags.f_contiguous for matrix in back.matrices)


@settings(deadline=None, max_examples=10)
@given(batches)
def test_each_choice_of_columns_gives_those_and_no_others(given_events: list[TaskEvent]) -> None:
    batch = batch_events(given_events)
    whole = through(batch)
    for names in chain.from_iterable(combinations(sorted(COLUMNS), n) for n in range(8)):
        part = through(batch, frozenset(names))
        for name in COLUMNS:
            wanted = getattr(whole, name) if name in names else None
            np.testing.assert_array_equal(getattr(part, name), wanted)
        np.testing.assert_array_equal(part.times, whole.times)


@calmly
@given(batches, st.randoms(use_true_random=False))
def test_rows_whose_matrices_stand_in_another_order_come_back_the_same(
    given_events: list[TaskEvent], random: np.random.Generator
) -> None:
    batch = batch_events(given_events)
    shuffled = _shuffle_matrices(batch, random)
    assert rows(shuffled) == given_events
    assert rows(through(shuffled)) == given_events


@calmly
@given(st.lists(batches, min_size=1, max_size=4))
def test_merged_batches_hold_the_events_of_all_in_order(parts: list[list[TaskEvent]]) -> None:
    merged = merge_batches([batch_events(part) for part in parts])
    assert rows(merged) == list(chain.from_iterable(parts))
    assert rows(through(merged)) == list(chain.from_iterable(parts))


@calmly
@given(st.lists(st.none() | times | st.integers(0, 20).map(lambda n: n * 10**6), max_size=30))
def test_times_come_back_to_the_nanosecond(given_times: list[int | None]) -> None:
    array = np.array([NO_TIME if time is None else time for time in given_times], np.int64)
    column = encode_times(array)
    np.testing.assert_array_equal(decode_times(column, len(array)), array)


def test_times_in_milliseconds_take_two_bytes() -> None:
    column = encode_times(1_700_000_000 * 10**9 + np.arange(1000) ** 2 % 977 * 10**6)
    assert column is not None
    assert (column.unit, column.width) == (10**6, 2)


@calmly
@given(st.lists(st.sampled_from(["a", "b", "ü"]) | text, max_size=60))
def test_labels_come_back(words: list[str]) -> None:
    assert decode_text(encode_text(words)) == words


def test_few_labels_are_kept_as_a_dictionary_also_beyond_256_and_65536_words() -> None:
    for distinct in (3, 300, 70_000):
        words = ["same"] * 300 + [f"w{n}" for n in range(distinct)]
        column = encode_text(words)
        assert type(column).__name__ == "Dictionary"
        assert decode_text(column) == words


@calmly
@given(batches)
def test_the_summary_tells_of_times_what_they_are(given_events: list[TaskEvent]) -> None:
    summary = encode_block(batch_events(given_events), (), []).summary
    known = [event.time for event in given_events if event.time is not None]
    every = len(known) == len(given_events)
    assert bool(summary.flags & ALL_TIMED) == every
    if every:
        assert bool(summary.flags & RISING) == (known == sorted(known))
    assert summary.earliest == min(known, default=NO_TIME)
    assert summary.latest == max(known, default=NO_TIME)


def test_rejections_and_origins_come_back() -> None:
    rejection = Rejection(3, 40, "not_json", "no JSON", "$.metrics.x", b"\xff\x00", "ab")
    origin = Origin(0, 5, SourcePosition("s", 50, 3, 2**32 - 1))
    data = encode_block(batch_events([]), [rejection], [origin]).data
    payload = decode_payload(memoryview(data)[HEADER_SIZE:])
    assert decode_rejections(payload) == (rejection,)
    assert payload.origins == (origin,)


def test_an_encoding_of_a_later_version_is_refused_by_name() -> None:
    data = encode_block(batch_events([TaskEvent(metrics={})]), (), []).data
    later = bytes(data[HEADER_SIZE:]).replace(b"\xa4list", b"\xa4lisp")
    with pytest.raises(LogFormatError, match=r"lisp.*install a newer"):
        decode_payload(memoryview(later))


def _shuffle_matrices(batch: EventBatch, random: np.random.Generator) -> EventBatch:
    row_of = batch.row_of.copy()
    matrices = []
    for number, matrix in enumerate(batch.matrices):
        order = list(range(len(matrix.values)))
        random.shuffle(order)
        mine = batch.set_of == number
        row_of[mine] = np.argsort(order)[batch.row_of[mine]]
        matrices.append(type(matrix)(matrix.names, matrix.values[order]))
    return EventBatch(
        **{
            name: getattr(batch, name)
            for name in EventBatch.__struct_fields__
            if name not in ("matrices", "row_of")
        },
        matrices=tuple(matrices),
        row_of=row_of,
    )
