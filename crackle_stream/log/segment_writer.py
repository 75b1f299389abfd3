"""The end of the last segment, where frames are written one behind the other."""

from __future__ import annotations

from typing import Final

from crackle_stream.clock import now
from crackle_stream.log.block import EncodedBlock
from crackle_stream.log.disk import Disk, File, storage_errors
from crackle_stream.log.frame import BLOCK, HEADER_SIZE, MARK, Header
from crackle_stream.log.segment import Segment

_PIECE: Final = 1 << 20


def settle(file: File, segment: Segment) -> None:
    """Make what stands in a segment durable, also where a sync of it has failed before.

    A sync that failed is followed by one that succeeds with nothing written, while the page cache
    goes on showing the bytes. So those not known to be synced are written again, in their place,
    and so is the length: an end that was cut off could come back behind what is written next.
    """
    for offset in range(segment.durable, segment.end, _PIECE):
        file.write(file.pread(min(_PIECE, segment.end - offset), offset), offset)
    file.truncate(file.size())
    file.fdatasync()


class SegmentWriter:
    """Writes frames behind the whole appends of a segment.

    Not safe for threads; what it raises is OSError, once the segment is open.

    Parameters
    ----------
    disk
        Where the log lives.
    tail
        The segment, whole. What is in it is made durable first: the frames written next will say
        that it is, and a writer that was killed may have left it unsynced.

    Attributes
    ----------
    offset, durable
        Where the next frame goes, and below which offset all bytes are synced.
    next
        Position that the next event gets.
    """

    def __init__(self, disk: Disk, tail: Segment) -> None:
        self.where = tail.where
        self.first = tail.first
        self.log_id = tail.log_id or 0
        self.offset = self.durable = tail.end
        self.next = tail.next
        self._sequence = tail.sequence
        with storage_errors(f"opening {tail.where} for writing"):
            self._file: File = disk.open(tail.name, writing=True)
            settle(self._file, tail)

    def write(self, block: EncodedBlock) -> None:
        """Write a block."""
        block.data[:HEADER_SIZE] = block.header(self._header(BLOCK)).pack()
        self._file.write(block.data, self.offset)
        self._advance(len(block.data), block.summary.count)

    def write_last(self, kind: int) -> None:
        """Write a seal or a close, and sync."""
        self._file.write(self._header(kind).pack(), self.offset)
        self._advance(HEADER_SIZE)
        self.fdatasync()
        self.durable = self.offset

    def mark(self) -> None:
        """Say how much is durable; the next frame is written over it."""
        self._file.write(self._header(MARK).pack(), self.offset)

    def fdatasync(self) -> None:
        """Sync; the caller, who knows what had been written, then moves `durable`."""
        self._file.fdatasync()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _advance(self, size: int, events: int = 0) -> None:
        self.offset += size
        self.next += events
        self._sequence += 1

    def _header(self, kind: int) -> Header:
        return Header(
            kind=kind,
            log_id=self.log_id,
            sequence=self._sequence,
            first=self.next,
            durable=self.durable,
            arrival=now(),
        )
