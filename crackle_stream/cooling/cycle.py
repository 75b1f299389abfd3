"""The part of a log that a plan looks at, with what was amended since laid over it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec.structs import replace

from crackle_stream.cooling.decisions import Amendments
from crackle_stream.cooling.places import Places
from crackle_stream.errors import LogError
from crackle_stream.log.block import Block
from crackle_stream.log.eventlog import EventLog
from crackle_stream.table import Table


class Cycle:
    """A log as if it began at a position and had no gaps: its events are numbered by place.

    Parameters
    ----------
    log
        The log.
    places
        Where the cycle begins, and which positions have no event.
    amendments
        Metrics that override those of some events.
    """

    def __init__(self, log: EventLog, places: Places, amendments: Amendments) -> None:
        self._log = log
        self._places = places
        self._amendments = amendments

    def blocks(
        self, first: int = 0, stop: int | None = None, columns: Collection[str] | None = None
    ) -> Iterator[Block]:
        """Give consecutive blocks of the events in a range of places.

        Raises
        ------
        LogError
            When events were removed since the places were told.
        """
        end = None if stop is None else self._places.position(stop)
        expected = first
        for block in self._log.blocks(self._places.position(first), end, columns):
            if self._places.before(block.first) != expected:
                raise LogError(
                    f"{self._log.path}: events were removed while they were analysed; cool again"
                )
            yield Block(expected, self._amendments.over(block.batch, block.first))
            expected += len(block.batch)

    def times_rise(self, stop: int) -> bool:
        """Whether all events of the log below a place have a time and none goes back."""
        return self._log.times_rise(self._places.position(stop))

    def in_log(self, table: Table) -> Table:
        """Give a table that was read of the cycle with log positions."""
        return replace(table, positions=self._places.positions(table.positions))
