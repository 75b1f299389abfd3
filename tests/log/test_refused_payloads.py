"""Frames with right CRCs whose content nobody would have written: each is refused as such."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from crackle_stream.errors import LogDamagedError, LogError, LogFormatError
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.files import segment_firsts, segment_name
from crackle_stream.log.frame import BLOCK, HEAD, HEADER_SIZE, POSITION_LIMIT, Header, unpack
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from crackle_stream.log.retention import Retention
from crackle_stream.log.salvage import salvage
from crackle_stream.log.start import NAME
from crackle_stream.source import SourcePosition
from tests.torture.lives import read

SEGMENT = segment_name(0)
EVENTS = [
    TaskEvent(metrics={"a": 1.0, "b": 2.0}, label="one", time=1, id="i", duration=0.5),
    TaskEvent(metrics={"a": 3.0}, label="two", outcome="ok", error="e", value=[1]),
    TaskEvent(metrics={}, label="three", attributes={"k": 1}),
]


def small_log() -> MemoryDisk:
    disk = MemoryDisk()
    with open_for_writing(disk, "none") as log:
        log.append(batch_events(EVENTS), (), SourcePosition("s", 9, 3, 7))
    return disk


def rewrite(disk: MemoryDisk, kind: int, payload: bytes | None = None, **fields: Any) -> None:
    """Give the first frame of a kind another payload or header, and right CRCs."""
    data, out = bytes(disk.files[SEGMENT]), bytearray()
    while (header := unpack(data)) is not None:
        body, data = data[HEADER_SIZE : header.size], data[header.size :]
        if header.kind == kind:
            body, header = body if payload is None else payload, replace(header, **fields)
        sound = {"length": len(body), "payload_crc": zlib.crc32(body), "durable": 0}
        out += replace(header, **sound).pack() + body
    disk.files[SEGMENT][:] = out


def block_of(disk: MemoryDisk) -> dict[str, Any]:
    data = bytes(disk.files[SEGMENT])
    while (header := unpack(data)) is not None and header.kind != BLOCK:
        data = data[header.size :]
    assert header is not None
    block: dict[str, Any] = msgspec.msgpack.decode(data[HEADER_SIZE : header.size])
    return block


def packed(*items: Any) -> bytes:
    return msgspec.msgpack.encode(list(items))


def numbers(*values: float) -> bytes:
    return np.array(values, "<f8").tobytes()


@pytest.mark.parametrize(
    "changed",
    [
        {"matrices": []},
        {"matrices": [["matrix", ["a", "b"], 1, numbers(1, 2)]]},
        {"matrices": [["matrix", ["a", "a"], 1, numbers(1, 2)]] * 3},
        {"matrices": [["matrix", ["a"], 1, numbers(float("nan"))]] * 3},
        {"matrices": [["matrix", ["a"], 1, numbers(float("inf"))]] * 3},
        {"matrices": [["matrix", ["a"], -1, numbers(1)]] * 3},
        {"matrices": [["matrix", ["a"], 2**40, numbers(1)]] * 3},
        {"matrices": [["matrix", [7], 1, numbers(1)]] * 3},
        {"sets": ["codes", 1, b"\0\1\3"]},
        {"sets": ["codes", 1, b"\0\1"]},
        {"sets": ["codes", 3, b"\0\1\2"]},
        {"sets": ["codes", 4, b"\xff" * 12]},
        {"times": ["deltas", 1, 1, 1, None, b"\1"]},
        {"times": ["deltas", 1, 1, 1, b"", b"\1\1"]},
        {"times": ["deltas", 1, 1, 1, b"\xe0", b"\1"]},
        {"times": ["deltas", 1, 2**63, 1, None, b"\1\1"]},
        {"times": ["deltas", 2**63, 1, 1, None, b"\1\1"]},
        {"labels": ["list", packed("one", "two")]},
        {"labels": ["list", packed("one", "two", 3)]},
        {"labels": ["list", b"\x93\xa1\xff\xa1a\xa1b"]},
        {"labels": ["list", b"\xdd\xff\xff\xff\xff"]},
        {"labels": ["dictionary", packed("one"), 1, b"\0\0\1"]},
        {"labels": ["dictionary", packed("one"), 1, b"\0\0"]},
        {"ids": ["list", packed("i")]},
        {"durations": ["array", numbers(1, 2)]},
        {"durations": ["array", numbers(1, 2, float("inf"))]},
        {"outcomes": ["array", b"\0\1\3"]},
        {"attributes": ["list", packed(None, None, {"k": []})]},
        {"values": ["list", packed(None, None, b"{")]},
        {"values": ["list", packed(None, None, b"[" * 100_000)]},
        {"count": 2**40},
        {"count": -1},
        {"count": "3"},
        {"gaps": [[0, 2**32, "forgotten", 0]]},
        {"gaps": [[3, 1, "forgotten", 0]]},
        {"origins": [b"\x91" * 10]},
        {"labels": ["a later encoding", b""]},
    ],
)
def test_columns_that_do_not_fit_are_named_with_their_place(changed: dict[str, Any]) -> None:
    disk = small_log()
    block = {**block_of(disk), **changed}
    rewrite(disk, BLOCK, msgspec.msgpack.encode(block))
    log = EventLog(LogReader(disk))
    with pytest.raises(LogFormatError, match=r"byte .*(cannot be read|do not fit together)"):
        read(log)
    assert log.verify().state == "damaged"


def test_gaps_of_which_the_header_does_not_tell_are_refused() -> None:
    disk = small_log()
    block = {**block_of(disk), "gaps": [[3, 1, "forgotten", 0]]}
    rewrite(disk, BLOCK, msgspec.msgpack.encode(block), count=4)
    with pytest.raises(LogFormatError, match="do not fit together"):
        read(EventLog(LogReader(disk)))


def test_rejections_that_cannot_be_read_are_found_by_those_who_want_them() -> None:
    disk = small_log()
    block = {**block_of(disk), "rejections": [7]}
    rewrite(disk, BLOCK, msgspec.msgpack.encode(block), rejections=1)
    log = EventLog(LogReader(disk))
    assert read(log) == EVENTS
    for use in (log.rejections, log.quarantined):
        with pytest.raises(LogFormatError, match="rejections of a block cannot be read"):
            list(use())
    assert log.verify().state == "damaged"


def test_a_block_of_more_events_than_any_has_is_refused_before_it_takes_memory() -> None:
    disk = small_log()
    count = 2**32 - 1
    block = {"count": count, "matrices": [["matrix", [], count, b""]]}
    rewrite(disk, BLOCK, msgspec.msgpack.encode(block), count=count)
    with pytest.raises(LogFormatError, match="4294967295 events where at most 1048576"):
        read(EventLog(LogReader(disk)))


@pytest.mark.parametrize(
    "payload", [b"", b"\xc0", packed(1), b"\x81\xa9positions\xc0", b"\x91" * 10_000]
)
def test_a_head_that_cannot_be_read_is_named_by_readers_and_writers(payload: bytes) -> None:
    disk = small_log()
    rewrite(disk, HEAD, payload)
    log = EventLog(LogReader(disk))
    assert read(log) == EVENTS
    assert log.verify().state == "damaged"
    for use in (lambda: log.last_position("s"), log.info, lambda: open_for_writing(disk, "none")):
        with pytest.raises(LogFormatError, match=r"00000\.seg, byte 0.*head.*cannot be read"):
            use()


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": BLOCK, "first": POSITION_LIMIT + 1},
        {"kind": BLOCK, "first": 2**64 - 1},
        {"kind": HEAD, "count": 2**32 - 1},
    ],
)
def test_a_header_that_no_log_can_have_is_no_frame(fields: dict[str, int]) -> None:
    disk = small_log()
    rewrite(disk, **fields)
    log = EventLog(LogReader(disk))
    assert log.count == 0
    assert log.verify().state in ("damaged", "uncertain")
    with pytest.raises(LogDamagedError):
        open_for_writing(disk, "none")


def test_a_frame_far_behind_all_others_is_not_looked_at() -> None:
    disk = small_log()
    rewrite(disk, BLOCK, first=POSITION_LIMIT + 1)
    start = len(disk.files[SEGMENT]) - HEADER_SIZE  # the close frame
    segment = LogReader(disk).last_segment()
    assert segment.header_at(start) is not None
    header = unpack(bytes(disk.files[SEGMENT][:HEADER_SIZE]))
    assert header is not None
    assert segment.header_at(header.size) is None


def test_a_kind_of_frame_that_is_not_known_is_refused_by_name() -> None:
    header = Header(kind=7, log_id=1, sequence=0, first=0, durable=0)
    with pytest.raises(LogFormatError, match=r"kind 7.*kinds 1 to 6"):
        unpack(header.pack())


def test_salvage_of_a_frame_far_behind_ends() -> None:
    disk = small_log()
    rewrite(disk, BLOCK, first=2**40)
    target = MemoryDisk()
    salvage(disk, target, 1)
    assert EventLog(LogReader(target)).verify().state == "clean"


@pytest.mark.parametrize("first", [2**48, 2**63, 10**20 - 1])
def test_a_file_of_a_position_that_no_event_has_is_no_segment(first: int) -> None:
    assert segment_firsts([segment_name(first), segment_name(1), "\u0661" * 20 + ".seg"]) == [1]


@pytest.mark.parametrize(
    "start",
    [
        None,
        [],
        {},
        {"first": -1, "when": 0},
        {"first": 1, "when": "x"},
        {"first": 2, "when": 2**63},
    ],
)
def test_a_record_of_the_beginning_that_cannot_be_read_is_damage(start: Any) -> None:
    disk = MemoryDisk()
    with open_for_writing(disk, "none", segment_bytes=600) as log:
        for event in EVENTS:
            log.append(batch_events([event]))
        log.retain(Retention(max_events=1))
    header = unpack(bytes(disk.files[NAME]))
    assert header is not None
    payload = msgspec.msgpack.encode(start)
    whole = replace(header, length=len(payload), payload_crc=zlib.crc32(payload))
    disk.files[NAME][:] = whole.pack() + payload
    log = EventLog(LogReader(disk))
    with pytest.raises(LogError, match="start"):
        read(log)
    assert log.verify().state == "damaged"
