"""Events that come a second time, known by their id among the last positions of a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct

from crackle_stream.event import EventBatch, TaskEvent
from crackle_stream.log.block import Block
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.promises import ID_WINDOW


class Sifted(Struct, frozen=True):
    """A batch without what is in the log already.

    Parameters
    ----------
    batch
        The events that are new.
    repeats
        Rows whose id and content the log has already, or a row before; with the position of it.
    conflicts
        Rows whose id something else has; with the position of that.
    """

    batch: EventBatch
    repeats: dict[int, int]
    conflicts: dict[int, int]


class IdWindow:
    """The ids of the last positions of a log, by which a repeated event is recognised.

    An event repeats another when they have the same id and stand less than the window apart in the
    log. That depends on the log alone, and the ids are read from it, so that it is the same after
    a restart. Two generations of ids are kept, each of one window at most.

    Parameters
    ----------
    log
        A log that is written to, by whoever asks this and nobody else.
    size
        Positions looked back; 0: no id is looked for.

    Examples
    --------
    >>> from crackle_stream.event import TaskEvent, batch_events
    >>> log = EventLog.in_memory()
    >>> batch = batch_events([TaskEvent(metrics={}, id="a"), TaskEvent(metrics={}, id="a")])
    >>> sifted = IdWindow(log).sift(batch)
    >>> len(sifted.batch), sifted.repeats
    (1, {1: 0})
    """

    def __init__(self, log: EventLog, size: int = ID_WINDOW) -> None:
        self._log = log
        self._size = size
        self._recent: dict[str, int] = {}
        self._older: dict[str, int] = {}
        self._known = 0  # position below which ids have been taken in

    def sift(self, batch: EventBatch) -> Sifted:
        """Tell what of a batch is new, what is there already, and what contradicts it."""
        if batch.ids is None or not self._size:
            return Sifted(batch, {}, {})
        count = self._log.count  # events without ids may be appended meanwhile
        self._catch_up(count)
        found = self._look_up(batch.ids, count)
        if not found:
            return Sifted(batch, {}, {})
        same = self._compare(batch, found, count)
        fresh = [row for row in range(len(batch)) if row not in found]
        return Sifted(
            batch.take(np.array(fresh, np.intp)),
            {row: at for row, at in found.items() if same[row]},
            {row: at for row, at in found.items() if not same[row]},
        )

    def _catch_up(self, count: int) -> None:
        """Take in the ids of what was appended since, or of the last window."""
        for block in self._log.blocks(max(self._known, count - self._size, 0), count, {"ids"}):
            for position, key in enumerate(block.batch.ids or (), block.first):
                if key is not None:
                    self._remember(key, position)
        self._known = count

    def _remember(self, key: str, position: int) -> None:
        if len(self._recent) >= self._size:
            # As many ids later, at least as many positions later: what is dropped is out of sight.
            self._older, self._recent = self._recent, {}
        self._recent[key] = position

    def _look_up(self, ids: Sequence[str | None], following: int) -> dict[int, int]:
        """Give the rows whose id is known, with the position that has it."""
        if self._are_new(ids):
            return {}
        found: dict[int, int] = {}
        here: dict[str, int] = {}
        for row, key in enumerate(ids):
            at = None if key is None else here.get(key, self._position_of(key))
            if at is not None and following - at <= self._size:
                found[row] = at
                continue
            if key is not None:
                here[key] = following
            following += 1
        return found

    def _are_new(self, ids: Sequence[str | None]) -> bool:
        """Whether it is plain to see that no id is known: this is asked of nearly every batch."""
        keys = {key for key in ids if key is not None}
        once = len(keys) == len(ids) - ids.count(None)
        return once and keys.isdisjoint(self._recent) and keys.isdisjoint(self._older)

    def _position_of(self, key: str) -> int | None:
        return self._recent.get(key, self._older.get(key))

    def _compare(self, batch: EventBatch, found: dict[int, int], count: int) -> dict[int, bool]:
        """Tell of each row whether it is the event at the position found."""
        kept = dict(self._events(sorted({at for at in found.values() if at < count})))
        fresh = (row for row in range(len(batch)) if row not in found)
        asked = set(found.values())
        kept |= {at: batch.event(row) for at, row in enumerate(fresh, count) if at in asked}
        return {row: kept.get(at) == batch.event(row) for row, at in found.items()}

    def _events(self, positions: Sequence[int]) -> Iterator[tuple[int, TaskEvent]]:
        """Read events at rising positions; each block is decoded once."""
        block: Block | None = None
        for position in positions:
            if block is None or position >= block.first + len(block.batch):
                block = next(iter(self._log.blocks(position)))
            yield position, block.batch.event(position - block.first)
