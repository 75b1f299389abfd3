"""Salvage: every frame that is whole comes along at its position, and each gap is told."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path

import msgspec
import pytest

from crackle_stream.errors import LogDamagedError, StorageError, UsageError
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log import append
from crackle_stream.log.disk import OsFile
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.forget import Labels, forget
from crackle_stream.log.frame import HEADER_SIZE, unpack
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from crackle_stream.log.retention import Retention
from crackle_stream.log.salvage import Salvaged, salvage
from crackle_stream.log.upkeep import salvage_log
from crackle_stream.source import Rejection, SourcePosition
from tests.torture.lives import event, rejection

EVENTS = 12


def filled(events: int = EVENTS, *, closed: bool = True) -> MemoryDisk:
    """Make a log of several segments, of appends of one or two events."""
    disk = MemoryDisk()
    log = open_for_writing(disk, "group", segment_bytes=1_000)
    n = 0
    while n < events:
        size = min(1 + n % 3, events - n)
        batch = batch_events([event(n + i) for i in range(size)])
        log.append(batch, [rejection(n)], SourcePosition("s", n + size, 1, 0))
        n += size
    if closed:
        log.close()
    assert len(segments(disk)) > 2
    return disk


def segments(disk: MemoryDisk) -> list[str]:
    return [name for name in disk.names() if name.endswith(".seg")]


def frames(content: bytes | bytearray) -> list[int]:
    starts = [0]
    while (header := unpack(bytes(content[starts[-1] :]))) is not None:
        starts.append(starts[-1] + header.size)
    return starts


def found_in(disk: MemoryDisk) -> dict[int, TaskEvent]:
    blocks = EventLog(LogReader(disk)).blocks()
    return {b.first + row: b.batch.event(row) for b in blocks for row in range(len(b.batch))}


def salvaged(disk: MemoryDisk, count: int | None) -> tuple[Salvaged, dict[int, TaskEvent]]:
    """Salvage, and check all that must be so of any copy."""
    before = {name: bytes(data) for name, data in disk.files.items()}
    copy = MemoryDisk()
    done = salvage(disk, copy, now=9)
    assert {name: bytes(data) for name, data in disk.files.items()} == before
    log = EventLog(LogReader(copy))
    assert log.verify().state == "clean"
    found = found_in(copy)
    assert found == {n: event(n) for n in found}
    missing = {n for gap in log.gaps() for n in range(gap.start, gap.stop)}
    assert missing.isdisjoint(found)
    assert missing | set(found) == set(range(log.first, log.count))
    lost = {n for loss in done.losses for n in range(loss.first, loss.first + loss.count)}
    assert lost == missing
    if count is not None:
        assert log.count == count
    writer = open_for_writing(copy, "group")
    writer.append(batch_events([event(log.count)]))
    assert writer.verify().state == "unclosed"
    return done, found


def test_a_whole_log_is_copied_as_it_is() -> None:
    done, found = salvaged(filled(), EVENTS)
    assert done.losses == ()
    assert sorted(found) == list(range(EVENTS))
    assert done.rejections == 8
    assert done.torn == 0


def test_any_flipped_byte_costs_no_more_than_its_frame() -> None:
    disk = filled()
    for name in segments(disk):
        content, last = disk.files[name], name == segments(disk)[-1]
        starts = frames(content)
        for at in range(0, len(content), 3):
            content[at] ^= 0x21
            count = None if last and at >= starts[-3] else EVENTS
            done, found = salvaged(disk, count)
            start = max(s for s in starts if s <= at)
            content[at] ^= 0x21
            header = unpack(bytes(content[start:]))
            hit = range(header.first, header.first + header.count) if header else range(0)
            assert set(range(EVENTS)) - set(found) == set(hit), (name, at)
            assert done.losses or (last and at >= starts[-3]), (name, at)


def test_any_cut_costs_no_more_than_what_was_cut() -> None:
    disk = filled()
    for name in segments(disk):
        whole = bytes(disk.files[name])
        kept = frames(whole)
        for size in range(0, len(whole), 7):
            disk.files[name][:] = whole[:size]
            last = name == segments(disk)[-1]
            done, found = salvaged(disk, None if last else EVENTS)
            gone: set[int] = set()
            for start, end in pairwise(kept):
                header = unpack(whole[start:])
                if end > size and header is not None:
                    gone |= set(range(header.first, header.first + header.count))
            assert set(range(EVENTS)) - set(found) == gone, (name, size)
            assert done.losses or last or size in kept, (name, size)
        disk.files[name][:] = whole


def test_missing_segments_become_gaps() -> None:
    for gone in range(3):
        disk = filled()
        names = segments(disk)
        del disk.files[names[gone]]
        done, found = salvaged(disk, None if gone == len(names) - 1 else EVENTS)
        if gone < len(names) - 1:
            (loss,) = done.losses
            assert loss.where == f"{names[gone]} is missing"
            assert (loss.first, loss.first + loss.count) == (
                int(names[gone][:20]),
                int(names[gone + 1][:20]),
            )
            assert done.sources == ("s",)
        assert len(found) < EVENTS


def test_frames_that_are_there_twice_or_from_another_time_are_taken_once() -> None:
    disk = filled()
    name = segments(disk)[0]
    content = disk.files[name]
    starts = frames(content)
    twice = bytes(content[starts[1] : starts[2]])
    older = bytes(filled().files[name][starts[1] : starts[2]])
    content[starts[2] : starts[2]] = twice + b"CRKL" + older
    done, found = salvaged(disk, EVENTS)
    assert sorted(found) == list(range(EVENTS))
    assert [loss.count for loss in done.losses] == [0]


def test_a_frame_inside_a_rejected_line_is_not_taken() -> None:
    disk = MemoryDisk()
    with open_for_writing(disk, "group") as log:
        log.append(batch_events([event(0)]))
        content = disk.files[segments(disk)[0]]
        start, end = frames(content)[1:3]
        forged = unpack(bytes(content[start:]))
        assert forged is not None
        ahead = msgspec.structs.replace(forged, sequence=90, first=90).pack()
        inside = ahead + bytes(content[start + HEADER_SIZE : end])
        line = Rejection(1, 0, "not_json", "no JSON", None, inside, "0" * 64)
        log.append(batch_events([event(1)]), [line])
        log.append(batch_events([event(2)]))
    done, found = salvaged(disk, 3)
    assert sorted(found) == [0, 1, 2]
    second = frames(content)[2]
    content[second + HEADER_SIZE + 4] ^= 1
    done, found = salvaged(disk, 3)
    assert sorted(found) == [0, 2]
    assert [(loss.first, loss.count) for loss in done.losses] == [(1, 1)]


def test_of_an_append_in_parts_the_whole_parts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append, "BLOCK_EVENTS", 2)
    for part in range(3):
        disk = MemoryDisk()
        with open_for_writing(disk, "group") as log:
            log.append(batch_events([event(0)]))
            position = SourcePosition("s", 5, 1, 0)
            log.append(batch_events([event(n) for n in range(1, 7)]), position=position)
            log.append(batch_events([event(7)]))
        content = disk.files[segments(disk)[0]]
        content[frames(content)[2 + part] + HEADER_SIZE + 9] ^= 1
        _, found = salvaged(disk, 8)
        gone = {1 + 2 * part, 2 + 2 * part}
        assert set(found) == set(range(8)) - gone
        copy = MemoryDisk()
        salvage(disk, copy, now=9)
        copied = copy.files[segments(copy)[0]]
        headers = [unpack(bytes(copied[at:])) for at in frames(copied)[:-1]]
        before_the_gap = headers[1 + part]
        assert before_the_gap is not None
        assert not before_the_gap.continued


def test_a_copy_of_a_segment_under_another_name_is_not_taken_again() -> None:
    disk = filled()
    for name in ("7", "99"):
        disk.files[f"{name:0>20}.seg"] = bytearray(disk.files[segments(disk)[0]])
    salvaged(disk, EVENTS)
    (position,) = [n for n in found_in_copy(disk) if n == 0]
    assert position == 0


def found_in_copy(disk: MemoryDisk) -> list[int]:
    copy = MemoryDisk()
    salvage(disk, copy, now=9)
    blocks = EventLog(LogReader(copy)).blocks()
    return [b.first + row for b in blocks for row in range(len(b.batch))]


def test_a_write_that_a_crash_cut_short_is_left_out() -> None:
    disk = filled(closed=False)
    content = disk.files[segments(disk)[-1]]
    content[-HEADER_SIZE:] = b"CRKL garbage of a torn write"
    done, found = salvaged(disk, EVENTS)
    assert done.losses == ()
    assert done.torn == 28
    assert len(found) == EVENTS


def test_gaps_and_a_later_beginning_come_along() -> None:
    disk = filled(24)
    with open_for_writing(disk, "group") as log:
        done = log.retain(Retention(max_events=15))
    forget(disk, Labels(["task 20"]), now=9)
    copy = MemoryDisk()
    salvage(disk, copy, now=10)
    log = EventLog(LogReader(copy))
    assert (log.first, log.count) == (done.first, 24)
    assert [(gap.start, gap.reason, gap.when) for gap in log.gaps()] == [(20, "forgotten", 9)]
    assert log.verify().state == "clean"


def test_a_beginning_that_cannot_be_read_is_told() -> None:
    disk = filled(24)
    with open_for_writing(disk, "group") as log:
        log.retain(Retention(max_events=15))
    disk.files["start"][5] ^= 1
    done, found = salvaged(disk, 24)
    assert [loss.where for loss in done.losses] == ["start"]
    assert max(found) == 23


def test_source_positions_come_along_even_where_the_frame_that_had_them_is_lost() -> None:
    disk = filled()
    content = disk.files[segments(disk)[0]]
    content[frames(content)[-3] + HEADER_SIZE + 5] ^= 1
    copy = MemoryDisk()
    salvage(disk, copy, now=9)
    log = EventLog(LogReader(copy))
    assert log.last_position("s") == SourcePosition("s", EVENTS, 1, 0)


def test_where_nothing_is_whole_there_is_nothing_to_salvage() -> None:
    disk = filled()
    for name in segments(disk):
        disk.files[name][:] = bytes(200)
    with pytest.raises(LogDamagedError, match="nothing to salvage"):
        salvage(disk, MemoryDisk(), now=9)


def test_it_is_never_in_place(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with EventLog.create_or_open(log) as events:
        events.append(batch_events([event(0)]))
    for taken in (log, log / "lock"):
        with pytest.raises(UsageError, match="is there already"):
            salvage_log(log, taken)
    assert [done.events for done in salvage_log(log, tmp_path / "new")] == [1]


def test_a_copy_that_is_broken_off_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, copy = tmp_path / "log", tmp_path / "copy"
    with EventLog.create_or_open(log, segment_bytes=1_000) as events:
        for n in range(EVENTS):
            events.append(batch_events([event(n)]))
    with monkeypatch.context() as patch:
        patch.setattr(OsFile, "fdatasync", fail_at(3))
        with pytest.raises(StorageError, match="full"):
            salvage_log(log, copy)
    assert not copy.exists()
    assert list((tmp_path / "copy.partial").glob("*.seg"))
    with pytest.raises(UsageError, match=r"copy\.partial is left of a copy"):
        salvage_log(log, copy)
    shutil.rmtree(tmp_path / "copy.partial")
    assert salvage_log(log, copy)[0].events == EVENTS
    assert not (tmp_path / "copy.partial").exists()


def fail_at(call: int) -> Callable[[OsFile], None]:
    calls = count(1)

    def fdatasync(file: OsFile) -> None:
        if next(calls) == call:
            raise OSError(errno.ENOSPC, "full")

    return fdatasync
