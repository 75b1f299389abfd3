"""What a log keeps through crashes and failing disks."""

from __future__ import annotations

import errno
import random

import pytest

from crackle_stream.errors import DiskFullError, LogDamagedError, StorageError
from crackle_stream.event import batch_events
from crackle_stream.log import recovery
from crackle_stream.log.eventlog import EventLog, open_for_writing
from tests.torture.lives import event
from tests.torture.simdisk import REGRESSIONS, failed_steps, lives, script
from tests.torture.simulated_disk import SimulatedDisk


def test_random_lives_lose_nothing_acknowledged_and_invent_nothing() -> None:
    assert lives(range(300)) == []


def test_lives_that_failed_once_do_not_fail_again() -> None:
    assert [lost for seed in REGRESSIONS for lost in lives(range(seed, seed + 1))] == []


def test_a_failure_at_every_operation_of_a_script_is_survived() -> None:
    disk = SimulatedDisk(random.Random(0))
    assert script(disk) == 14
    assert len(disk.names()) > 1, "the script crosses segments"
    assert list(failed_steps()) == []


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


def test_a_torn_end_longer_than_a_crash_leaves_is_cut_only_where_loss_is_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for over in (-1, 0, 1):
        disk = SimulatedDisk(random.Random(0))
        open_for_writing(disk, "group").append(batch_events([event(0)]))
        name = disk.names()[0]
        disk.inodes[name].seen += b"torn"
        size = 88 + 4  # the mark behind the event is no frame of the chain
        monkeypatch.setattr(recovery, "TORN_LIMIT", size - over)
        if over == 1:
            with pytest.raises(LogDamagedError, match="--accept-loss"):
                open_for_writing(disk.after_kill(), "group")
        log = open_for_writing(disk.after_kill(), "group", accept_loss=over == 1)
        assert log.cut is not None
        assert log.cut.size == size
