"""What a log keeps through crashes and failing disks."""

from __future__ import annotations

import errno
import os
import random

import pytest
from lives import SEGMENT_BYTES, Life, event, read
from simulated_disk import Crash, SimulatedDisk, SimulatedFile

from crackle_stream.errors import DiskFullError, LogDamagedError, StorageError
from crackle_stream.event import batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.segment import Segment

SEEDS = int(os.environ.get("CRACKLE_SEEDS", "300"))


def live_many(seeds: int) -> None:
    for seed in range(seeds):
        try:
            Life(seed).live()
        except (AssertionError, LogDamagedError) as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def test_random_lives_lose_nothing_acknowledged_and_invent_nothing() -> None:
    live_many(SEEDS)


def script(disk: SimulatedDisk) -> int:
    """Write two segments of single events; give how many were acknowledged when it ended."""
    acknowledged = 0
    try:
        log = open_for_writing(disk, "group", segment_bytes=SEGMENT_BYTES)
        for n in range(14):
            log.append(batch_events([event(n)]))
            acknowledged = n + 1
        log.close()
    except (Crash, StorageError):
        pass
    return acknowledged


@pytest.mark.parametrize("failure", [Crash(), OSError(errno.EIO, "bad"), OSError(errno.ENOSPC, "")])
def test_a_failure_at_every_operation_of_a_script_is_survived(failure: BaseException) -> None:
    whole = SimulatedDisk(random.Random(0))
    assert script(whole) == 14
    assert len(whole.names()) > 1, "the script crosses segments"
    for step in range(1, whole.steps + 1):
        disk = SimulatedDisk(random.Random(step))
        disk.stop_at, disk.failure = step, failure
        acknowledged = script(disk)
        log = open_for_writing(disk.after_crash(), "group", accept_loss=True)
        assert log.count >= acknowledged, step
        assert read(log) == [event(n) for n in range(log.count)], step


def test_a_failed_sync_is_not_tried_again() -> None:
    disk = SimulatedDisk(random.Random(0))
    log = open_for_writing(disk, "group")
    log.append(batch_events([event(0)]))
    disk.stop_at, disk.failure = disk.steps + 2, OSError(errno.EIO, "bad")
    with pytest.raises(StorageError, match="syncing"):
        log.append(batch_events([event(1)]))
    with pytest.raises(StorageError, match="has stopped"):
        log.append(batch_events([event(1)]))
    with pytest.raises(StorageError, match="has stopped"):
        log.sync()
    assert log.acknowledged == 1


def test_the_reserve_of_free_space_is_not_used_and_the_writer_goes_on_when_there_is_more() -> None:
    disk = SimulatedDisk(random.Random(0))
    log = open_for_writing(disk, "group")
    disk.room = (256 << 20) + 10
    with pytest.raises(DiskFullError, match="256 MiB"):
        log.append(batch_events([event(0)]))
    disk.room += 1 << 20
    assert log.append(batch_events([event(0)])) == range(1)


PLANTED = {
    "no fdatasync": (SimulatedFile, "fdatasync", lambda self: None),
    "no directory sync": (SimulatedDisk, "fsync_directory", lambda self, name="": None),
    "no truncate": (SimulatedFile, "truncate", lambda self, size: None),
    "payloads not checked": (Segment, "is_whole", lambda self, place: True),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_the_lives_catch_a_planted_bug(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*PLANTED[bug])
    with pytest.raises((AssertionError, LogDamagedError)):
        live_many(150)


def test_opening_reports_what_was_cut_and_keeps_it() -> None:
    disk = SimulatedDisk(random.Random(0))
    log = open_for_writing(disk, "group")
    log.append(batch_events([event(0)]))
    name = disk.names()[0]
    torn = disk.inodes[name].seen[-40:]
    disk.inodes[name].seen += torn
    again: EventLog = open_for_writing(disk.after_kill(), "group")
    assert again.count == 1
    assert again.cut is not None
    assert again.cut.segment == name
    assert again.cut.size == 88 + 40
    assert again.cut.kept == f"torn/{name}.{again.cut.offset}"
