"""Fuzzing: lines, bytes of logs with and without right CRCs, and batches that go round.

python -m tests.torture.fuzz --seconds 1800
python -m tests.torture.fuzz --replay FILE
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Final

import click
import msgspec
from msgspec import Struct

from crackle_stream.log.memory import MemoryDisk
from tests.torture import fuzz_batches, fuzz_lines, hostile_logs
from tests.torture.hostile_logs import bounded_memory, patience
from tests.torture.outcome import Outcome

PATIENCE_S: Final = 30
MOST_FAILURES: Final = 20


class Part(Struct, frozen=True):
    """A kind of input: made from a seed as bytes, and put to use, which tells what is wrong."""

    make: Callable[[int], bytes]
    flaws: Callable[[bytes, int], Iterable[str]]


class Case(Struct, frozen=True):
    """An input that failed, as it is kept in a file."""

    part: str
    seed: int
    data: bytes
    flaw: str


def _make_text(seed: int) -> bytes:
    return fuzz_lines.make(random.Random(seed))


def _make_log(seed: int) -> bytes:
    rng = random.Random(seed)
    disk = hostile_logs.make(rng)
    hostile_logs.mutate(disk, rng)
    return msgspec.msgpack.encode({name: bytes(data) for name, data in disk.files.items()})


def _log_flaws(data: bytes, seed: int) -> Iterable[str]:
    disk = MemoryDisk()
    files = msgspec.msgpack.decode(data, type=dict[str, bytes])
    disk.files = {name: bytearray(content) for name, content in files.items()}
    return hostile_logs.escapes(disk)


def _seeded(flaws: Callable[[int], Iterable[str]]) -> Part:
    return Part(lambda seed: b"", lambda data, seed: flaws(seed))


PARTS: Final = {
    "lines": Part(_make_text, fuzz_lines.flaws),
    "logs": Part(_make_log, _log_flaws),
    "noise": _seeded(fuzz_batches.read_noise),
    "batches": _seeded(fuzz_batches.go_round),
}


def fuzz(seconds: float, start: int, only: str | None = None) -> tuple[str, list[str]]:
    """Try the parts in turns, a second each; tell how many inputs, and what was wrong."""
    end, counts, lost = time.monotonic() + seconds, dict.fromkeys(PARTS, 0), []
    while time.monotonic() < end and len(lost) < MOST_FAILURES:
        for name in [only] if only else PARTS:
            turn = min(time.monotonic() + 1, end)
            while time.monotonic() < turn and len(lost) < MOST_FAILURES:
                lost += _try(name, start + counts[name])
                counts[name] += 1
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    return told, lost


def _try(name: str, seed: int) -> list[str]:
    data = PARTS[name].make(seed)
    found = list(islice(_flaws(name, data, seed), 1))
    return [_keep(Case(name, seed, data, found[0]))] if found else []


def _flaws(name: str, data: bytes, seed: int) -> Iterable[str]:
    # Logs look after their own time: an alarm has one owner.
    if name == "logs":
        with bounded_memory():
            yield from PARTS[name].flaws(data, seed)
        return
    try:
        with patience(PATIENCE_S):
            yield from PARTS[name].flaws(data, seed)
    except hostile_logs.Timeout:
        yield f"takes more than {PATIENCE_S} s"


def _keep(case: Case) -> str:
    """Write a failing input to a file; tell how to see it again."""
    path = Path(tempfile.mkdtemp(prefix="crackle-fuzz-")) / f"{case.part}-{case.seed}"
    path.write_bytes(msgspec.msgpack.encode(case))
    again = f"python -m tests.torture.fuzz --replay {path}"
    return f"{case.part} {case.seed}: {case.flaw[:400]} ({again})"


def replay(path: Path) -> list[str]:
    """Give what is wrong with an input that was kept."""
    case = msgspec.msgpack.decode(path.read_bytes(), type=Case)
    return list(_flaws(case.part, case.data, case.seed))


@click.command()
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--seed", type=int, help="The first one; else of the clock.")
@click.option("--only", type=click.Choice(list(PARTS)))
@click.option("--replay", "kept", type=click.Path(path_type=Path), help="An input that was kept.")
def main(seconds: float, seed: int | None, only: str | None, kept: Path | None) -> None:
    """Fuzz for so long; exit 1 when something was wrong."""
    if kept is not None:
        told, lost = f"{kept}", replay(kept)
    else:
        seed = int(time.time()) * 1_000 if seed is None else seed
        click.echo(f"first seed {seed}")
        told, lost = fuzz(seconds, seed, only)
    outcome = Outcome(layer="fuzz", ran=told, lost=tuple(lost))
    click.echo("\n".join((f"{outcome.ran}; lost: {len(lost)}", *lost)))
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
