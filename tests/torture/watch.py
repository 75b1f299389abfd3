"""What goes on beside a `crackle fire` until it is killed: a producer, and a reader of its log."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from crackle_stream.errors import NotALogError
from crackle_stream.log.eventlog import EventLog
from tests.torture.firing import Fired
from tests.torture.lines import numbers_of

if TYPE_CHECKING:
    from tests.torture.killed import KilledLife

PATIENCE: Final = 60.0


def opened(path: Path) -> EventLog | None:
    """Open a log for reading; None where there is none yet."""
    try:
        return EventLog.open(path)
    except NotALogError:
        return None


class Moment(Struct, frozen=True):
    """When to kill: so long after so many acknowledgements, or after the last one."""

    acks: int
    seconds: float


class Watch:
    """Iterating gives acknowledgements until the moment has come, or the process has ended.

    Meanwhile the lines that were not acknowledged yet are sent to a process that reads a pipe, and
    what a reader of the log sees is compared.
    """

    def __init__(self, life: KilledLife, fired: Fired, moment: Moment) -> None:
        self._life = life
        self._fired = fired
        self._moment = moment
        self._unsent = b"".join(life.lines.lines[life.passed :]) if life.piped else b""
        self._log: EventLog | None = None
        self._seen = 0

    def __iter__(self) -> Iterator[list[dict[str, Any]]]:
        begun, missing, due = time.monotonic(), self._moment.acks, None
        while (acks := self._fired.acknowledged()) is not None:
            yield acks
            missing -= len(acks)
            now = time.monotonic()
            if due is None and (missing <= 0 or (acks and self._life.at_end)):
                due = now + self._moment.seconds
            if due is not None and now >= due:
                return
            assert now < begun + PATIENCE, f"nothing comes any more: {self._fired.errors}"
            self._look_on()
            self._send()
            self._wait(0.01 if due is None else max(0.0, due - now))

    def _wait(self, seconds: float) -> None:
        full = [self._fired.stdin] if self._unsent else []
        select.select([self._fired.stdout], full, [], min(seconds, 0.01))

    def _send(self) -> None:
        """Send some, which ends anywhere in a line; close the pipe behind the last."""
        size = self._life.rng.randrange(1, 4_000)
        if self._unsent:
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                self._unsent = self._unsent[os.write(self._fired.stdin, self._unsent[:size]) :]
        else:
            self._fired.end_input()

    def _look_on(self) -> None:
        """A reader sees whole appends, in order, and never damage."""
        if self._log is None:
            self._log = opened(self._life.path)
            return
        before, self._seen = self._seen, self._log.refresh()
        if before == self._seen:
            return
        numbers = numbers_of(self._log, before, self._seen)
        assert numbers == self._life.lines.good[before : self._seen], "a reader sees other events"
