"""Reading a log: segments in order, blocks from any position, and what headers alone can tell."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from typing import Final

import numpy as np

from crackle_stream.errors import LogDamagedError, LogError, StorageError
from crackle_stream.event import ANONYMOUS, EventBatch
from crackle_stream.log.block import COLUMNS, Block, decode_rejections
from crackle_stream.log.disk import Disk, storage_errors
from crackle_stream.log.files import segment_firsts, segment_name
from crackle_stream.log.gap import Gap
from crackle_stream.log.recovery import examine
from crackle_stream.log.segment import Place, Segment
from crackle_stream.log.start import Start, read_start
from crackle_stream.source import Rejection
from crackle_stream.timestamp import NO_TIME

_OPEN_SEGMENTS: Final = 8


class LogReader:
    """A view of a log, as far as `refresh` last saw it; a writer may be at work on it.

    Parameters
    ----------
    disk
        Where the log lives.
    below
        Only positions below this are seen, as if the log ended there; None: all.

    Attributes
    ----------
    firsts
        First positions of the segments.
    tail
        The last segment; None where there is none.
    start
        The record of where the log begins; None where nothing was removed.
    """

    def __init__(self, disk: Disk, below: int | None = None) -> None:
        self.disk = disk
        self._below = below
        self.firsts: list[int] = []
        self.tail: Segment | None = None
        self.start: Start | None = None
        self._start_damage: LogDamagedError | None = None
        self._opened: dict[int, Segment] = {}
        self._looking = threading.Lock()
        self.refresh()

    @property
    def count(self) -> int:
        """Position behind the last event that can be read."""
        end = 0 if self.tail is None else self.tail.next
        return end if self._below is None else min(end, self._below)

    @property
    def first(self) -> int:
        """Position at which the log begins."""
        return 0 if self.start is None else self.start.first

    def last_segment(self) -> Segment:
        """Give the segment that is written to."""
        if self.tail is None:
            raise self._missing(0, 0)
        return self.tail

    def refresh(self) -> None:
        """See what the writer has written since. Part of a last frame means that more comes."""
        with self._looking:
            if self.tail is not None:
                self.tail.extend()
                self._replace_tail()
            if self.tail is None or self.tail.sealed:
                self._find_segments()

    def look_again(self) -> None:
        """See which segments there are, and where the log begins, after some were changed."""
        with self._looking:
            self._opened.clear()
            self._find_segments()

    def segments(self, first: int = 0, stop: int | None = None) -> Iterator[Segment]:
        """Give the segments that hold positions from first up to stop.

        Raises
        ------
        LogDamagedError
            When one is missing, or is not whole up to where the next one begins.
        LogError
            When one was removed while those before it were read.
        """
        self.check_start()
        # What was refused since the last event may stand in a segment without events.
        whole = stop is None and self._below is None
        stop = self.count if stop is None else stop
        begun = False
        for start, following in zip(self.firsts, [*self.firsts, None][1:], strict=True):
            if following is not None and following <= first:
                continue
            if not whole and start > max(first, stop - 1):
                return
            segment = self._open_or_skip(start, begun)
            if segment is None:
                continue
            yield segment
            begun = True
            if not whole and stop <= segment.next:
                return  # what may be wrong with the rest was not asked for
            if following is not None and not (segment.sealed and segment.next == following):
                raise segment.damage(
                    segment.broken, "the chain of frames breaks", last=following - 1
                )

    def check_start(self) -> None:
        """Raise when segments before the first one there are missing without explanation."""
        if self._start_damage is not None:
            raise self._start_damage
        if self.first != (self.firsts[0] if self.firsts else 0):
            raise self._missing(self.first, self.firsts[0] if self.firsts else None)

    def gaps(self, first: int = 0, stop: int | None = None) -> Iterator[Gap]:
        """Give where positions have no event; of segments, all that they have."""
        for segment in self.segments(first, stop):
            yield from segment.gaps()

    def blocks(
        self, first: int = 0, stop: int | None = None, columns: Collection[str] | None = None
    ) -> Iterator[Block]:
        """Give blocks from a position on; see `EventLog.blocks`."""
        upto = self.count if stop is None else min(stop, self.count)
        wanted = COLUMNS if columns is None else columns
        for segment, place in self.places(first, upto):
            for block in segment.blocks(place, wanted):
                if block.first < upto and block.first + len(block.batch) > first:
                    yield _clip(block, first, upto)
        if stop is None or stop > upto:
            self.check_tail()

    def places(self, first: int, stop: int) -> Iterator[tuple[Segment, Place]]:
        """Give the frames that hold events from first up to stop."""
        for segment in self.segments(first, stop):
            for place in segment.places(first):
                header = place.header
                if header.first >= stop:
                    return
                if header.count and header.first + header.count > first:
                    yield segment, place

    def labels(self, positions: Sequence[int]) -> list[str]:
        """Give the labels of some events; see `EventLog.labels`."""
        found: dict[int, str] = {}
        for position in sorted(set(positions)):
            if position not in found:
                for wanted in self.places(position, position + 1):
                    found |= self._labels_of(*wanted, positions)
            if position not in found:
                raise IndexError(self._nothing_at(position))
        return [found[position] for position in positions]

    def rejections(self) -> Iterator[Rejection]:
        """Give all rejections, in the order in which they were met."""
        for segment in self.segments():
            for place in segment.places():
                if place.header.rejections:
                    yield from decode_rejections(segment.payload(place))

    def times_rise(self, stop: int) -> bool:
        """Whether times are all there and never go back below a position; from headers."""
        latest = NO_TIME
        for segment in self.segments(0, stop):
            if segment.order.opening is not None and segment.order.opening < latest:
                return False
            if segment.order.turn is not None and segment.order.turn < stop:
                before = max(latest, segment.order.before)
                return self._rise_from(segment.order.turn, before, stop)
            latest = max(latest, segment.order.latest)
        return True

    def check_tail(self) -> None:
        """Raise when what stands behind the last whole frame is known not to be a torn end.

        A live writer may finish a frame between two looks, so a finding is looked at again.
        """
        tail = self.tail
        if self._below is not None or tail is None:
            return
        if tail.sealed or 0 < tail.end == tail.size():
            return  # a segment comes to be with its head, so an empty one is damaged
        seen, found = (tail.end, tail.marked), examine(tail)
        if found.state in ("damaged", "uncertain"):
            tail.extend()  # a sync mark that came meanwhile moves no end
            if (tail.end, tail.marked) == seen:
                raise tail.damage(found.offset, f"what follows is {found.state}")

    def _replace_tail(self) -> None:
        """Notice that the last segment, as long as it holds no event, was written anew."""
        tail = self.tail
        if tail is not None and tail.next == tail.first and not tail.sealed:
            fresh = Segment(self.disk, tail.first, tail.log_id)
            if fresh.size() != tail.size():
                fresh.extend()
                self._opened.pop(tail.first, None)
                self.tail = fresh

    def _find_segments(self) -> None:
        with storage_errors(f"listing {self.disk.path}"):
            names = self.disk.names()
        # Read after listing: what the record explains is removed only when it is there.
        self._read_start()
        self.firsts = [first for first in segment_firsts(names) if first >= self.first]
        if self.firsts and (self.tail is None or self.firsts[-1] > self.tail.first):
            self.tail = self.open(self.firsts[-1])

    def _read_start(self) -> None:
        try:
            self.start, self._start_damage = read_start(self.disk), None
        except LogDamagedError as error:
            self._start_damage = error

    def _open_or_skip(self, first: int, begun: bool) -> Segment | None:
        """Open a segment; None where it was removed since it was listed, before reading began."""
        try:
            return self.open(first)
        except StorageError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
        self._find_segments()
        if first >= self.first:
            raise self._missing(first, None)
        if begun:
            raise LogError(
                f"{self.disk.path}: events before position {self.first} were removed while they "
                "were read (crackle log retain); read again: the log begins there now"
            )
        return None

    def open(self, first: int) -> Segment:
        """Give the segment that begins at a position."""
        if self.tail is not None and first == self.tail.first:
            return self.tail
        if first not in self._opened:
            segment = Segment(self.disk, first, None if self.tail is None else self.tail.log_id)
            segment.extend()
            if len(self._opened) >= _OPEN_SEGMENTS:
                del self._opened[next(iter(self._opened))]
            self._opened[first] = segment
        return self._opened[first]

    def _missing(self, first: int, stop: int | None) -> LogDamagedError:
        upto = "on" if stop is None else f"to {stop - 1}"
        return LogDamagedError(
            f"{self.disk.path} lacks its segment {segment_name(first)}: events from position "
            f"{first} {upto} are missing; bring it back, or copy the rest with "
            "`crackle log salvage`",
            segment=segment_name(first),
            offset=0,
            first=first,
            last=None if stop is None else stop - 1,
        )

    def _nothing_at(self, position: int) -> str:
        if position < self.first:
            return f"position {position} was removed: the log begins at {self.first}"
        if position >= self.count:
            return f"position {position} is not below {self.count}"
        return f"there is no event at position {position} any more: it was forgotten or lost"

    def _labels_of(
        self, segment: Segment, place: Place, positions: Sequence[int]
    ) -> dict[int, str]:
        found: dict[int, str] = {}
        for block in segment.blocks(place, {"labels"}):
            first, labels = block.first, block.batch.labels
            found |= {
                position: ANONYMOUS if labels is None else labels[position - first]
                for position in positions
                if first <= position < first + len(block.batch)
            }
        return found

    def _rise_from(self, position: int, before: int, stop: int) -> bool:
        """Whether times rise from a position on, after a time that was reached before."""
        for block in self.blocks(position, stop, columns=()):
            times = block.batch.times
            if (times == NO_TIME).any() or times[0] < before or (times[1:] < times[:-1]).any():
                return False
            before = times[-1]
        return True


def _clip(block: Block, first: int, stop: int) -> Block:
    start, end = max(first - block.first, 0), min(stop - block.first, len(block.batch))
    if end - start == len(block.batch):
        return block
    rows: EventBatch = block.batch.take(np.arange(start, end))
    return Block(block.first + start, rows)
