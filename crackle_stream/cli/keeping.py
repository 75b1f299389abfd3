"""Old events let go while new ones come in, for logs that must not grow for ever."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from crackle_stream.cli.say import say
from crackle_stream.cli.size import parse_size
from crackle_stream.clock import Deadline
from crackle_stream.cooling.decisions import Decisions
from crackle_stream.cooling.needed import needed_from
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.retention import Retention
from crackle_stream.report.counting import counted
from crackle_stream.timestamp import parse_span

PATIENCE: Final = 10.0
"""Seconds between two looks, each of which reads the headers of the whole log."""


class KeepingOptions(Struct, frozen=True, kw_only=True):
    """The options of `keeping_options`, as given."""

    log: str
    keep_age: str | None = None
    keep_bytes: str | None = None
    keep_events: int | None = None
    quiet: bool = False

    def rule(self) -> Retention:
        """Give the rule asked for; without an option it lets nothing go."""
        return Retention(
            max_age=None if self.keep_age is None else parse_span(self.keep_age),
            max_bytes=None if self.keep_bytes is None else parse_size(self.keep_bytes),
            max_events=self.keep_events,
        )


class Keeping:
    """Retention of a log that is being written, now and then and at the end.

    Raises
    ------
    UsageError
        When an option cannot be meant.
    """

    def __init__(self, log: EventLog, given: dict[str, Any]) -> None:
        self._log = log
        self._options = msgspec.convert(given, KeepingOptions)
        self._rule = self._options.rule()
        self._next = Deadline(PATIENCE)
        self._events = self._segments = 0

    def look(self) -> None:
        """Let old events go, where the last time is long enough ago."""
        if self._next.passed():
            self._apply()
            self._next = Deadline(PATIENCE)

    def finish(self) -> None:
        """Let old events go, and tell how many went in all."""
        self._apply()
        if self._events and not self._options.quiet:
            say(
                f"{self._options.log}: {counted(self._events, 'old event')} removed, in "
                f"{counted(self._segments, 'segment')}; the log begins at position "
                f"{self._log.first:,}"
            )

    def _apply(self) -> None:
        if self._rule == Retention():
            return
        need = needed_from(Decisions.of(self._log))
        done = self._log.retain(self._rule, None if need is None else need.position)
        self._events += done.events
        self._segments += done.segments
