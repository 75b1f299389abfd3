"""A last segment that was made and not written to yet, which the next writer makes anew."""

from __future__ import annotations

import random

import pytest

from crackle_stream.errors import StorageError
from crackle_stream.event import batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from tests.torture.lives import event, read
from tests.torture.simulated_disk import SimulatedDisk


def test_a_directory_whose_sync_failed_is_not_believed_by_the_next_writer() -> None:
    disk = SimulatedDisk(random.Random(0))
    disk.stop_at, disk.failure = 7, OSError(5, "bad")
    with pytest.raises(StorageError, match=r"writing .*\.seg"):
        open_for_writing(disk, "sync")
    assert f"{0:020d}.seg" in disk.names(), "processes see what the disk may not have"
    disk.stop_at, again = None, disk.after_kill()
    open_for_writing(again, "sync").append(batch_events([event(0)]))
    assert open_for_writing(again.after_crash(), "sync").count == 1


def test_a_reader_goes_on_where_the_next_writer_made_the_last_segment_anew() -> None:
    disk = MemoryDisk()
    open_for_writing(disk, "group")
    disk._lock = None
    reader = EventLog(LogReader(disk))
    open_for_writing(disk, "group").append(batch_events([event(0)]))
    assert reader.refresh() == 1
    assert read(reader) == [event(0)]


def test_such_a_segment_is_read_also_once_others_have_followed_it() -> None:
    disk = MemoryDisk()
    open_for_writing(disk, "group")
    disk._lock = None
    reader = EventLog(LogReader(disk))
    log = open_for_writing(disk, "group", segment_bytes=1_000)
    for n in range(9):
        log.append(batch_events([event(n)]))
    assert len(disk.names()) > 3
    assert reader.refresh() == 9
    assert read(reader) == [event(n) for n in range(9)]
