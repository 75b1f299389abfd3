"""Where a log begins, once its oldest segments were removed: the record that explains it."""

from __future__ import annotations

import zlib
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from crackle_stream.errors import LogDamagedError
from crackle_stream.log.disk import Disk, storage_errors
from crackle_stream.log.files import replace_segment
from crackle_stream.log.frame import HEADER_SIZE, START, Header, unpack

NAME: Final = "start"


class Start(Struct, frozen=True, kw_only=True):
    """The first position that is kept, and what was removed before it.

    Parameters
    ----------
    first
        First position kept: the first segment begins there.
    when
        When segments were removed last, in nanoseconds since 1970 UTC.
    segments, events, rejections
        How many were removed in all.
    """

    first: int
    when: int
    segments: int = 0
    events: int = 0
    rejections: int = 0


def write_start(disk: Disk, start: Start, log_id: int) -> None:
    """Record where a log begins from now on; the record is there as a whole or not at all."""
    payload = msgspec.msgpack.encode(start)
    header = Header(
        kind=START,
        log_id=log_id,
        sequence=0,
        first=start.first,
        durable=0,
        length=len(payload),
        payload_crc=zlib.crc32(payload),
        arrival=start.when,
    )
    replace_segment(disk, NAME, [header.pack() + payload])


def settle_start(disk: Disk) -> None:
    """Write the record again: it may be seen though a failed sync of the directory lost it."""
    with storage_errors(f"reading {disk.path}/{NAME}"):
        file = disk.open(NAME)
        data = file.pread(file.size(), 0)
        file.close()
    replace_segment(disk, NAME, [data])


def read_start(disk: Disk, log_id: int | None = None) -> Start | None:
    """Read where a log begins; None where nothing was ever removed.

    Raises
    ------
    LogDamagedError
        When the record is not whole, or is another log's.
    """
    try:
        file = disk.open(NAME)
    except FileNotFoundError:
        return None
    with storage_errors(f"reading {disk.path}/{NAME}"):
        data = file.pread(file.size(), 0)
        file.close()
    header, payload = unpack(data), data[HEADER_SIZE:]
    whole = header is not None and header.kind == START and header.length == len(payload)
    if header is None or not whole or zlib.crc32(payload) != header.payload_crc:
        raise _damage(disk, "is not whole")
    if log_id is not None and header.log_id != log_id:
        raise _damage(disk, "belongs to another log")
    start = _decoded(payload)
    if start is None or start.first != header.first:
        raise _damage(disk, "cannot be read")
    return start


def _decoded(payload: bytes) -> Start | None:
    try:
        start = msgspec.msgpack.decode(payload, type=Start)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return start if all(0 <= number < 2**63 for number in astuple(start)) else None


def _damage(disk: Disk, what: str) -> LogDamagedError:
    return LogDamagedError(
        f"{disk.path}/{NAME}, which says at which position the log begins, {what}; "
        "`crackle log salvage` copies what is there",
        segment=NAME,
        offset=0,
        first=0,
    )
