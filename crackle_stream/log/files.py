"""Files of segments: how they are named, and how they come to be, whole or not at all."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec import Struct

from crackle_stream.errors import LogFormatError
from crackle_stream.log.disk import Disk, storage_errors
from crackle_stream.log.frame import HEAD, POSITION_LIMIT, Header
from crackle_stream.source import SourcePosition

SUFFIX: Final = ".seg"
UNFINISHED: Final = ".new"
_DIGITS: Final = re.compile("[0-9]+")


class HeadPayload(Struct, frozen=True):
    """What a segment's head frame holds: how far each source had been read before it."""

    positions: tuple[SourcePosition, ...] = ()


def decode_head(payload: bytes) -> HeadPayload:
    """Read what a head frame holds.

    Raises
    ------
    LogFormatError
        When it is whole but cannot be read.
    """
    try:
        return msgspec.msgpack.decode(payload, type=HeadPayload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise LogFormatError(
            f"the head of a segment cannot be read by this version ({error}); "
            "`crackle log salvage` copies what can"
        ) from error


def segment_name(first: int) -> str:
    """Name the segment whose first event has this position.

    Examples
    --------
    >>> segment_name(4096)
    '00000000000000004096.seg'
    """
    return f"{first:020d}{SUFFIX}"


def segment_firsts(names: list[str]) -> list[int]:
    """Give the first positions of the segments among the names of a directory, rising."""
    stems = [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]
    numbers = (int(stem) for stem in stems if len(stem) == 20 and _DIGITS.fullmatch(stem))
    return sorted(number for number in numbers if number < POSITION_LIMIT)


def create_segment(
    disk: Disk, first: int, log_id: int, positions: dict[str, SourcePosition]
) -> None:
    """Make a segment that holds its head and nothing else; it appears whole or not at all."""
    payload = msgspec.msgpack.encode(HeadPayload(tuple(positions.values())))
    header = Header(
        kind=HEAD,
        log_id=log_id,
        sequence=0,
        first=first,
        durable=0,
        length=len(payload),
        payload_crc=zlib.crc32(payload),
    )
    replace_segment(disk, segment_name(first), [header.pack() + payload])


def in_chain(parts: Iterable[tuple[Header, bytes | memoryview]]) -> Iterator[bytes]:
    """Give frames of a file that appears whole: numbered, each saying that all before is durable.

    Parameters
    ----------
    parts
        Headers, of which number and durability are filled in, with their payloads.
    """
    offset = 0
    for sequence, (header, payload) in enumerate(parts):
        placed = msgspec.structs.replace(header, sequence=sequence, durable=offset)
        yield placed.pack() + payload
        offset += placed.size


def replace_segment(disk: Disk, name: str, frames: Iterable[bytes | bytearray]) -> None:
    """Write a segment beside the log, make it durable, and put it in its place at once."""
    with storage_errors(f"writing {disk.path}/{name}"):
        file, offset = disk.create(name + UNFINISHED), 0
        for frame in frames:
            file.write(frame, offset)
            offset += len(frame)
        file.fdatasync()
        file.close()
        disk.rename(name + UNFINISHED, name)
        disk.fsync_directory()
