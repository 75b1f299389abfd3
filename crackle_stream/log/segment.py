"""Segments: one file of the log, and the chain of whole frames found in it so far."""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from crackle_stream.errors import LogDamagedError, LogFormatError
from crackle_stream.log.block import (
    COLUMNS,
    Block,
    Payload,
    check_payload,
    decode_blocks,
    decode_payload,
)
from crackle_stream.log.disk import Disk, storage_errors
from crackle_stream.log.files import decode_head, segment_name
from crackle_stream.log.frame import (
    BLOCK,
    CLOSE,
    GAPPED,
    HEAD,
    HEADER_SIZE,
    MARK,
    PAYLOAD_LIMIT,
    POSITION_LIMIT,
    SEAL,
    Header,
    unpack,
)
from crackle_stream.log.gap import Gap
from crackle_stream.log.order import TimeOrder
from crackle_stream.source import SourcePosition

_SCAN_FRAMES: Final = 1_024


class Place(Struct, frozen=True, gc=False):
    """A frame and the offset at which it stands."""

    offset: int
    header: Header

    @property
    def end(self) -> int:
        """Offset behind the frame."""
        return self.offset + self.header.size


class Segment:
    """An open segment.

    Only what is needed to find a frame is kept of each: its position and its offset.

    Parameters
    ----------
    disk
        Where the log lives.
    first
        Position of the segment's first event.
    log_id
        The log's; None takes the one that the segment's head tells.

    Attributes
    ----------
    end, next
        Offset and position behind the last whole append.
    broken
        Offset at which the chain of whole frames stops; beyond `end` inside an unfinished append.
    durable
        Offset below which all bytes are known to have been synced.
    sealed, closed, marked
        Whether the last frame says so.
    rejections
        How many the whole appends hold.
    order
        What the headers tell of the events' times.
    """

    def __init__(self, disk: Disk, first: int, log_id: int | None = None) -> None:
        self.name = segment_name(first)
        self.where = f"{disk.path}/{self.name}"
        self.first = first
        with storage_errors(f"opening {self.where}"):
            self.file = disk.open(self.name)
        self.disk = disk
        self.log_id = log_id
        self.end = self.broken = self.durable = self.sequence = 0
        self.next = first
        self.rejections = 0
        self.order = TimeOrder()
        self.sealed = self.closed = self.marked = False
        self._firsts = array("q")
        self._offsets = array("q")
        self._gapped = array("q")

    def extend(self) -> None:
        """Follow the chain of frames as far as it is whole now."""
        while not self.sealed and self._extend_some():
            pass

    def places(self, position: int = -1) -> Iterator[Place]:
        """Give the block that holds a position, and the later ones."""
        index = max(bisect_right(self._firsts, position) - 1, 0)
        while index < len(self._offsets):
            yield self.frame_at(self._offsets[index])
            index += 1

    def payload(self, place: Place) -> Payload:
        """Read and check a block.

        Raises
        ------
        LogDamagedError
            When its bytes are not those that were written.
        LogFormatError
            When they are, but cannot be read.
        """
        data = memoryview(self.checked_payload(place))
        with self._located(place):
            payload = decode_payload(data)
            check_payload(payload, place.header)
        return payload

    def blocks(self, place: Place, columns: Collection[str] = COLUMNS) -> Iterator[Block]:
        """Read the events of a block, a stretch between gaps at a time; see `payload`."""
        payload = self.payload(place)
        with self._located(place):
            yield from decode_blocks(payload, place.header, columns)

    def gaps(self) -> tuple[Gap, ...]:
        """Read where positions of this segment have no event."""
        return tuple(gap for offset in self._gapped for gap in self._gaps_at(offset))

    def frame_at(self, offset: int) -> Place:
        """Give a frame of the chain again.

        Raises
        ------
        LogDamagedError
            When it is not there any more.
        """
        place = self.header_at(offset)
        if place is None:
            raise self.damage(offset, "the header of a frame is not whole")
        return place

    def checked_payload(self, place: Place) -> bytes:
        """Read and check a frame's payload; see `payload`."""
        payload, header = self._read_payload(place), place.header
        if zlib.crc32(payload) != header.payload_crc:
            last = header.first + max(header.count, 1) - 1
            raise self.damage(place.offset, "its payload has another CRC", header.first, last)
        return payload

    def positions(self) -> dict[str, SourcePosition]:
        """Give how far each source was read at the end of this segment."""
        head = self.frame_at(0)
        data = self.checked_payload(head)
        with self._located(head):
            past = decode_head(data)
        reached = {position.source: position for position in past.positions}
        for place in self.places():
            for origin in self.payload(place).origins:
                if origin.position is not None:
                    reached[origin.position.source] = origin.position
        return reached

    def is_whole(self, place: Place) -> bool:
        """Whether a frame's payload is there and has the CRC that its header tells."""
        payload = self._read_payload(place)
        return zlib.crc32(payload) == place.header.payload_crc

    def damage(
        self, offset: int, what: str, first: int | None = None, last: int | None = None
    ) -> LogDamagedError:
        """Make the error that says what is damaged, where, and what to do."""
        first = self.next if first is None else first
        upto = "on" if last is None else f"to {last}"
        return LogDamagedError(
            f"{self.where} is damaged at byte {offset}: {what}; events from {first} {upto} are "
            f"affected; those before can still be read (`crackle log cat`), and "
            "`crackle log salvage` copies all that is whole",
            segment=self.name,
            offset=offset,
            first=first,
            last=last,
        )

    def size(self) -> int:
        """Give the length of the file."""
        with storage_errors(f"reading {self.where}"):
            return self.file.size()

    def header_at(self, offset: int) -> Place | None:
        """Read the header that stands at an offset, whatever stands before it."""
        with storage_errors(f"reading {self.where}"):
            header = unpack(self.file.pread(HEADER_SIZE, offset))
        if header is None or not _can_be(header):
            return None
        if self.log_id is not None and header.log_id != self.log_id:
            return None
        return Place(offset, header)

    @contextmanager
    def _located(self, place: Place) -> Iterator[None]:
        try:
            yield
        except LogFormatError as error:
            header = place.header
            upto = header.first + max(header.count, 1) - 1
            raise LogFormatError(
                f"{self.where}, byte {place.offset}, positions {header.first} to {upto}: {error}"
            ) from error

    def _gaps_at(self, offset: int) -> tuple[Gap, ...]:
        return self.payload(self.frame_at(offset)).gaps

    def _extend_some(self) -> bool:
        self.marked, self.broken = False, self.end
        chain = self._next_frames()
        self.durable = max([self.durable, *(place.header.durable for place in chain)])
        append: list[Place] = []
        before = self.end
        for place in chain:
            self.broken = place.offset
            if place.header.kind == MARK:
                self.marked = True
                break
            if place.end > self.durable and not self.is_whole(place):
                break
            self.broken = place.end
            append.append(place)
            if not place.header.continued:
                self._take(append)
                append = []
        return self.end > before

    def _next_frames(self) -> list[Place]:
        """Give about a thousand frames, and no part of an append that is whole."""
        places = []
        for place in self._chain():
            places.append(place)
            if len(places) >= _SCAN_FRAMES and not place.header.continued:
                break
        return places

    def _chain(self) -> Iterator[Place]:
        """Give the frames that follow by their headers alone."""
        offset, sequence, position = self.end, self.sequence, self.next
        size = self.size()
        while (place := self.header_at(offset)) is not None:
            header = place.header
            fits = header.sequence == sequence and header.first == position
            if not fits or place.end > size or (header.kind == HEAD) != (offset == 0):
                return
            self.log_id = header.log_id
            yield place
            if header.kind in (MARK, SEAL):
                return
            offset, sequence, position = place.end, sequence + 1, position + header.count

    def _take(self, places: list[Place]) -> None:
        for place in places:
            header = place.header
            if header.kind == BLOCK:
                self._take_block(place)
            self.sequence = header.sequence + 1
            self.next = header.first + header.count
            self.end = place.end
            self.closed = header.kind == CLOSE
            self.sealed = header.kind == SEAL

    def _take_block(self, place: Place) -> None:
        header = place.header
        self._firsts.append(header.first)
        self._offsets.append(place.offset)
        if header.encoding == GAPPED:
            self._gapped.append(place.offset)
        self.rejections += header.rejections
        if header.count:
            self.order.observe(header)

    def _read_payload(self, place: Place) -> bytes:
        with storage_errors(f"reading {self.where}"):
            return self.file.pread(place.header.length, place.offset + HEADER_SIZE)


def _can_be(header: Header) -> bool:
    """Whether a frame may be so large, so far on in a log, and hold what only a block holds."""
    counted = header.kind == BLOCK or not header.count
    return counted and header.length <= PAYLOAD_LIMIT and header.first <= POSITION_LIMIT
