"""The real `crackle fire` where files may not grow, descriptors run out, or the disk is full."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from crackle_stream.log.eventlog import EventLog
from tests.torture.firing import Fired, Shape
from tests.torture.lines import Lines
from tests.torture.mounts import tmpfs

LINES: Final = Lines(7, 200)
SHAPE: Final = Shape(segment_bytes=9_000)
UNGUARDED: Final = replace(SHAPE, keep_free=-(1 << 40))
"""Writes until the disk itself refuses."""

PAGE: Final = 4_096


def small_files() -> Iterator[str | None]:
    """Let no file grow beyond a size: a write is cut short at it, and the next one fails."""
    for size in range(2_000, 9_600, 380):
        with tempfile.TemporaryDirectory(prefix="crackle-tight-") as directory:
            yield _survive(
                Path(directory),
                f"files of at most {size} bytes",
                SHAPE,
                prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),  # noqa: B023
            )


def few_descriptors() -> Iterator[str | None]:
    """Let a process have few files open."""
    for most in range(3, 14):
        with tempfile.TemporaryDirectory(prefix="crackle-tight-") as directory:
            yield _survive(
                Path(directory),
                f"{most} descriptors",
                SHAPE,
                prepare=lambda: _limit_descriptors(most),  # noqa: B023
            )


def full_disk() -> Iterator[str | None]:
    """Fill a disk, then free it: as the log refuses by itself, and as the disk does."""
    for shape in (replace(SHAPE, keep_free=0), UNGUARDED):
        for pages in range(1, 14):
            with tmpfs("1m") as where:
                filler = _leave_free(where, pages * PAGE)
                what = f"{pages} pages left, {shape.keep_free} bytes kept"
                yield _survive(where, what, shape, after=filler.unlink)


def reserve_kept() -> Iterator[str | None]:
    """Leave less free than is kept in reserve; nothing is written until there is more again."""
    with tmpfs("290m") as where:
        filler = _leave_free(where, 255 << 20)
        yield _survive(where, "less free than is kept", SHAPE, after=filler.unlink, says="are kept")


def _survive(
    directory: Path,
    what: str,
    shape: Shape,
    *,
    prepare: Callable[[], None] | None = None,
    after: Callable[[], None] | None = None,
    says: str = "",
) -> str | None:
    """Run where it is tight, then where it is not; say what went wrong."""
    with tempfile.TemporaryDirectory(prefix="crackle-tight-") as elsewhere:
        source, log = Path(elsewhere) / "lines.jsonl", directory / "log"
        source.write_bytes(LINES.text)
        try:
            with Fired(str(source), log, shape, prepare=prepare) as fired:
                acks = fired.rest()
                assert fired.code in ((74,) if says else (0, 74)), f"{fired.code}: {fired.errors}"
                assert "Traceback" not in fired.errors, fired.errors
                assert fired.code == 0 or "crackle: " in fired.errors, fired.errors
                assert says in fired.errors, fired.errors
            if after is not None:
                after()
            passed = acks[-1]["line"] if acks else 0
            assert _check(source, log) >= passed, f"{passed} lines were acknowledged"
            with Fired(str(source), log, shape) as again:
                again.rest()
                assert again.code == 0, f"then {again.code}: {again.errors}"
            assert _check(source, log) == len(LINES.lines)
        except Exception as error:
            return " | ".join(f"{what}: {type(error).__name__}: {error}".splitlines())
    return None


def _check(source: Path, path: Path) -> int:
    """Compare a log with the lines it has read; give how many these are."""
    if not path.joinpath("lock").exists():
        return 0
    log = EventLog.open(path)
    verdict = log.verify()
    assert verdict.state in ("clean", "unclosed", "torn"), verdict.summary
    position = log.last_position(str(source.resolve()))
    return LINES.check(log, position.line if position else 0, again=False)


def _limit_descriptors(most: int) -> None:
    os.closerange(3, 256)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _leave_free(where: Path, size: int) -> Path:
    """Fill a file system up to a rest."""
    status = os.statvfs(where)
    filler = where / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, status.f_bavail * status.f_frsize - size)
    return filler
