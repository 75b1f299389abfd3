"""Frames, the atoms of a log: a checked header, then a checked payload (schemas/log-format.md)."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from msgspec import Struct

from crackle_stream.errors import LogFormatError
from crackle_stream.timestamp import NO_TIME

MAGIC: Final = b"CRKL"
FORMAT: Final = 1
PAYLOAD_LIMIT: Final = 16 << 20
POSITION_LIMIT: Final = 1 << 48
"""No event has this position or a later one: a header that tells of one was not written here."""


HEAD, BLOCK, MARK, SEAL, CLOSE, START = 1, 2, 3, 4, 5, 6
"""Kinds of frames."""

ALL_TIMED, RISING, CONTINUED, RESOLVES = 1, 2, 4, 8
"""Flags of a block."""

PLAIN, GAPPED = 0, 1
"""Encodings of a payload; a block with gaps has fewer events than its header counts positions."""

_LAYOUT = struct.Struct("<4sBBBBQQQIIqQqqIIII")
_CHECKED = _LAYOUT.size - 4
HEADER_SIZE: Final = _LAYOUT.size


class Summary(Struct, frozen=True, kw_only=True):
    """What a block's header tells of its payload.

    Parameters
    ----------
    count, rejections
        How many of each the block holds; of events, those in gaps are counted too.
    flags
        `ALL_TIMED`, `RISING`, `CONTINUED`, `RESOLVES`.
    arrival
        When the (first) append was taken, in nanoseconds since 1970 UTC.
    earliest, latest
        Of the times that are there; `NO_TIME` where there are none.
    encoding
        `PLAIN`, or `GAPPED` where there are gaps.
    """

    count: int = 0
    rejections: int = 0
    flags: int = 0
    arrival: int = 0
    earliest: int = NO_TIME
    latest: int = NO_TIME
    encoding: int = PLAIN


class Header(Struct, frozen=True, kw_only=True, gc=False):
    """A frame's header, field by field; its CRC is not among them: it is right or there is none."""

    kind: int
    log_id: int
    sequence: int
    first: int
    durable: int
    length: int = 0
    payload_crc: int = 0
    encoding: int = PLAIN
    count: int = 0
    rejections: int = 0
    flags: int = 0
    arrival: int = 0
    earliest: int = NO_TIME
    latest: int = NO_TIME

    @property
    def size(self) -> int:
        """Bytes of the whole frame."""
        return HEADER_SIZE + self.length

    @property
    def continued(self) -> bool:
        """Whether the next frame belongs to the same append."""
        return bool(self.flags & CONTINUED)

    def pack(self) -> bytes:
        """Write the header.

        Examples
        --------
        >>> header = Header(kind=MARK, log_id=7, sequence=1, first=10, durable=500)
        >>> len(header.pack()), unpack(header.pack()) == header
        (88, True)
        """
        packed = _LAYOUT.pack(
            MAGIC,
            FORMAT,
            self.kind,
            self.flags,
            self.encoding,
            self.log_id,
            self.sequence,
            self.first,
            self.count,
            self.length,
            self.arrival,
            self.durable,
            self.earliest,
            self.latest,
            self.rejections,
            self.payload_crc,
            0,
            0,
        )[:_CHECKED]
        return packed + zlib.crc32(packed).to_bytes(4, "little")


def unpack(data: bytes) -> Header | None:
    """Read a header; None where there is no whole one.

    Raises
    ------
    LogFormatError
        When a newer version wrote it.
    """
    if len(data) < HEADER_SIZE or not data.startswith(MAGIC):
        return None
    if zlib.crc32(data[:_CHECKED]) != int.from_bytes(data[_CHECKED:HEADER_SIZE], "little"):
        return None
    fields = _LAYOUT.unpack(data[:HEADER_SIZE])
    if fields[1] != FORMAT or fields[4] > GAPPED or not HEAD <= fields[2] <= START:
        raise LogFormatError(
            f"the log is of format {fields[1]}, encoding {fields[4]}, with a frame of kind "
            f"{fields[2]}, and this version of crackle-stream reads format {FORMAT}, encodings up "
            f"to {GAPPED}, kinds {HEAD} to {START}; install a newer crackle-stream"
        )
    return Header(
        kind=fields[2],
        flags=fields[3],
        encoding=fields[4],
        log_id=fields[5],
        sequence=fields[6],
        first=fields[7],
        count=fields[8],
        length=fields[9],
        arrival=fields[10],
        durable=fields[11],
        earliest=fields[12],
        latest=fields[13],
        rejections=fields[14],
        payload_crc=fields[15],
    )
