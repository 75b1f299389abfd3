"""Salvage: every whole frame of a damaged log copied to a new one, and each gap recorded."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from crackle_stream.errors import LogDamagedError
from crackle_stream.event import EventBatch
from crackle_stream.log.block import Origin, encode_block
from crackle_stream.log.directory import LOCK
from crackle_stream.log.disk import Disk, storage_errors
from crackle_stream.log.files import (
    HeadPayload,
    decode_head,
    in_chain,
    replace_segment,
    segment_firsts,
    segment_name,
)
from crackle_stream.log.frame import BLOCK, CLOSE, CONTINUED, HEAD, HEADER_SIZE, MARK, SEAL, Header
from crackle_stream.log.gap import Gap
from crackle_stream.log.recovery import examine
from crackle_stream.log.scan import Sighting, best_chain, continues, sight
from crackle_stream.log.segment import Place, Segment
from crackle_stream.log.start import Start, read_start, write_start
from crackle_stream.source import SourcePosition

_MOST_POSITIONS: Final = 1 << 31
_NOTHING: Final = EventBatch(
    matrices=(),
    set_of=np.empty(0, np.uint32),
    row_of=np.empty(0, np.uint32),
    times=np.empty(0, np.int64),
)


class Loss(Struct, frozen=True, kw_only=True):
    """What could not be copied.

    Parameters
    ----------
    where
        The file and its bytes.
    first, count
        The positions that were lost with it; a count of 0 means that no event was.
    """

    where: str
    first: int
    count: int


class Salvaged(Struct, frozen=True, kw_only=True):
    """What was copied, and what was not.

    Parameters
    ----------
    events, rejections, segments, bytes
        How much the new log holds.
    losses
        What could not be copied, in order.
    torn
        Bytes of an unfinished, never acknowledged write at the end, which were left out.
    sources
        Names of the sources that were read past what was lost.
    """

    events: int
    rejections: int
    segments: int
    bytes: int
    losses: tuple[Loss, ...] = ()
    torn: int = 0
    sources: tuple[str, ...] = ()


class _Find(Struct, frozen=True):
    """What one file has that is whole and fits together.

    Parameters
    ----------
    segment
        The file.
    head
        The head frame, if it is whole.
    blocks
        The blocks.
    holes
        Ranges of bytes that are none of it.
    begin
        Position at which the file begins.
    upto
        Position below which there were events, as far as this file tells.
    sealed
        Whether it tells that nothing follows in it.
    """

    segment: Segment
    head: Place | None
    blocks: tuple[Place, ...]
    holes: tuple[tuple[int, int], ...]
    begin: int
    upto: int
    sealed: bool


def salvage(source: Disk, target: Disk, now: int) -> Salvaged:
    """Copy what is whole of a log to an empty directory; nothing of the log is changed.

    Positions stay what they are; each stretch that was lost becomes a gap.

    Raises
    ------
    LogDamagedError
        When nothing is whole.
    """
    start, losses = _start(source)
    finds, log_id = _search(source, start)
    torn = _leave_torn_end(source, finds, log_id)
    if losses:
        start = Start(first=finds[0].begin, when=now)
    with storage_errors(f"writing {target.path}"):
        target.make()
        lock = target.lock(LOCK)
    try:
        if start is not None:
            write_start(target, start, log_id)
        copy = _Copy(target, log_id, 0 if start is None else start.first, now)
        copy.losses += losses
        for find, following in zip_longest(finds, finds[1:]):
            copy.take(find, None if following is None else following.begin)
        copy.end()
    finally:
        lock.close()
    return replace(copy.result(), torn=torn)


class _Copy:
    """The new log as it is written, a segment at a time."""

    def __init__(self, target: Disk, log_id: int, first: int, now: int) -> None:
        self._target = target
        self._log_id = log_id
        self._now = now
        self._begin = self._next = first
        self._plan: list[tuple[Segment, Place, bool] | Gap] = []
        self._positions: dict[str, SourcePosition] = {}
        self.losses: list[Loss] = []
        self._events = self._rejections = self._segments = self._bytes = 0

    def take(self, find: _Find, following: int | None) -> None:
        """Plan one file, and write it if it has a position; the next file begins at `following`."""
        name = find.segment.name
        if find.head is not None:
            payload = find.segment.checked_payload(find.head)
            head = decode_head(payload)
            self._positions |= {position.source: position for position in head.positions}
        self._skip_to(find.begin, f"{segment_name(self._next)} is missing")
        unexplained: dict[tuple[int, int] | None, None] = dict.fromkeys(find.holes)
        for place, behind in zip_longest(find.blocks, find.blocks[1:]):
            if place.header.first < self._next:
                continue  # another file had it already
            hole = next((hole for hole in find.holes if hole[1] == place.offset), None)
            if self._skip_to(place.header.first, _told(name, hole)):
                unexplained.pop(hole, None)
            followed = behind is not None and continues(place, behind)
            self._plan.append((find.segment, place, followed))
            self._next = place.header.first + place.header.count
        hole = find.holes[-1] if find.holes else None
        upto = find.upto if following is None or find.sealed else max(find.upto, following)
        if self._skip_to(upto, _told(name, hole)):
            unexplained.pop(hole, None)
        for hole in unexplained:
            self._lose(_told(name, hole), 0)
        if self._next > self._begin:
            self._write(SEAL)

    def end(self) -> None:
        """Write the last segment."""
        self._write(CLOSE)

    def result(self) -> Salvaged:
        """Say what was copied."""
        lost = any(loss.count for loss in self.losses)
        return Salvaged(
            events=self._events,
            rejections=self._rejections,
            segments=self._segments,
            bytes=self._bytes,
            losses=tuple(self.losses),
            sources=tuple(sorted(self._positions)) if lost else (),
        )

    def _skip_to(self, position: int, where: str) -> bool:
        """Leave a gap up to a position; tell whether there is one."""
        missing = position - self._next
        if missing <= 0:
            return False
        self._lose(where, missing)
        while self._next < position:
            count = min(position - self._next, _MOST_POSITIONS)
            self._plan.append(Gap(self._next, count, "damaged", self._now, where))
            self._next += count
        return True

    def _lose(self, where: str, count: int) -> None:
        self.losses.append(Loss(where=where, first=self._next, count=count))

    def _write(self, kind: int) -> None:
        name = segment_name(self._begin)
        last = self._header(kind, self._next)
        parts = chain([self._head()], map(self._part, self._plan), [(last, b"")])
        replace_segment(self._target, name, self._counted(in_chain(parts)))
        self._segments += 1
        self._begin, self._plan = self._next, []

    def _counted(self, frames: Iterator[bytes]) -> Iterator[bytes]:
        for frame in frames:
            self._bytes += len(frame)
            yield frame

    def _head(self) -> tuple[Header, bytes]:
        payload = msgspec.msgpack.encode(HeadPayload(tuple(self._positions.values())))
        header = self._header(HEAD, self._begin)
        crc = zlib.crc32(payload)
        return replace(header, length=len(payload), payload_crc=crc), payload

    def _part(self, item: tuple[Segment, Place, bool] | Gap) -> tuple[Header, bytes | memoryview]:
        if isinstance(item, Gap):
            block = encode_block(_NOTHING, (), [Origin(item.count, self._now)], [item])
            header = block.header(self._header(BLOCK, item.start))
            return header, memoryview(block.data)[HEADER_SIZE:]
        segment, place, followed = item
        payload = segment.payload(place)
        for origin in payload.origins:
            if origin.position is not None:
                self._positions[origin.position.source] = origin.position
        self._events += payload.count
        self._rejections += place.header.rejections
        flags = place.header.flags if followed else place.header.flags & ~CONTINUED
        return replace(place.header, flags=flags), segment.checked_payload(place)

    def _header(self, kind: int, first: int) -> Header:
        return Header(
            kind=kind, log_id=self._log_id, sequence=0, first=first, durable=0, arrival=self._now
        )


def _start(source: Disk) -> tuple[Start | None, list[Loss]]:
    """Read where the log begins; that it cannot be read is a loss."""
    try:
        return read_start(source), []
    except LogDamagedError as error:
        return None, [Loss(where=str(error.segment), first=0, count=0)]


def _search(source: Disk, start: Start | None) -> tuple[list[_Find], int]:
    """Search all files, in the order of their positions; give also the log's id.

    That is the one that most frames have.
    """
    with storage_errors(f"listing {source.path}"):
        firsts = segment_firsts(source.names())
    kept = [first for first in firsts if start is None or first >= start.first]
    sighted = [(segment, list(sight(segment))) for segment in (Segment(source, n) for n in kept)]
    ids = Counter(s.place.header.log_id for _, some in sighted for s in some if not s.fault)
    if not ids:
        raise LogDamagedError(
            f"{source.path} holds no whole frame: there is nothing to salvage",
            segment=segment_name(kept[0] if kept else 0),
            offset=0,
            first=0,
        )
    log_id = ids.most_common(1)[0][0]
    finds = [_find(segment, _of_log(some, log_id)) for segment, some in sighted]
    return sorted(finds, key=lambda find: find.begin), log_id


def _of_log(sightings: Sequence[Sighting], log_id: int) -> list[Sighting]:
    return [sighting for sighting in sightings if sighting.place.header.log_id == log_id]


def _find(segment: Segment, sightings: Sequence[Sighting]) -> _Find:
    chain = best_chain(sighting.place for sighting in sightings if not sighting.fault)
    blocks = [place for place in chain if place.header.kind == BLOCK]
    head = next((place for place in chain if place.header.kind == HEAD), None)
    marks = [s.place for s in sightings if s.place.header.kind == MARK]
    return _Find(
        segment=segment,
        head=head,
        blocks=tuple(blocks),
        holes=tuple(_holes([*chain, *marks], segment.size())),
        begin=_begin(segment, head or (blocks[0] if blocks else None)),
        upto=max((_behind(place) for place in _told_of(chain, sightings)), default=0),
        sealed=bool(chain) and chain[-1].header.kind == SEAL,
    )


def _begin(segment: Segment, earliest: Place | None) -> int:
    """Give where a file begins: as its head says, else as its name does, unless that is late."""
    if earliest is None:
        return segment.first
    if earliest.header.kind == HEAD:
        return earliest.header.first
    return min(segment.first, earliest.header.first)


def _told_of(chain: Sequence[Place], sightings: Sequence[Sighting]) -> Iterator[Place]:
    """Give the frames that tell how far the file went: also those whose payload is lost."""
    yield from chain
    last = chain[-1].header.sequence if chain else -1
    for sighting in sightings:
        if sighting.fault and sighting.place.header.sequence > last:
            yield sighting.place


def _behind(place: Place) -> int:
    return place.header.first + place.header.count


def _holes(places: Sequence[Place], size: int) -> Iterator[tuple[int, int]]:
    """Give the ranges of bytes that no frame covers."""
    reached = 0
    for place in sorted(places, key=lambda place: place.offset):
        if reached < place.offset:
            yield reached, place.offset
        reached = max(reached, place.end)
    if reached < size:
        yield reached, size


def _leave_torn_end(source: Disk, finds: list[_Find], log_id: int) -> int:
    """Leave out what a writer would cut off the last file; give how many bytes that is.

    It was never acknowledged, and sources are read again from before it.
    """
    tail = Segment(source, finds[-1].segment.first, log_id)
    tail.extend()
    end = examine(tail)
    if end.state not in ("whole", "torn") or tail.first != finds[-1].begin:
        return 0
    finds[-1] = replace(
        finds[-1],
        blocks=tuple(place for place in finds[-1].blocks if place.offset < tail.end),
        holes=tuple(hole for hole in finds[-1].holes if hole[0] < tail.end),
        upto=tail.next,
    )
    return end.size


def _told(name: str, hole: tuple[int, int] | None) -> str:
    return f"{name} lacks frames" if hole is None else f"{name}, bytes {hole[0]} to {hole[1] - 1}"
