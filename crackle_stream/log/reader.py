"""Reading a log: segments in order, blocks from any position, and what headers alone can tell."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from typing import Final

import numpy as np

from crackle_stream.errors import LogDamagedError
from crackle_stream.event import ANONYMOUS, EventBatch
from crackle_stream.log.block import COLUMNS, Block, decode_batch, decode_rejections
from crackle_stream.log.disk import Disk, storage_errors
from crackle_stream.log.files import segment_firsts
from crackle_stream.log.recovery import examine
from crackle_stream.log.segment import Place, Segment
from crackle_stream.source import Rejection
from crackle_stream.timestamp import NO_TIME

_OPEN_SEGMENTS: Final = 8


class LogReader:
    """A view of a log, as far as `refresh` last saw it; a writer may be at work on it.

    Parameters
    ----------
    disk
        Where the log lives.
    """

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.firsts: list[int] = []
        self.tail: Segment | None = None
        self._opened: dict[int, Segment] = {}
        self._looking = threading.Lock()
        self.refresh()

    @property
    def count(self) -> int:
        """How many events can be read."""
        return 0 if self.tail is None else self.tail.next

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
            if self.tail is None or self.tail.sealed:
                self._find_segments()

    def segments(self, first: int = 0, stop: int | None = None) -> Iterator[Segment]:
        """Give the segments that hold positions from first up to stop.

        Raises
        ------
        LogDamagedError
            When one is missing, or is not whole up to where the next one begins.
        """
        stop = self.count if stop is None else stop
        if self.firsts and first < self.firsts[0]:
            raise self._missing(0, self.firsts[0])
        for start, following in zip(self.firsts, [*self.firsts[1:], None], strict=True):
            if following is not None and following <= first:
                continue
            if start > max(first, stop - 1):
                return
            segment = self._open(start)
            yield segment
            if following is not None and not (segment.sealed and segment.next == following):
                raise segment.damage(
                    segment.broken, "the chain of frames breaks", last=following - 1
                )

    def blocks(
        self, first: int = 0, stop: int | None = None, columns: Collection[str] | None = None
    ) -> Iterator[Block]:
        """Give blocks from a position on; see `EventLog.blocks`."""
        upto = self.count if stop is None else min(stop, self.count)
        wanted = COLUMNS if columns is None else columns
        for segment, place in self.places(first, upto):
            batch = decode_batch(segment.payload(place), wanted)
            yield _clip(Block(place.header.first, batch), first, upto)
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
                wanted = next(self.places(position, position + 1), None)
                if wanted is None:
                    raise IndexError(f"position {position} is not below {self.count}")
                found |= self._labels_of(*wanted, positions)
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
                return self._rise_from(segment.order.turn, stop)
            latest = max(latest, segment.order.latest)
        return True

    def check_tail(self) -> None:
        """Raise when what stands behind the last whole frame is known not to be a torn end.

        A live writer may finish a frame between two looks, so a finding is looked at again.
        """
        tail = self.tail
        if tail is None or tail.sealed or 0 < tail.end == tail.size():
            return  # a segment comes to be with its head, so an empty one is damaged
        seen, found = (tail.end, tail.marked), examine(tail)
        if found.state in ("damaged", "uncertain"):
            tail.extend()  # a sync mark that came meanwhile moves no end
            if (tail.end, tail.marked) == seen:
                raise tail.damage(found.offset, f"what follows is {found.state}")

    def _find_segments(self) -> None:
        with storage_errors(f"listing {self.disk.path}"):
            self.firsts = segment_firsts(self.disk.names())
        if self.firsts and (self.tail is None or self.firsts[-1] > self.tail.first):
            self.tail = self._open(self.firsts[-1])

    def _open(self, first: int) -> Segment:
        if self.tail is not None and first == self.tail.first:
            return self.tail
        if first not in self._opened:
            segment = Segment(self.disk, first, None if self.tail is None else self.tail.log_id)
            segment.extend()
            if len(self._opened) >= _OPEN_SEGMENTS:
                del self._opened[next(iter(self._opened))]
            self._opened[first] = segment
        return self._opened[first]

    def _missing(self, first: int, stop: int) -> LogDamagedError:
        return LogDamagedError(
            f"{self.disk.path} lacks its segments before position {stop}; bring them back, or read "
            f"from position {stop}",
            segment=f"{first}",
            offset=0,
            first=first,
            last=stop - 1,
        )

    def _labels_of(
        self, segment: Segment, place: Place, positions: Sequence[int]
    ) -> dict[int, str]:
        first, stop = place.header.first, place.header.first + place.header.count
        labels = decode_batch(segment.payload(place), {"labels"}).labels
        return {
            position: ANONYMOUS if labels is None else labels[position - first]
            for position in positions
            if first <= position < stop
        }

    def _rise_from(self, position: int, stop: int) -> bool:
        before = NO_TIME
        for block in self.blocks(max(position - 1, 0), stop, columns=()):
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
