"""Lines of JSON into a log, with an account of every line on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal

import click
import msgspec
from msgspec import Struct

from crackle_stream.cli.interrupts import Interrupts
from crackle_stream.cli.progress import Progress
from crackle_stream.cli.say import say
from crackle_stream.cli.source import STDIN, opened
from crackle_stream.errors import DiskFullError, InputRejectedError, UsageError
from crackle_stream.ingest.accounts import Accounts
from crackle_stream.ingest.chunks import Chunk, read_chunks
from crackle_stream.ingest.diagnosis import Flaw
from crackle_stream.ingest.limits import parse_limits
from crackle_stream.ingest.mapping import FieldMapping, Understanding
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.ids import IdWindow
from crackle_stream.log.promises import ID_WINDOW
from crackle_stream.report.inert import inert
from crackle_stream.source import Rejection, SourcePosition

TOLD: Final = 5
"""Rejections that are shown; the rest is counted."""

NOT_JSON: Final = {"invalid_json", "invalid_utf8", "line_too_long", "not_an_object"}
"""Reasons that no field mapping helps against."""


class IntakeOptions(Struct, frozen=True, kw_only=True):
    """The options of `mapping_options`, as given."""

    label: str | None = None
    time: str | None = None
    metrics: str | None = None
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    strict: bool = False
    max_rejects: int | None = None
    limit: tuple[str, ...] = ()
    quiet: bool = False
    log: str | None = None
    source_name: str | None = None
    ack: bool = False
    id_window: int = ID_WINDOW

    def __post_init__(self) -> None:
        if self.source_name == "":
            raise UsageError("--source is empty: name the source, or leave it to its path")

    @property
    def allowed(self) -> int | None:
        """How many lines may be rejected; None is any number."""
        return 0 if self.strict else self.max_rejects

    def mapping(self) -> FieldMapping:
        """Give the field mapping asked for."""
        asked = {name: getattr(self, name) for name in ("label", "time", "metrics", "time_unit")}
        return FieldMapping(**{name: path for name, path in asked.items() if path is not None})


class Feed:
    """One source being read into a log; iterating reads on and yields after each append.

    However it ends, what was read is synced, and the accounts are told when it is left.
    """

    def __init__(self, log: EventLog, source: str, given: dict[str, Any]) -> None:
        self.accounts = Accounts()
        self._log = log
        self._source = source
        self._options = msgspec.convert(given, IntakeOptions)
        self._ids = IdWindow(log, self._options.id_window)
        self._interrupts = Interrupts()
        self._reasons: set[str] = set()
        self._progress = Progress(sys.stderr, hidden=self._options.quiet)
        self._acknowledged = False

    def __iter__(self) -> Iterator[None]:
        start = self._start()
        with opened(self._source) as stream:
            for chunk in read_chunks(
                stream,
                self._name,
                mapping=self._options.mapping(),
                limits=parse_limits(self._options.limit),
                start=start,
                most_rejects=self._options.allowed,
                growing=self._is_file and self._options.log is not None,
                understood=self._understood,
            ):
                self._progress.clear()
                self._take(chunk)
                yield
                self._progress.show(self.accounts.read)
        if self._options.ack and not self._acknowledged:
            # A producer that asks where to go on is told also where there was nothing to read.
            self._acknowledge(start or SourcePosition(self._name, 0, 0, 0))

    def __enter__(self) -> Feed:
        self._interrupts.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._interrupts.__exit__(kind, error, trace)
        self._progress.clear()
        if not self._options.quiet:
            self._sum_up()
        try:
            if kind in (KeyboardInterrupt, DiskFullError):
                self._log.sync()
                say(self._kept())
        finally:
            say(str(self.accounts))
        if not self.accounts.closes():
            raise RuntimeError("the accounts do not close: some lines went nowhere")

    @property
    def _name(self) -> str:
        """Say by what name the log knows the source."""
        name = self._options.source_name
        if name is None:
            name = self._source if self._source == STDIN else str(Path(self._source).resolve())
        # Bytes that are no UTF-8, as file names may have, are no text that a log keeps.
        return os.fsencode(name).decode("utf-8", "backslashreplace")

    @property
    def _is_file(self) -> bool:
        return self._source != STDIN and Path(self._source).is_file()

    def _start(self) -> SourcePosition | None:
        """Find where reading a file stopped the last time; a pipe always begins anew."""
        if not self._is_file:
            return None
        start = self._log.last_position(self._name)
        if start is not None and not self._options.quiet:
            say(f"{self._source}: going on after line {start.line}, up to which the log has it")
        return start

    def _take(self, chunk: Chunk) -> None:
        with self._interrupts.held():
            sifted = self._ids.sift(chunk.batch)
            rejections = chunk.refuse({row: conflict(at) for row, at in sifted.conflicts.items()})
            appended = self._log.append(sifted.batch, rejections, chunk.position)
            self._ids.take_in(appended, sifted.batch)
            self.accounts.add(
                read=chunk.read,
                accepted=len(sifted.batch),
                duplicate=len(sifted.repeats),
                quarantined=len(rejections),
            )
            if self._options.ack:
                self._acknowledge(chunk.position)
        self._reasons.update(rejection.reason for rejection in rejections)
        self._tell(rejections)
        if chunk.unfinished is not None:
            say(f"line {chunk.unfinished.line} has no end yet: left for the next time")
        self._check_allowed(chunk)

    def _acknowledge(self, position: SourcePosition) -> None:
        """Say on stdout up to where a producer need not send again."""
        self._acknowledged = True
        place = {"source": position.source, "line": position.line, "offset": position.offset}
        line = msgspec.json.encode({"acknowledged": self._log.count, **place})
        click.echo(inert(line))

    def _check_allowed(self, chunk: Chunk) -> None:
        if chunk.stopped is not None:
            raise InputRejectedError(self._why_stopped(chunk.stopped))
        allowed = self._options.allowed
        if allowed is not None and self.accounts.quarantined > allowed:
            raise InputRejectedError(
                f"{self.accounts.quarantined} lines were rejected, {allowed} may be: stopped "
                f"behind line {chunk.position.line}; they are in quarantine"
            )

    def _tell(self, rejections: Sequence[Rejection]) -> None:
        """Show the first rejections."""
        before = self.accounts.quarantined - len(rejections)
        if not self._options.quiet:
            for rejection in rejections[: max(0, TOLD - before)]:
                say(f"rejected: {_told(rejection)}")

    def _why_stopped(self, line: Rejection) -> str:
        """Say why reading stopped before a line, and how to go on from there."""
        allowed = self._options.allowed
        most = "no line" if allowed == 0 else f"at most {allowed}"
        stopped = f"{_told(line)}: stopped before this line, since {most} may be rejected"
        if self._options.log is None:
            return f"{stopped}. Correct the input, or allow more with --max-rejects"
        rest = "send it and the rest" if self._source == STDIN else "give the same command"
        return (
            f"{stopped}; the lines before it are in {self._options.log}. Correct it and {rest} "
            "again, or allow more with --max-rejects"
        )

    def _sum_up(self) -> None:
        rejected = self.accounts.quarantined
        if rejected > TOLD:
            say(f"and {rejected - TOLD:,} more rejected lines")
        if rejected and not self.accounts.accepted:
            say(f"no line was an event: {_advice(self._reasons)}")

    def _understood(self, understanding: Understanding) -> None:
        if understanding.text and not self._options.quiet:
            say(understanding.text)

    def _kept(self) -> str:
        if self._options.log is None:
            return "nothing is kept, since no --log was named"
        kept = f"the {self.accounts.accepted:,} events read are kept in {self._options.log}"
        return kept if self._source == STDIN else f"{kept}; the same command goes on from there"


def conflict(position: int) -> Flaw:
    """Say which event has the id of a line that says something else."""
    detail = f"the event at position {position} has this id, and is another"
    return Flaw("id_conflict", detail, "$.id")


def _advice(reasons: Set[str]) -> str:
    if reasons <= NOT_JSON:
        return "events are JSON objects in UTF-8, one a line"
    return "say with --label, --time and --metrics where its parts are"


def _told(rejection: Rejection) -> str:
    path = "" if rejection.path is None else f" at {rejection.path}"
    return f"line {rejection.line}: {rejection.reason}{path}: {rejection.detail}"
