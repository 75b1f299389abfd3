"""Every truncation and every flipped bit of a small log, and the verdict each must get."""

from __future__ import annotations

import contextlib
import zlib

import pytest

from crackle_stream.errors import LogDamagedError, LogFormatError
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.frame import HEADER_SIZE, MAGIC, Header, unpack
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from tests.torture.lives import event, read

EVENTS = 5


def small_log(*, closed: bool = True) -> MemoryDisk:
    """Make a log of two segments, three events in the first and two in the second."""
    disk = MemoryDisk()
    log = open_for_writing(disk, "group", segment_bytes=750)
    for n in range(EVENTS):
        log.append(batch_events([event(n)]))
    if closed:
        log.close()
    assert len(segments(disk)) == 2
    return disk


def segments(disk: MemoryDisk) -> list[str]:
    return [name for name in disk.names() if name.endswith(".seg")]


def frames(content: bytes | bytearray) -> list[int]:
    """Give where the frames of a segment begin, and its end."""
    starts = [0]
    while (header := unpack(bytes(content[starts[-1] :]))) is not None:
        starts.append(starts[-1] + header.size)
    return starts


def opened(disk: MemoryDisk) -> EventLog:
    return EventLog(LogReader(disk))


def read_upto_damage(log: EventLog) -> list[TaskEvent]:
    events: list[TaskEvent] = []
    with contextlib.suppress(LogDamagedError):
        for block in log.blocks():
            events += [block.batch.event(row) for row in range(len(block.batch))]
    return events


def flip(content: bytearray, bit: int) -> None:
    content[bit // 8] ^= 1 << bit % 8


def assert_found(disk: MemoryDisk, state: str, where: str) -> None:
    log = opened(disk)
    assert log.verify().state == state, where
    events = read_upto_damage(log)
    assert events == [event(n) for n in range(len(events))], where


@pytest.mark.parametrize("closed", [True, False])
def test_a_flipped_bit_is_damage_except_in_the_last_frame(closed: bool) -> None:
    disk = small_log(closed=closed)
    for name in segments(disk):
        content = disk.files[name]
        last = frames(content)[-2] if name == segments(disk)[-1] else len(content)
        for bit in range(8 * len(content)):
            flip(content, bit)
            assert_found(disk, "torn" if bit // 8 >= last else "damaged", f"{name} bit {bit}")
            flip(content, bit)


def test_a_flipped_bit_in_the_last_acknowledged_event_is_damage_though_nothing_follows_it() -> None:
    disk = small_log(closed=False)
    content = disk.files[segments(disk)[-1]]
    mark = frames(content)[-2]
    assert len(content) - mark == HEADER_SIZE
    flip(content, 8 * (mark - 1))
    assert opened(disk).verify().state == "damaged"


def test_a_segment_cut_short_is_torn_in_the_last_one_and_damaged_elsewhere() -> None:
    disk = small_log()
    for name in segments(disk):
        whole = bytes(disk.files[name])
        starts = frames(whole)
        for size in range(len(whole)):
            disk.files[name][:] = whole[:size]
            unclosed = size in starts and size
            state = "unclosed" if unclosed else "torn" if size >= starts[1] else "damaged"
            assert_found(disk, "damaged" if name != segments(disk)[-1] else state, f"{name} {size}")
        disk.files[name][:] = whole


def test_to_a_reader_a_partial_last_frame_means_that_more_comes() -> None:
    disk = small_log()
    content = disk.files[segments(disk)[-1]]
    whole = bytes(content)
    starts = frames(whole)
    content[:] = whole[: starts[2]]
    log = opened(disk)
    for size in range(starts[2], starts[3]):
        content[:] = whole[:size]
        assert log.refresh() == EVENTS - 1
        assert len(read(log)) == EVENTS - 1
    content[:] = whole[: starts[3]]
    assert log.refresh() == EVENTS
    assert read(log) == [event(n) for n in range(EVENTS)]


def test_a_writer_refuses_a_damaged_log_and_changes_nothing() -> None:
    disk = small_log()
    content = disk.files[segments(disk)[-1]]
    flip(content, 8 * (frames(content)[1] + 30))
    before = {name: bytes(data) for name, data in disk.files.items()}
    for accept_loss in (False, True):
        with pytest.raises(LogDamagedError, match=r"00003\.seg is damaged at byte \d+"):
            open_for_writing(disk, "group", accept_loss=accept_loss)
    assert {name: bytes(data) for name, data in disk.files.items()} == before


def test_damage_names_segment_offset_and_positions() -> None:
    disk = small_log()
    first = disk.files[segments(disk)[0]]
    start = frames(first)[1]
    flip(first, 8 * (start + HEADER_SIZE + 3))
    with pytest.raises(LogDamagedError) as caught:
        read(opened(disk))
    error = caught.value
    assert (error.segment, error.offset) == (segments(disk)[0], start)
    assert (error.first, error.last) == (0, 2)


def test_a_missing_segment_is_damage() -> None:
    for gone in (0, 1):
        disk = small_log()
        disk.files[f"{9:020d}.seg"] = disk.files[segments(disk)[-1]]
        del disk.files[segments(disk)[gone]]
        assert opened(disk).verify().state == "damaged"


def test_a_whole_frame_behind_a_gap_is_uncertain_and_cut_only_when_loss_is_accepted() -> None:
    disk = MemoryDisk()
    log = open_for_writing(disk, "none")
    for n in range(3):
        log.append(batch_events([event(n)]))
    name = segments(disk)[0]
    content = disk.files[name]
    second = frames(content)[2]
    content[second : second + 20] = bytes(20)
    disk._lock = None
    assert opened(disk).verify().state == "uncertain"
    with pytest.raises(LogDamagedError, match="--accept-loss"):
        open_for_writing(disk, "none")
    kept = bytes(content[second:])
    again = open_for_writing(disk, "none", accept_loss=True)
    assert read(again) == [event(0)]
    assert bytes(disk.files[f"torn/{name}.{second}"]) == kept


def test_a_log_of_a_newer_format_is_refused_by_name() -> None:
    disk = small_log()
    content = disk.files[segments(disk)[-1]]
    newer = bytearray(content[:HEADER_SIZE])
    newer[len(MAGIC)] = 2
    newer[-4:] = _crc(newer[:-4])
    content[:HEADER_SIZE] = newer
    with pytest.raises(LogFormatError, match=r"format 2.*install a newer"):
        opened(disk)


def test_a_frame_of_another_log_is_not_taken() -> None:
    disk, other = small_log(closed=False), small_log(closed=False)
    mine, theirs = (d.files[segments(d)[-1]] for d in (disk, other))
    start, end = frames(mine)[1:3]
    mine[start:end] = theirs[start:end]
    assert opened(disk).verify().state == "damaged"


def test_a_header_says_what_was_put_into_it() -> None:
    header = Header(
        kind=2,
        log_id=2**64 - 1,
        sequence=3,
        first=2**40,
        durable=5,
        length=6,
        payload_crc=7,
        count=8,
        rejections=9,
        flags=7,
        arrival=-1,
        earliest=-5,
        latest=5,
    )
    assert unpack(header.pack()) == header
    assert unpack(header.pack()[:-1]) is None


def _crc(data: bytes | bytearray) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")
