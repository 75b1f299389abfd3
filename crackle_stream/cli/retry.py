"""Refused lines once more: into the log those that are events now, in quarantine the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from crackle_stream.cli.exits import GATE
from crackle_stream.cli.feed import TOLD, conflict
from crackle_stream.cli.interrupts import Interrupts
from crackle_stream.cli.refused import SHORT, Selection
from crackle_stream.cli.say import say
from crackle_stream.cli.source import writer
from crackle_stream.ingest.accounts import Accounts
from crackle_stream.ingest.again import Reread, reread
from crackle_stream.ingest.diagnosis import Flaw
from crackle_stream.ingest.kept import find_line
from crackle_stream.ingest.limits import parse_limits
from crackle_stream.ingest.mapping import FieldMapping
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.ids import IdWindow
from crackle_stream.log.quarantine import Quarantined

LINES: Final = 1_000
BYTES: Final = 1 << 20
"""About as many lines and bytes are read again together, and resolved by one append."""


class RetryOptions(Struct, frozen=True, kw_only=True):
    """The options of `crackle quarantine retry`, as given."""

    directory: str
    label: str | None = None
    time: str | None = None
    metrics: str | None = None
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    limit: tuple[str, ...] = ()
    dry_run: bool = False
    quiet: bool = False

    def mapping(self) -> FieldMapping:
        """Give the field mapping asked for."""
        return FieldMapping(
            label=self.label, time=self.time, metrics=self.metrics, time_unit=self.time_unit
        )


class Retry:
    """One run over quarantined lines.

    Parameters
    ----------
    log
        The log, open for reading: what is appended meanwhile is not looked at.
    given
        The command's parameters.
    """

    def __init__(self, log: EventLog, given: dict[str, Any]) -> None:
        self.accounts = Accounts()
        self._options = msgspec.convert(given, RetryOptions)
        self._mapping = self._options.mapping()
        self._limits = parse_limits(self._options.limit)
        self._interrupts = Interrupts()
        self._read_from = log
        self._ids = IdWindow(log)

    def run(self, selection: Selection) -> int:
        """Try the lines again; give the exit code."""
        dry = self._options.dry_run
        opened = nullcontext() if dry else writer(self._options.directory)
        with opened as log, self._interrupts:
            # What others resolved before this held the log's lock is seen only now.
            self._read_from.refresh()
            self._ids = IdWindow(log or self._read_from)
            try:
                for lines in self._portions(selection.lines(self._read_from)):
                    self._try(lines, log)
            finally:
                self._sum_up()
        return GATE if self.accounts.quarantined else 0

    def _portions(
        self, lines: Iterator[Quarantined]
    ) -> Iterator[list[tuple[Quarantined, bytes | Flaw]]]:
        portion: list[tuple[Quarantined, bytes | Flaw]] = []
        size = 0
        for line in lines:
            found = find_line(line.rejection, self._limits.line_bytes)
            portion.append((line, found))
            size += len(found) if isinstance(found, bytes) else 0
            if len(portion) >= LINES or size >= BYTES:
                yield portion
                portion, size = [], 0
        if portion:
            yield portion

    def _try(
        self, portion: Sequence[tuple[Quarantined, bytes | Flaw]], log: EventLog | None
    ) -> None:
        had = [(line, found) for line, found in portion if isinstance(found, bytes)]
        for line, found in portion:
            if isinstance(found, Flaw):
                self._stays(line, found)
        texts = [text for _, text in had]
        for part in reread(texts, self._mapping, self._limits):
            with self._interrupts.held():
                self._take(part, [line for line, _ in had], log)
            for place, flaw in part.flaws.items():
                self._stays(had[place][0], flaw)

    def _take(self, part: Reread, lines: Sequence[Quarantined], log: EventLog | None) -> None:
        """Append the events, and resolve their lines in the same append."""
        had = [lines[place] for place in part.places]
        sifted = self._ids.sift(part.batch)
        for row in sorted(sifted.conflicts, reverse=True):
            self._stays(had.pop(row), conflict(sifted.conflicts[row]))
        if log is not None and had:
            log.append(sifted.batch, resolved=tuple(line.key for line in had))
        accepted, repeats = len(sifted.batch), len(sifted.repeats)
        self.accounts.add(read=len(had), accepted=accepted, duplicate=repeats)

    def _stays(self, line: Quarantined, flaw: Flaw) -> None:
        self.accounts.add(read=1, quarantined=1)
        if self.accounts.quarantined <= TOLD and not self._options.quiet:
            place = f" at {flaw.path}" if flaw.path else ""
            where = f"{line.key[:SHORT]} (line {line.rejection.line})"
            say(f"stays: {where}: {flaw.reason}{place}: {flaw.detail}")

    def _sum_up(self) -> None:
        if not self._options.quiet:
            if self.accounts.quarantined > TOLD:
                say(f"and {self.accounts.quarantined - TOLD:,} more stay")
            if not self.accounts.read:
                say("no such lines are in quarantine")
            if self._options.dry_run:
                say("nothing was written: this was a dry run")
        say(str(self.accounts))
