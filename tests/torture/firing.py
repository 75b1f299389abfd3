"""The real `crackle fire` as a process of its own, with segments so small that much happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Final

import msgspec
from msgspec import Struct

from crackle_stream import cli
from crackle_stream.cli import feed, main
from crackle_stream.ingest import lines
from crackle_stream.ingest.chunks import read_chunks
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.promises import FREE_RESERVE, Durability

TOP: Final = Path(__file__).parents[2]

for command in iter_modules(cli.__path__):
    import_module(f"{cli.__name__}.{command.name}")  # now, so that no fork does, and opens files


class Shape(Struct, frozen=True):
    """What is smaller than usual.

    Parameters
    ----------
    durability, segment_bytes
        Of the log.
    chunk_bytes
        About how much is read, and so appended, at once.
    keep_free
        As the option; below 0, the log never refuses by itself.
    """

    durability: Durability = "group"
    segment_bytes: int = 6_000
    chunk_bytes: int = 1_000
    keep_free: int = FREE_RESERVE


class Fired:
    """A running `crackle fire`, whose acknowledgements can be read and which can be killed.

    Parameters
    ----------
    source
        A file, or ``-``: what is written to `stdin`.
    log
        The log.
    shape
        What is smaller than usual.
    fresh
        Whether an interpreter of its own is started; else it is a fork of this process, which has
        imported everything already.
    prepare
        Called in the process before anything else, and to be there still in a fresh one.
    """

    def __init__(
        self,
        source: str,
        log: Path,
        shape: Shape,
        *,
        fresh: bool = False,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        mine_in, self.stdin = os.pipe()
        self.stdout, mine_out = os.pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._seen = b""
        self.code: int | None = None
        self.beside: subprocess.Popen[str] | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.stdin)
            for number, descriptor in enumerate((mine_in, mine_out, self._errors.fileno())):
                os.dup2(descriptor, number)
            _live([source, str(log)], shape, fresh, prepare)
        os.close(mine_in)
        os.close(mine_out)
        os.set_blocking(self.stdout, False)
        os.set_blocking(self.stdin, False)
        if source != "-":
            self.end_input()

    def acknowledged(self) -> list[dict[str, Any]] | None:
        """Give the acknowledgements that have arrived since; None when there will be no more."""
        try:
            data = os.read(self.stdout, 1 << 16)
        except BlockingIOError:
            return []
        *whole, self._seen = (self._seen + data).split(b"\n")
        return [json.loads(line) for line in whole] if data else None

    def end_input(self) -> None:
        """Let the process see the end of its input."""
        if self.stdin >= 0:
            os.close(self.stdin)
        self.stdin = -1

    def kill(self) -> None:
        """Kill it, where it has not ended yet."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Give the exit code, or minus the signal, once it has ended."""
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def rest(self) -> list[dict[str, Any]]:
        """Wait until it ends, and give what it acknowledged."""
        os.set_blocking(self.stdout, True)
        found: list[dict[str, Any]] = []
        while (more := self.acknowledged()) is not None:
            found += more
        self.wait()
        return found

    @property
    def errors(self) -> str:
        """What it has said on stderr."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def __enter__(self) -> Fired:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.wait()
        if self.beside is not None:
            self.beside.communicate()
        self.end_input()
        os.close(self.stdout)
        self._errors.close()


def shrink(shape: Shape) -> None:
    """Make what no option makes smaller so in this process, for good."""
    create_or_open = EventLog.create_or_open

    def small(*given: Any, **named: Any) -> EventLog:
        named["segment_bytes"] = shape.segment_bytes
        if shape.keep_free < 0:
            named["keep_free"] = shape.keep_free
        return create_or_open(*given, **named)

    def read_little(*given: Any, **named: Any) -> Any:
        return read_chunks(*given, **{**named, "chunk_bytes": shape.chunk_bytes})

    EventLog.create_or_open = small  # type: ignore[method-assign]
    feed.read_chunks = read_little  # type: ignore[attr-defined]
    lines._LEAST_READ = shape.chunk_bytes  # type: ignore[misc]


def _live(where: list[str], shape: Shape, fresh: bool, prepare: Callable[[], None] | None) -> None:
    """Be the command, and end with it: nothing of the process this was forked from goes on."""
    try:
        if prepare is not None:
            prepare()
        if fresh:
            os.chdir(TOP)
            given = msgspec.json.encode(shape).decode()
            os.execv(sys.executable, [sys.executable, "-m", __name__, given, *where])
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
        run(where, shape)
    except SystemExit as end:
        os._exit(_flushed(end.code))
    except BaseException:
        traceback.print_exc()
    os._exit(99)


def _flushed(code: Any) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code or 0)


def run(where: list[str], shape: Shape) -> None:
    """Run the command; raises SystemExit."""
    source, log = where
    shrink(shape)
    options = ["--ack", "--durability", shape.durability]
    options += ["--keep-free", str(max(shape.keep_free, 0))]
    main(["fire", source, "--log", log, *options])


if __name__ == "__main__":
    run(sys.argv[2:], msgspec.json.decode(sys.argv[1], type=Shape))
