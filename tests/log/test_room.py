"""Free space that is kept: below it, at it and above it, and going on afterwards."""

from __future__ import annotations

import random

import pytest

from crackle_stream.errors import DiskFullError
from crackle_stream.event import batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from tests.torture.lives import event
from tests.torture.simulated_disk import SimulatedDisk

KEPT = 5_000


def size_of_an_append() -> int:
    """Measure the frame of one event: what the log's one segment grows by."""
    disk = SimulatedDisk(random.Random(0))
    log = open_for_writing(disk, "none")
    before = sum(len(inode.seen) for inode in disk.inodes.values())
    log.append(batch_events([event(0)]))
    return sum(len(inode.seen) for inode in disk.inodes.values()) - before


def fill(log: EventLog, disk: SimulatedDisk) -> None:
    """Append ten events, each of which takes room."""
    for n in range(10):
        log.append(batch_events([event(n)]))
        disk.room -= size_of_an_append()


def labels(log: EventLog) -> list[str]:
    return log.labels(range(log.count))


@pytest.mark.parametrize(("beyond", "taken"), [(-1, 0), (0, 1), (1, 1)])
def test_an_append_is_refused_when_less_than_is_kept_would_be_left(beyond: int, taken: int) -> None:
    disk = SimulatedDisk(random.Random(0))
    log = open_for_writing(disk, "group", keep_free=KEPT)
    disk.room = KEPT + size_of_an_append() + beyond
    before = disk.steps
    if taken:
        assert log.append(batch_events([event(0)])) == range(1)
    else:
        with pytest.raises(DiskFullError, match="nothing of this append was written"):
            log.append(batch_events([event(0)]))
        assert disk.steps == before, "nothing was written, and nothing synced"
    assert log.count == log.acknowledged == taken


def test_what_was_acknowledged_before_the_disk_was_full_is_there_and_the_rest_follows() -> None:
    disk = SimulatedDisk(random.Random(0))
    log = open_for_writing(disk, "group", keep_free=KEPT)
    disk.room = KEPT + 3 * size_of_an_append()
    with pytest.raises(DiskFullError):
        fill(log, disk)
    taken = log.count
    assert 0 < taken < 10
    log.close()
    disk = disk.after_kill()
    log = open_for_writing(disk, "group", keep_free=KEPT)
    assert log.cut is None
    for n in range(taken, 10):
        log.append(batch_events([event(n)]))
    assert labels(log) == [event(n).label for n in range(10)]
