"""Work on a log that needs its lock and no appends: rewriting segments, removing files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from crackle_stream.log.directory import LOCK
from crackle_stream.log.disk import Disk, storage_errors
from crackle_stream.log.frame import CLOSE, SEAL
from crackle_stream.log.reader import LogReader
from crackle_stream.log.recovery import recover
from crackle_stream.log.retention import finish_removal
from crackle_stream.log.segment import Segment
from crackle_stream.log.segment_writer import SegmentWriter


@contextmanager
def maintained(disk: Disk) -> Iterator[LogReader]:
    """Lock a log, bring it to a whole state, and close it in order when the work is done.

    Raises
    ------
    LogLockedError
        When a writer has the log open.
    LogDamagedError
        When its end is not one that a crash leaves.
    """
    with storage_errors(f"locking {disk.path}"):
        lock = disk.lock(LOCK)
    try:
        recover(disk)
        finish_removal(disk)
        yield LogReader(disk)
        _close(disk)
    finally:
        lock.close()


def seal_last(reader: LogReader) -> None:
    """Seal the last segment and begin the next one, if it holds events: then it can be rewritten.

    A reader that follows the last segment notices a seal in it, and not that another file has
    taken its place.
    """
    tail = reader.last_segment()
    if tail.next > tail.first:
        _write_last(reader.disk, tail, SEAL)
        recover(reader.disk)
        reader.look_again()


def _close(disk: Disk) -> None:
    tail = LogReader(disk).last_segment()
    if not tail.closed:
        _write_last(disk, tail, CLOSE)


def _write_last(disk: Disk, tail: Segment, kind: int) -> None:
    end = SegmentWriter(disk, tail)
    with storage_errors(f"closing {tail.where}"):
        end.write_last(kind)
        end.close()
