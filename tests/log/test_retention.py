"""Retention: what goes, what stays, and what a crash leaves of it."""

from __future__ import annotations

import errno
import random
from contextlib import suppress
from pathlib import Path

import pytest

from crackle_stream.errors import LogDamagedError, LogError, StorageError
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from crackle_stream.log.retention import Retention
from crackle_stream.log.start import read_start
from crackle_stream.source import SourcePosition
from tests.torture.lives import event, read, rejection
from tests.torture.simulated_disk import Crash, SimulatedDisk

SEGMENT_BYTES = 1_500
EVERYTHING = Retention(max_events=0)


def fill(log: EventLog, events: int) -> None:
    for n in range(log.count, log.count + events):
        log.append(batch_events([event(n)]), [rejection(n)], SourcePosition("s", n + 1, 1, 0))


def filled(disk: MemoryDisk, events: int = 20) -> EventLog:
    log = open_for_writing(disk, "group", segment_bytes=SEGMENT_BYTES)
    fill(log, events)
    return log


def seen(log: EventLog) -> list[int]:
    return [b.first + row for b in log.blocks() for row in range(len(b.batch))]


def test_what_is_left_begins_behind_what_was_removed_and_keeps_its_positions() -> None:
    disk = MemoryDisk()
    log = filled(disk)
    done = log.retain(Retention(max_events=5))
    assert 0 < done.first == log.first <= 15
    assert done.events == done.rejections == done.first
    assert seen(log) == list(range(done.first, 20))
    assert [line.line for line in log.rejections()] == list(range(done.first, 20))
    assert log.labels([19]) == ["task 19"]
    with pytest.raises(IndexError, match="position 0 was removed: the log begins at"):
        log.labels([0])
    fill(log, 3)
    log.close()
    again = EventLog(LogReader(disk))
    assert seen(again) == list(range(done.first, 23))
    assert again.verify().state == "clean"
    assert again.info().removed == done.first
    assert again.last_position("s") == SourcePosition("s", 23, 1, 0)


def test_a_dry_run_tells_the_same_and_changes_nothing() -> None:
    disk = MemoryDisk()
    log = filled(disk)
    before = {name: bytes(data) for name, data in disk.files.items()}
    told = log.retain(Retention(max_events=5), dry_run=True)
    assert {name: bytes(data) for name, data in disk.files.items()} == before
    assert log.retain(Retention(max_events=5)) == told


def test_the_last_segment_stays_whatever_the_rule() -> None:
    log = filled(MemoryDisk())
    done = log.retain(Retention(max_events=0, max_bytes=0, max_age=1))
    assert done.first == log.first > 0
    assert seen(log) == list(range(done.first, 20))
    assert log.retain(EVERYTHING).segments == 0


def test_nothing_that_is_needed_goes() -> None:
    for needed in range(21):
        log = filled(MemoryDisk())
        done = log.retain(EVERYTHING, needed_from=needed)
        assert done.first <= needed
        assert seen(log)[:1] == [done.first]
        most = filled(MemoryDisk()).retain(EVERYTHING)
        assert (done.segments + done.held, done.events + done.held_events) == (
            most.segments,
            most.events,
        )


def test_bytes_are_kept_up_to_the_size_asked_for() -> None:
    disk = MemoryDisk()
    log = filled(disk, 40)
    size = EventLog(LogReader(disk)).info().bytes
    done = log.retain(Retention(max_bytes=size // 2))
    assert size // 2 <= log.info().bytes < size
    assert log.info().bytes == size - done.bytes


def test_ages_are_those_of_the_events_and_where_some_have_no_time_those_of_arrival() -> None:
    log = filled(MemoryDisk())
    done = log.retain(Retention(max_age=10**9))
    assert done.age_by == "time"
    assert done.segments > 0
    log = filled(MemoryDisk())
    log.append(batch_events([TaskEvent(metrics={})]))
    done = log.retain(Retention(max_age=10**15))
    assert (done.age_by, done.segments) == ("arrival", 0)
    assert log.retain(Retention(max_age=1)).segments > 0


@pytest.mark.parametrize("failure", [Crash(), OSError(errno.EIO, "bad")])
def test_a_crash_at_every_step_loses_all_of_a_segment_or_nothing(failure: BaseException) -> None:
    step, ended = 0, False
    while not ended:
        step += 1
        disk = SimulatedDisk(random.Random(step))
        log = filled(disk)
        disk.stop_at, disk.failure = disk.steps + step, failure
        try:
            log.retain(Retention(max_events=5))
            ended = True
        except (Crash, StorageError):
            pass
        disk.stop_at = None
        after = disk.after_crash()
        reader = EventLog(LogReader(after))
        assert seen(reader) == list(range(reader.first, 20)), step
        assert reader.verify().state != "damaged", step
        names = after.names()
        again = open_for_writing(after, "group", segment_bytes=SEGMENT_BYTES)
        assert again.first == reader.first, step
        left = [name for name in after.names() if name.endswith(".seg")]
        assert int(left[0].removesuffix(".seg")) == again.first, (step, names)
        again.retain(Retention(max_events=5))
        assert seen(again) == list(range(again.first, 20)), step
    assert step > 4


def test_a_record_whose_sync_failed_is_written_again_before_what_it_explains_goes() -> None:
    lost_once = False
    for step in range(1, 12):
        disk = SimulatedDisk(random.Random(step))
        log = filled(disk)
        disk.stop_at, disk.failure = disk.steps + step, OSError(errno.EIO, "bad")
        with suppress(StorageError):
            log.retain(Retention(max_events=5))
        lost_once |= "start" in disk.inodes and "start" not in disk.kept
        killed = disk.after_kill()
        first = open_for_writing(killed, "group", segment_bytes=SEGMENT_BYTES).first
        reader = EventLog(LogReader(killed.after_crash()))
        assert reader.verify().state != "damaged", step
        assert seen(reader) == list(range(reader.first, 20)), step
        assert reader.first <= first, step
    assert lost_once


def test_a_segment_that_is_missing_without_a_record_of_it_is_damage() -> None:
    disk = MemoryDisk()
    filled(disk).close()
    first = disk.names()[0]
    del disk.files[first]
    log = EventLog(LogReader(disk))
    with pytest.raises(LogDamagedError, match=f"lacks its segment {first}"):
        read(log)
    verdict = log.verify()
    assert verdict.state == "damaged"
    assert (verdict.damages[0].segment, verdict.damages[0].what) == (first, "is missing")


def test_a_missing_segment_behind_the_beginning_is_damage_too() -> None:
    disk = MemoryDisk()
    log = filled(disk)
    done = log.retain(Retention(max_events=10))
    log.close()
    first = f"{done.first:020d}.seg"
    del disk.files[first]
    assert EventLog(LogReader(disk)).verify().damages[0].segment == first


def test_a_record_that_is_not_whole_or_another_logs_is_damage() -> None:
    disk = MemoryDisk()
    log = filled(disk)
    log.retain(Retention(max_events=10))
    log.close()
    whole = bytes(disk.files["start"])
    for at in range(len(whole)):
        disk.files["start"][:] = whole
        disk.files["start"][at] ^= 4
        again = EventLog(LogReader(disk))
        assert again.verify().state == "damaged", at
        with pytest.raises(LogDamagedError, match="start"):
            read(again)
    other = MemoryDisk()
    theirs = filled(other)
    theirs.retain(Retention(max_events=10))
    disk.files["start"][:] = other.files["start"]
    assert EventLog(LogReader(disk)).verify().state == "damaged"


def test_a_reader_whose_segments_go_is_told_or_begins_later(tmp_path: Path) -> None:
    log = EventLog.create_or_open(tmp_path, segment_bytes=SEGMENT_BYTES)
    fill(log, 60)
    fresh, busy = EventLog.open(tmp_path), EventLog.open(tmp_path)
    blocks = busy.blocks()
    assert next(blocks).first == 0
    done = log.retain(Retention(max_events=5))
    assert done.segments > 9, "more than a reader keeps open"
    with pytest.raises(LogError, match="were removed while they were read") as caught:
        list(blocks)
    assert not isinstance(caught.value, LogDamagedError)
    assert seen(fresh) == list(range(done.first, 60))
    assert seen(busy) == list(range(done.first, 60))
    fill(log, 1)
    assert fresh.refresh() == 61


def test_the_record_adds_up_what_was_removed() -> None:
    disk = MemoryDisk()
    log = filled(disk)
    one = log.retain(Retention(max_events=12))
    two = log.retain(Retention(max_events=4))
    start = read_start(disk)
    assert start is not None
    assert (start.first, start.events) == (two.first, two.first)
    assert start.segments == one.segments + two.segments
