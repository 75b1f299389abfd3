"""What a SOURCE is, and the log that its events go through."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, BinaryIO, Final

from crackle_stream.cli.say import say
from crackle_stream.cli.size import parse_size
from crackle_stream.errors import StorageError, UsageError
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.promises import FREE_RESERVE
from crackle_stream.log.recovery import Cut

STDIN: Final = "-"


def is_log(source: str, log: str | None) -> bool:
    """Whether a source is a log directory, and not lines of JSON.

    Raises
    ------
    UsageError
        When there is nothing of that name, or it is a log that should go into another.
    """
    if source == STDIN:
        return False
    if not Path(source).exists():
        raise UsageError(f"no file or log directory {source!r}: give one that exists, or - (stdin)")
    if Path(source).is_dir() and log is not None:
        raise UsageError(
            f"{source!r} is a directory: only a file or - (stdin) is read into a log; "
            "to look at a log, cool it without --log"
        )
    return Path(source).is_dir()


@contextmanager
def opened(source: str) -> Iterator[BinaryIO]:
    """Open a file, or stdin, which is left open."""
    if source == STDIN:
        if sys.stdin is None:
            raise StorageError("stdin is closed: give a file, or pipe events into this command")
        yield sys.stdin.buffer
        return
    with Path(source).open("rb") as stream:
        yield stream


@contextmanager
def writer(log: str | None, given: Mapping[str, Any] = MappingProxyType({})) -> Iterator[EventLog]:
    """Open the log that events go into: the one named, or one that is gone afterwards.

    Parameters
    ----------
    log
        Its directory.
    given
        The command's parameters, among them those of `log_options`.
    """
    keep_free = parse_size(given.get("keep_free", str(FREE_RESERVE)))
    if log is not None:
        durability = given.get("durability", "group")
        accept_loss = given.get("accept_loss", False)
        with EventLog.create_or_open(
            Path(log), durability, accept_loss=accept_loss, keep_free=keep_free
        ) as events:
            if events.cut is not None:
                say(f"{log}: {_cut(events.cut)}")
            yield events
        return
    with (
        TemporaryDirectory(prefix="crackle-") as directory,
        # What is thrown away need not survive a power cut.
        EventLog.create_or_open(Path(directory) / "log", "none", keep_free=keep_free) as events,
    ):
        yield events


def _cut(cut: Cut) -> str:
    return (
        f"its end was not whole, as after a crash; the {cut.size} bytes of it are now in {cut.kept}"
    )
