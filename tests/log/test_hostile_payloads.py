"""Payloads with right CRCs that nobody wrote: refused by name, whatever is wrong in them."""

from __future__ import annotations

import random
import zlib

import msgspec
import pytest

from crackle_stream.errors import LogError
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.forget import Labels, forget
from crackle_stream.log.frame import BLOCK
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from tests.torture import fuzz_batches, hostile_logs

SEGMENT = f"{0:020d}.seg"
HUGE = 2**40


def spoiled(change, *, header=None):
    """Give a log of four events, in the payload of which something was changed."""
    disk = MemoryDisk()
    with open_for_writing(disk, "none") as log:
        events = [
            TaskEvent(label="ab"[i % 2], time=i * i, metrics={"x": 1.0} if i else {}, outcome="ok")
            for i in range(4)
        ]
        log.append(batch_events(events * 4))
    out = bytearray()
    for head, data in hostile_logs.frames_of(bytes(disk.files[SEGMENT])):
        if head.kind == BLOCK:
            tree = msgspec.msgpack.decode(data)
            change(tree)
            data = msgspec.msgpack.encode(tree)
            head = msgspec.structs.replace(head, **(header or {}))
        fixed = {"length": len(data), "payload_crc": zlib.crc32(data)}
        durable = min(head.durable, len(out))
        out += msgspec.structs.replace(head, durable=durable, **fixed).pack() + data
    disk.files[SEGMENT][:] = out
    return disk


def read(disk):
    log = EventLog(LogReader(disk))
    return [block.batch.event(i) for block in log.blocks() for i in range(len(block.batch))]


def put(*path):
    """Give a change that puts the last of these under the others."""
    *way, key, value = path

    def change(tree):
        for step in way:
            tree = tree[step]
        tree[key] = value

    return change


CHANGES = {
    "a count of 2^40": put("count", HUGE),
    "a count below zero": put("count", -1),
    "fewer events than the header says": put("count", 15),
    "a matrix of 2^40 rows": put("matrices", 1, 2, HUGE),
    "a matrix of rows below zero": put("matrices", 1, 2, -1),
    "a matrix with names that are numbers": put("matrices", 1, 1, [1]),
    "a matrix with names in one text": put("matrices", 1, 1, "x"),
    "a matrix that lacks bytes": put("matrices", 1, 3, b"\0" * 9),
    "no matrices": put("matrices", []),
    "sets of width 3": put("sets", 1, 3),
    "sets of width 2^40": put("sets", 1, HUGE),
    "an event that uses a matrix there is not": put("sets", 2, b"\7" * 16),
    "sets of fewer events": put("sets", 2, b"\0" * 15),
    "a word there is not": put("labels", 3, b"\xff" * 16),
    "words of no width": put("labels", 2, 0),
    "words that are numbers": put("labels", 1, msgspec.msgpack.encode([1, 2])),
    "words that are cut": put("labels", 1, b"\x92\xa1a"),
    "words that claim to be 2^32": put("labels", 1, b"\xdd\xff\xff\xff\xff"),
    "times of fewer events": put("times", 5, b"\0" * 3),
    "times with a mask too short": put("times", 4, b"\xff"),
    "times with a mask of nothing": put("times", 4, b"\0\0"),
    "times of width 16": put("times", 3, 16),
    "a first time beyond int64": put("times", 1, 2**63),
    "a unit beyond int64": put("times", 2, 2**64 - 1),
    "outcomes there are not": put("outcomes", 1, b"\x09" * 16),
    "fewer outcomes": put("outcomes", 1, b""),
    "durations that are half a number": put("durations", ["array", b"\0" * 12]),
    "an encoding nobody knows": put("ids", ["zstd", b""]),
    "gaps that overlap": put("gaps", [[0, 2, "damaged", 0, ""], [1, 2, "damaged", 0, ""]]),
    "a gap of 2^40": put("gaps", [[0, HUGE, "damaged", 0, ""]]),
    "an origin below zero": put("origins", 0, 0, -1),
    "origins of nothing": put("origins", 0, []),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_does_not_fit_together_is_refused_or_harmless(name):
    disk = spoiled(CHANGES[name])
    assert list(hostile_logs.escapes(disk)) == []


@pytest.mark.parametrize("name", [name for name in CHANGES if "origin" not in name])
def test_what_does_not_fit_together_is_not_read(name):
    if name in ("times with a mask of nothing", "a unit beyond int64"):
        pytest.skip("may be another time, and that is a time")
    with pytest.raises(LogError):
        read(spoiled(CHANGES[name]))


def test_an_arrival_beyond_int64_is_refused_before_its_block_is_written_anew():
    with pytest.raises(LogError, match="cannot be read"):
        forget(spoiled(put("origins", 0, 1, 2**63)), Labels(["a"]), 1)


def test_the_log_that_is_spoiled_here_can_be_read_unspoiled():
    assert len(read(spoiled(lambda tree: None))) == 16


@pytest.mark.parametrize("seed", range(40))
def test_any_batches_come_back_as_they_were(seed):
    assert list(fuzz_batches.go_round(seed)) == []


@pytest.mark.parametrize("seed", range(60))
def test_of_a_scratched_log_the_first_events_are_read_or_none(seed):
    assert list(fuzz_batches.read_noise(seed)) == []


@pytest.mark.parametrize("seed", range(40))
def test_mutated_logs_with_right_crcs_are_answered_with_named_errors(seed):
    rng = random.Random(seed)
    disk = hostile_logs.make(rng)
    hostile_logs.mutate(disk, rng)
    assert list(hostile_logs.escapes(disk)) == []
