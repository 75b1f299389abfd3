"""What stands behind the last whole frame of a log, and cutting it when a crash left it there."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from crackle_stream.log.disk import Disk, File, storage_errors
from crackle_stream.log.files import SUFFIX, UNFINISHED, create_segment, segment_firsts
from crackle_stream.log.frame import HEADER_SIZE
from crackle_stream.log.scan import next_magic
from crackle_stream.log.segment import Place, Segment
from crackle_stream.log.segment_writer import settle

TORN: Final = "torn"
TORN_LIMIT: Final = 64 << 20
"""A longer end is not cut unasked: what is written between two syncs is at most about a segment."""

_BEHIND_HEAD: Final = 1
"""Number of the next frame in a segment that was made and not written to yet."""

_COPIED: Final = 1 << 20
"""Bytes copied at a time."""

TailState: TypeAlias = Literal["whole", "torn", "uncertain", "damaged"]


class Tail(Struct, frozen=True):
    """What stands behind the last whole append of the last segment.

    Parameters
    ----------
    state
        ``whole``: nothing. ``torn``: a write that a crash cut short. ``uncertain``: whole frames
        behind a gap that may or may not have been synced. ``damaged``: bytes that were synced.
    offset
        Where it begins.
    size
        How many bytes.
    """

    state: TailState
    offset: int
    size: int


class Cut(Struct, frozen=True):
    """Bytes that recovery took off the log's end.

    Parameters
    ----------
    segment, offset
        Where they stood.
    size
        How many.
    kept
        The file in the log's directory that holds them now.
    """

    segment: str
    offset: int
    size: int
    kept: str


def examine(segment: Segment) -> Tail:
    """Judge what stands behind the whole appends of the last segment.

    A gap is torn only when nothing says that bytes in or behind it were ever synced, and no whole
    frame stands behind it; see the last section of ``schemas/log-format.md``.
    """
    size = segment.size()
    start = segment.end + HEADER_SIZE if segment.marked else segment.broken
    rest = size - segment.end
    if segment.end == 0:
        return Tail("damaged", 0, rest)
    if start == size and segment.broken == segment.end:
        return Tail("whole", segment.end, 0)
    if segment.sealed:
        return Tail("damaged", segment.end, rest)
    behind = list(_headers_behind(segment, start, size))
    durable = max([segment.durable, *(place.header.durable for place in behind)])
    if durable > segment.broken:
        return Tail("damaged", segment.broken, size - segment.broken)
    if any(_is_whole(segment, place, size) for place in behind):
        return Tail("uncertain", segment.end, rest)
    return Tail("torn", segment.end, rest)


def recover(disk: Disk, accept_loss: bool = False) -> Cut | None:
    """Bring a log, new or left by a crash, to a state in which it can be appended to.

    Returns
    -------
    Cut or None
        What was cut off its end.

    Raises
    ------
    LogDamagedError
        When its last segment is damaged, or its end is uncertain and no loss is accepted.
    """
    with storage_errors(f"opening {disk.path} for writing"):
        names = disk.names()
        for name in names:
            if name.endswith(SUFFIX + UNFINISHED):
                disk.unlink(name)
        disk.fsync_directory()
    firsts = segment_firsts(names)
    if not firsts:
        create_segment(disk, 0, secrets.randbits(64), {})
        return None
    tail = Segment(disk, firsts[-1])
    tail.extend()
    removed = _settle_end(disk, tail, examine(tail), accept_loss)
    if tail.sealed:
        _make_durable(disk, tail)
        create_segment(disk, tail.next, tail.log_id or 0, tail.positions())
    elif tail.sequence == _BEHIND_HEAD:
        # Its name may be one that a failed sync of the directory has lost: it is given again.
        create_segment(disk, tail.first, tail.log_id or 0, tail.positions())
    return removed


def _settle_end(disk: Disk, segment: Segment, tail: Tail, accept_loss: bool) -> Cut | None:
    if tail.state == "damaged":
        raise segment.damage(tail.offset, "bytes that were synced are not what they were")
    if tail.state == "uncertain" and not accept_loss:
        raise segment.damage(
            tail.offset,
            "whole frames stand behind a gap, and it cannot be told whether it was synced "
            "(--accept-loss keeps these bytes aside and goes on)",
        )
    if tail.state == "torn" and tail.size > TORN_LIMIT and not accept_loss:
        raise segment.damage(
            tail.offset,
            f"its torn end of {tail.size} bytes is longer than the {TORN_LIMIT} that a crash may "
            "leave (--accept-loss keeps these bytes aside and goes on)",
        )
    return None if tail.state == "whole" else cut(disk, segment, tail)


def _make_durable(disk: Disk, segment: Segment) -> None:
    """Sync a seal that a killed writer left, before there is a next segment that relies on it."""
    with storage_errors(f"syncing {segment.where}"):
        file = disk.open(segment.name, writing=True)
        settle(file, segment)
        file.close()


def cut(disk: Disk, segment: Segment, tail: Tail) -> Cut:
    """Keep the bytes behind the last whole append in a file of their own, then cut them off.

    The cut itself is made durable by the writer, as it takes up the segment.
    """
    kept = f"{TORN}/{segment.name}.{tail.offset}"
    with storage_errors(f"cutting the torn end of {segment.where}"):
        disk.make_directory(TORN)
        _copy(segment.file, tail, disk.create(kept))
        disk.fsync_directory(TORN)
        disk.fsync_directory()
        file = disk.open(segment.name, writing=True)
        file.truncate(tail.offset)
        file.close()
    return Cut(segment.name, tail.offset, tail.size, kept)


def _copy(source: File, tail: Tail, target: File) -> None:
    for done in range(0, tail.size, _COPIED):
        part = source.pread(min(_COPIED, tail.size - done), tail.offset + done)
        target.write(part, done)
    target.fdatasync()
    target.close()


def _headers_behind(segment: Segment, start: int, size: int) -> Iterator[Place]:
    at = next_magic(segment, start, size)
    while at is not None:
        place = segment.header_at(at)
        if place is not None:
            yield place
        at = next_magic(segment, at + 1, size)


def _is_whole(segment: Segment, place: Place, size: int) -> bool:
    return place.end <= size and segment.is_whole(place)
