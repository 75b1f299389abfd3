"""Ends of a log that are full of what looks like the beginning of a frame."""

from __future__ import annotations

import pytest

from crackle_stream.event import batch_events
from crackle_stream.log.eventlog import open_for_writing
from crackle_stream.log.frame import MAGIC
from crackle_stream.log.memory import MemoryDisk, MemoryFile
from tests.torture.lives import event


def test_a_torn_end_full_of_magic_is_read_a_bounded_number_of_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = MemoryDisk()
    open_for_writing(disk, "group").append(batch_events([event(0)]))
    disk._lock = None
    torn = MAGIC * 8_192
    disk.files[f"{0:020d}.seg"] += torn
    read = 0

    def counted(self: MemoryFile, size: int, offset: int) -> bytes:
        nonlocal read
        data = bytes(self.content[offset : offset + size])
        read += len(data)
        return data

    monkeypatch.setattr(MemoryFile, "pread", counted)
    log = open_for_writing(disk, "group")
    assert log.cut is not None
    assert log.count == 1
    assert read < 200 * len(torn)
