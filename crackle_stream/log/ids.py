"""Events that come a second time, known by their id among the last positions of a log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import msgspec
import numpy as np
from msgspec import Struct

from crackle_stream.event import EventBatch, TaskEvent
from crackle_stream.log.block import Block
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.promises import ID_WINDOW

Key: TypeAlias = str | bytes | None

_LONG: Final = 64


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
    a restart. Two generations of ids are kept, each of about one window; of a long id, its hash.

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
        self._recent: dict[Key, int] = {}
        self._older: dict[Key, int] = {}
        self._known = 0  # position below which ids have been taken in

    def sift(self, batch: EventBatch) -> Sifted:
        """Tell what of a batch is new, what is there already, and what contradicts it."""
        if batch.ids is None or not self._size:
            return Sifted(batch, {}, {})
        count = self._log.count  # events without ids may be appended meanwhile
        self._catch_up(count)
        found = self._look_up(_keys(batch.ids), count)
        if not found:
            return Sifted(batch, {}, {})
        same = self._compare(batch, found, count)
        fresh = [row for row in range(len(batch)) if row not in found]
        return Sifted(
            batch.take(np.array(fresh, np.intp)),
            {row: at for row, at in found.items() if same[row]},
            {row: at for row, at in found.items() if not same[row]},
        )

    def take_in(self, appended: range, batch: EventBatch) -> None:
        """Learn what was just appended; what is not told is read back from the log."""
        if appended.start == self._known:
            self._remember(batch.ids, appended.start)
            self._known = appended.stop

    def _catch_up(self, count: int) -> None:
        """Take in the ids of what was appended since, or of the last window."""
        if self._known < count:
            for block in self._log.blocks(max(self._known, count - self._size, 0), count, {"ids"}):
                self._remember(block.batch.ids, block.first)
            self._known = count

    def _remember(self, ids: Sequence[str | None] | None, first: int) -> None:
        if ids is None or not self._size:
            return
        if len(self._recent) >= self._size:
            # As many ids later, at least as many positions later: what is dropped is out of sight.
            self._older, self._recent = self._recent, {}
        positions = range(first, first + len(ids))
        self._recent.update(zip(_together(_keys(ids)), positions, strict=True))
        self._recent.pop(None, None)

    def _look_up(self, keys: Sequence[Key], following: int) -> dict[int, int]:
        """Give the rows whose id is known, with the position that has it."""
        if self._are_new(keys):
            return {}
        found: dict[int, int] = {}
        here: dict[Key, int] = {}
        begin = self._log.first  # what was removed meanwhile is no more known than after a restart
        for row, key in enumerate(keys):
            at = None if key is None else here.get(key, self._position_of(key))
            if at is not None and at >= max(following - self._size, begin):
                found[row] = at
                continue
            if key is not None:
                here[key] = following
            following += 1
        return found

    def _are_new(self, keys: Sequence[Key]) -> bool:
        """Whether it is plain to see that no id is known: this is asked of nearly every batch."""
        distinct = set(keys)
        distinct.discard(None)
        once = len(distinct) == len(keys) - keys.count(None)
        # Of two views Python goes through the shorter one; of a set and a dict, through the dict.
        known = (self._recent.keys(), self._older.keys())
        return once and all(some.isdisjoint(distinct) for some in known)

    def _position_of(self, key: Key) -> int | None:
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


def _keys(ids: Sequence[str | None]) -> Sequence[Key]:
    """Give what ids are kept as: a window of long ones must not fill the memory."""
    if max(map(len, filter(None, ids)), default=0) <= _LONG:
        return ids
    return [_digest(key) if key is not None and len(key) > _LONG else key for key in ids]


def _together(keys: Sequence[Key]) -> Sequence[Key]:
    """Copy keys to memory of their own: among what a batch frees they make all of it slower."""
    copied: Sequence[Key] = msgspec.msgpack.decode(msgspec.msgpack.encode(keys))
    return copied


def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=16).digest()
