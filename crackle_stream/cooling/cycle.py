"""The part of a log that a plan looks at, with what was amended since laid over it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec.structs import replace

from crackle_stream.cooling.decisions import Amendments
from crackle_stream.log.block import Block
from crackle_stream.log.eventlog import EventLog
from crackle_stream.table import Table


class Cycle:
    """A log as if it began at a position: what is read of it is numbered from there.

    Parameters
    ----------
    log
        The log.
    start
        Log position of the cycle's first event.
    amendments
        Metrics that override those of some events.
    """

    def __init__(self, log: EventLog, start: int, amendments: Amendments) -> None:
        self._log = log
        self._start = start
        self._amendments = amendments

    def blocks(
        self, first: int = 0, stop: int | None = None, columns: Collection[str] | None = None
    ) -> Iterator[Block]:
        """Give consecutive blocks of the events in a range, both counted from the start."""
        end = None if stop is None else stop + self._start
        for block in self._log.blocks(first + self._start, end, columns):
            batch = self._amendments.over(block.batch, block.first)
            yield Block(block.first - self._start, batch)

    def times_rise(self, stop: int) -> bool:
        """Whether all events of the cycle below a place have a time and none goes back."""
        return self._log.times_rise(stop + self._start)

    def in_log(self, table: Table) -> Table:
        """Give a table that was read of the cycle with log positions."""
        return replace(table, positions=table.positions + self._start) if self._start else table
