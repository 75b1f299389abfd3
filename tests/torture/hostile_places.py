"""Log directories in which something else stands where a file of the log should."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from click.testing import CliRunner

from crackle_stream.cli import main
from tests.torture.hostile_logs import Timeout, patience

SECONDS: Final = 20
SEGMENT: Final = f"{0:020d}.seg"
NEXT: Final = f"{3:020d}.seg"
LINES: Final = b'{"label":"good","metrics":{"x":1}}\n' * 3


def _link_segment(log: Path) -> None:
    os.rename(log / SEGMENT, log / "elsewhere")
    os.symlink("elsewhere", log / SEGMENT)


def _link_to_itself(log: Path) -> None:
    os.unlink(log / SEGMENT)
    os.symlink(SEGMENT, log / SEGMENT)


def _pipe_as(name: str) -> Callable[[Path], None]:
    def make(log: Path) -> None:
        (log / name).unlink(missing_ok=True)
        os.mkfifo(log / name)

    return make


def _directory_as(name: str) -> Callable[[Path], None]:
    def make(log: Path) -> None:
        (log / name).unlink(missing_ok=True)
        (log / name).mkdir()

    return make


def _socket_as_segment(log: Path) -> None:
    os.unlink(log / SEGMENT)
    # By way of the current directory: the address of a socket may not be long.
    before = os.getcwd()
    os.chdir(log)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(SEGMENT)
    os.chdir(before)


def _device_as_segment(log: Path) -> None:
    os.unlink(log / SEGMENT)
    os.symlink("/dev/zero", log / SEGMENT)


def _odd_names(log: Path) -> None:
    for name in ("n" * 255, "9" * 20 + ".seg", "１" * 20 + ".seg", ".seg", "\n", "\x1b[31m.seg"):
        (log / name).write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(log) + b"/\xff\xfe.seg")).write_bytes(b"x")


def _linked_lock(log: Path) -> None:
    (log / "lock").unlink()
    os.symlink("/dev/null", log / "lock")


def _linked_new(log: Path) -> None:
    os.symlink("/dev/null", log / f"{NEXT}.new")


PLACES: Final[dict[str, tuple[Callable[[Path], None], bool]]] = {
    "a symbolic link as segment": (_link_segment, False),
    "a link to itself as segment": (_link_to_itself, False),
    "a link to a device as segment": (_device_as_segment, False),
    "a pipe as segment": (_pipe_as(SEGMENT), False),
    "a pipe as next segment": (_pipe_as(NEXT), False),
    "a directory as segment": (_directory_as(SEGMENT), False),
    "a directory as next segment": (_directory_as(NEXT), False),
    "a socket as segment": (_socket_as_segment, False),
    "a pipe as start": (_pipe_as("start"), False),
    "a directory as start": (_directory_as("start"), False),
    "odd names": (_odd_names, True),
    "a lock that is a directory": (_directory_as("lock"), True),
    "a lock that is a pipe": (_pipe_as("lock"), True),
    "a lock that is a link": (_linked_lock, True),
    "a link as file being made": (_linked_new, True),
    "a pipe as torn": (_pipe_as("torn"), True),
}
"""What to make of a log that holds three events, and whether these can still be read."""

COMMANDS: Final = (
    ("log", "info", "LOG"),
    ("log", "verify", "LOG"),
    ("log", "cat", "LOG"),
    ("cool", "LOG"),
    ("fire", "-", "--log", "LOG"),
    ("log", "compact", "LOG"),
    ("log", "salvage", "LOG", "COPY"),
    ("quarantine", "list", "LOG"),
)


def run_places() -> Iterator[str]:
    """Use each log in every way; tell what hangs, ends in a traceback, or claims to be right."""
    for name, (spoil, readable) in PLACES.items():
        with tempfile.TemporaryDirectory() as directory:
            made = Path(directory) / "made"
            CliRunner().invoke(main, ["fire", "-", "--log", str(made)], input=LINES)
            for command in COMMANDS:
                log, copy = Path(directory) / "log", Path(directory) / "copy"
                shutil.copytree(made, log)
                spoil(log)
                names = {"LOG": str(log), "COPY": str(copy)}
                yield from _used(name, [names.get(word, word) for word in command], readable)
                shutil.rmtree(log)
                shutil.rmtree(copy, ignore_errors=True)


def _used(name: str, command: list[str], readable: bool) -> Iterator[str]:
    what = f"{name}: {' '.join(command[:2])}"
    try:
        with patience(SECONDS):
            done = CliRunner().invoke(main, command, input=LINES)
    except Timeout:
        yield f"{what}: takes more than {SECONDS} s"
        return
    if "Traceback" in done.output or "internal error" in done.output:
        yield f"{what}: {done.output[-400:]!r}"
    if "\x1b" in done.output:
        yield f"{what}: control characters on the terminal"
    reads = command[:2] in (["log", "info"], ["log", "verify"], ["log", "cat"]) or "cool" in command
    if reads and readable and done.exit_code not in (0, 1):
        yield f"{what}: exit code {done.exit_code}: {done.output[-300:]!r}"
    if reads and not readable and done.exit_code not in (4, 74):
        yield f"{what}: exit code {done.exit_code}: {done.output[-300:]!r}"
