"""The real `crackle fire` whose N-th call to the kernel fails, is interrupted, or is its last."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from crackle_stream.log.eventlog import EventLog
from tests.torture.firing import Fired, Shape
from tests.torture.lines import Lines

FAILING: Final = {
    "pwrite64": ("EIO", "ENOSPC"),
    "fdatasync": ("EIO",),
    "fsync": ("EIO",),
    "rename": ("EIO",),
    "ftruncate": ("EIO",),
    "openat": ("EIO", "EMFILE"),
    "flock": ("EIO",),
    "close": ("EIO",),
    "pread64": ("EIO",),
    "statfs": ("EIO",),
    "unlink": ("EIO",),
    "mkdir": ("EIO",),
}
HARMLESS: Final = {
    "pwrite64": ("error=EINTR", "retval=0"),
    "pread64": ("error=EINTR",),
    "fdatasync": ("error=EINTR",),
    "fsync": ("error=EINTR",),
    "ftruncate": ("error=EINTR",),
    "flock": ("error=EINTR",),
}
"""What a caller tries again. A call that strace answers is not made, so that the only short write
it can give is one of nothing; a full disk and a limited file give the others."""

READING: Final = ("pread64", "openat", "close", "statfs")
KILLED: Final = ("pwrite64", "fdatasync", "fsync", "rename", "ftruncate", "unlink", "close")

SHAPE: Final = Shape(segment_bytes=1_600, chunk_bytes=300)
LINES: Final = Lines(5, 24)
ACKNOWLEDGED: Final = re.compile(r'write\(1, ".*acknowledged')


class Fault(Struct, frozen=True):
    """What happens at which call.

    Parameters
    ----------
    scene
        Whether the log is ``new`` or ``left`` by a crash.
    call, number
        Which call, and which of them, from 1.
    what
        As strace has it.
    """

    scene: str
    call: str
    number: int
    what: str

    def __str__(self) -> str:
        return f"{self.scene} log, {self.call} {self.number}: {self.what}"


class Scenes:
    """A directory with what the runs begin with."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.source = directory / "lines.jsonl"
        self.source.write_bytes(LINES.text)
        self.new = directory / "new"
        self.left = directory / "left"
        self.new.mkdir()
        self._leave()

    def _leave(self) -> None:
        """Read some lines, then leave a write cut short and a file that was not finished."""
        self.source.write_bytes(b"".join(LINES.lines[:9]))
        with Fired(str(self.source), self.left, SHAPE) as fired:
            fired.rest()
        self.source.write_bytes(LINES.text)
        last = max(self.left.glob("*.seg"))
        with last.open("ab") as file:
            file.write(last.read_bytes()[-300:-100])
        (self.left / f"{last.name}.new").write_bytes(b"begun")

    def copy(self, scene: str, where: Path) -> Path:
        return Path(shutil.copytree(self.directory / scene, where / "log"))


def counted(scenes: Scenes) -> Iterator[Fault]:
    """Give every fault: at each call that a run without faults makes."""
    for scene in ("new", "left"):
        calls = _calls(scenes, scene)
        for call, number in calls.items():
            for what in _faults(call):
                yield from (Fault(scene, call, n, what) for n in range(1, number + 1))


def _faults(call: str) -> list[str]:
    return [
        *(f"error={name}" for name in FAILING[call]),
        *HARMLESS.get(call, ()),
        *(["signal=KILL"] if call in KILLED else []),
    ]


def _calls(scenes: Scenes, scene: str) -> Counter[str]:
    with tempfile.TemporaryDirectory(prefix="crackle-fault-") as directory:
        where = Path(directory)
        with traced(str(scenes.source), scenes.copy(scene, where), where / "trace") as fired:
            fired.rest()
            assert fired.code == 0, fired.errors
        found = re.findall(r"^\d+ +(\w+)\(", (where / "trace").read_text(), re.MULTILINE)
    return Counter(call for call in found if call in FAILING)


def traced(source: str, log: Path, trace: Path, inject: str | None = None) -> Fired:
    """Start a fork of this process under strace, which writes all its calls."""
    waiting, go = os.pipe()
    fired = Fired(source, log, SHAPE, prepare=lambda: _wait_for(waiting, go))
    os.close(waiting)
    asked = ["-e", f"trace={','.join(FAILING)},write"]
    asked += ["-e", f"inject={inject}"] if inject else []
    strace = subprocess.Popen(
        ["strace", "-f", "-p", str(fired.pid), "-o", str(trace), "-s", "40", *asked],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert strace.stderr is not None
    said = strace.stderr.readline()
    assert "attached" in said, said
    fired.beside = strace
    os.close(go)
    return fired


def _wait_for(waiting: int, go: int) -> None:
    os.close(go)
    os.read(waiting, 1)


def suffer(scenes: Scenes, fault: Fault) -> str | None:
    """Run with a fault, then without; say what went wrong."""
    with tempfile.TemporaryDirectory(prefix="crackle-fault-") as directory:
        where = Path(directory)
        log = scenes.copy(fault.scene, where)
        inject = f"{fault.call}:{fault.what}:when={fault.number}"
        try:
            with traced(str(scenes.source), log, where / "trace", inject) as fired:
                acks = fired.rest()
                _check_end(fault, fired, (where / "trace").read_text())
            _check_log(scenes, log, acks)
            with Fired(str(scenes.source), log, SHAPE) as again:
                again.rest()
                assert again.code == 0, f"then {again.code}: {again.errors}"
            _check_whole(log)
        except Exception as error:
            return " | ".join(f"{fault}: {type(error).__name__}: {error}".splitlines())
    return None


def _check_end(fault: Fault, fired: Fired, trace: str) -> None:
    errors = fired.errors
    assert "Traceback" not in errors, errors
    if fault.what == "signal=KILL":
        assert fired.code in (-9, 0), f"{fired.code}: {errors}"
    elif fault.what in HARMLESS.get(fault.call, ()):
        assert fired.code == 0, f"{fired.code}: {errors}"
    elif fired.code != 0 or not _closes_what_was_read(trace):
        assert fired.code == 74, f"{fired.code}: {errors}"
        assert "crackle: " in errors, errors
        _, injected, after = trace.partition("(INJECTED)")
        assert injected, "nothing was injected"
        assert not ACKNOWLEDGED.search(after), "acknowledged after the failure"


def _closes_what_was_read(trace: str) -> bool:
    """Whether the call that failed was the close of a file or directory opened for reading."""
    before, _, _ = trace.partition("(INJECTED)")
    closed = re.search(r"close\((\d+)\)[^\n]*$", before)
    if closed is None:
        return False
    opened = re.findall(rf"openat\([^\n]*, (O_\w+)[^\n]* = {closed[1]}\n", before)
    return bool(opened) and opened[-1] == "O_RDONLY"


def _check_log(scenes: Scenes, path: Path, acks: list[dict[str, Any]]) -> None:
    if not path.joinpath("lock").exists() and not acks:
        return
    log = EventLog.open(path)
    verdict = log.verify()
    assert verdict.state in ("clean", "unclosed", "torn"), verdict.summary
    position = log.last_position(str(scenes.source.resolve()))
    line = position.line if position else 0
    assert line >= (acks[-1]["line"] if acks else 0), f"line {line}, acknowledged: {acks[-1]}"
    LINES.check(log, line, again=False)


def _check_whole(path: Path) -> None:
    log = EventLog.open(path)
    assert log.verify().state == "clean"
    LINES.check(log, len(LINES.lines), again=False)
