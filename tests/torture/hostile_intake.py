"""Hostile lines through the readers of lines, and through the command itself."""

from __future__ import annotations

import io
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from click.testing import CliRunner, Result

from crackle_stream.cli import main
from crackle_stream.ingest.chunks import Chunk, read_chunks
from crackle_stream.ingest.limits import Limits
from crackle_stream.ingest.mapping import FieldMapping, Understanding
from crackle_stream.log.eventlog import EventLog
from tests.torture.hostile_logs import PATIENCE_S, Timeout, patience
from tests.torture.hostile_oracle import NoOpinion, Refused, metrics_of

CODES: Final = {0, 1, 2, 3, 4, 74}
"""Exit codes that an answer to bad input may have."""

MAPPINGS: Final = (
    ("--metrics", "auto"),
    ("--label", ".other.name", "--time", ".ts"),
    ("--metrics", ".other", "--time-unit", "ns"),
)
PROGRAM: Final = "from crackle_stream.cli import main; main()"
_ACCOUNTS: Final = re.compile(
    r"^read=(\d+) accepted=(\d+) duplicate=(\d+) quarantined=(\d+)$", re.MULTILINE
)
TOKENS: Final = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\n", b"\r\n", b"\r", b"\x00", b" ", b"null",
    b"true", b"NaN", b"-Infinity", b"1e400", b"-0", b"9007199254740993", b"1e-400", b"\\ud800",
    b"\\u0000", b"\xff", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b'"metrics"', b'"label"',
    b'"time"', b'"value"', b'"outcome":"ok"', b'"attributes":{}', b'"metrics":{}', b"}\n{", b"[" * 40,
    b'{"a":' * 33, b'"2026-02-30T00:00:00Z"', b'"2026-03-01T12:00:00Z"', b"1690391261123", b"//",
)  # fmt: skip


def good(n: int) -> bytes:
    """Give a line that must come through, whatever is around it."""
    return b'{"label":"good-%d","time":%d,"metrics":{"x":%d.5}}' % (n, 1_700_000_000 + n, n % 7)


def framed(lines: Iterable[bytes]) -> tuple[bytes, int]:
    """Put good lines between bad ones; give also how many."""
    parts, count = [], 0
    for line in lines:
        parts += [good(count), line]
        count += 1
    return b"\n".join([*parts, *(good(count + i) for i in range(3)), b""]), count + 3


def run_here(arguments: Sequence[str], data: bytes) -> Result | str:
    """Run the command in this process; a text says that it took too long."""
    try:
        with patience(2 * PATIENCE_S):
            return CliRunner().invoke(main, list(arguments), input=data)
    except Timeout:
        return f"takes more than {2 * PATIENCE_S} s"


def faults_of_command(arguments: Sequence[str], data: bytes, goods: int) -> Iterator[str]:
    """Fire or cool lines, each good one of which must be kept; tell what was wrong."""
    with tempfile.TemporaryDirectory() as directory:
        log = f"{directory}/log"
        result = run_here([*arguments, "--log", log], data)
        if isinstance(result, str):
            yield result
            return
        yield from faults_of_answer(result.exit_code, result.stderr, result.exception)
        labels = [
            label
            for block in EventLog.open(Path(log)).blocks(columns=("labels",))
            for label in block.batch.labels or []
        ]
        mapped = len(arguments) > 2
        kept = [label for label in labels if label.startswith("good-")]
        if not mapped and kept != [f"good-{n}" for n in range(goods)]:
            yield f"{len(kept)} of {goods} good lines were kept"


def faults_of_answer(code: int, told: str, error: BaseException | None = None) -> Iterator[str]:
    """Tell what is wrong with how the command ended."""
    if code not in CODES:
        yield f"exit code {code}: {told[-300:]}"
    if "Traceback" in told or "internal error" in told:
        yield f"a traceback: {told[-300:]}"
    if error is not None and not isinstance(error, SystemExit):
        yield f"{type(error).__name__} left the command: {error}"
    accounts = _ACCOUNTS.findall(told)
    if len(accounts) != 1:
        yield f"{len(accounts)} accounts"
    for read, *parts in accounts:
        if int(read) != sum(map(int, parts)):
            yield f"accounts that do not close: {read} and {parts}"


def faults_outside(arguments: Sequence[str], parts: Iterable[bytes], goods: int) -> Iterator[str]:
    """Run the command as a process of its own, which is given lines as it takes them."""
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile() as told:
        log = f"{directory}/log"
        command = [sys.executable, "-c", PROGRAM, *arguments, "--log", log]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=told, stderr=told)
        assert process.stdin is not None
        try:
            for part in parts:
                process.stdin.write(part)
            process.stdin.close()
            code = process.wait(6 * PATIENCE_S)
        except (BrokenPipeError, subprocess.TimeoutExpired) as error:
            process.kill()
            process.wait()
            yield f"{type(error).__name__}: {error}"
            return
        told.seek(0)
        yield from faults_of_answer(code, told.read().decode(errors="replace"))
        kept = EventLog.open(Path(log)).count
        if kept < goods:
            yield f"{kept} of {goods} good lines were kept"


class Dribble(io.RawIOBase):
    """A stream that gives its bytes in pieces of any size, as a pipe may."""

    def __init__(self, data: bytes, rng: random.Random) -> None:
        self._data, self._at, self._rng = data, 0, rng
        self._most = rng.choice([1, 7, 64, 4_096, 1 << 20])

    def read(self, size: int = -1) -> bytes:
        """Give some bytes."""
        most = self._most if len(self._data) < 64 * self._most else max(self._most, 512)
        size = min(size, self._rng.randint(1, most)) if size >= 0 else len(self._data)
        part = self._data[self._at : self._at + size]
        self._at += len(part)
        return part


def mutated(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Give a line made of others."""
    line = bytearray(rng.choice(seeds)[:20_000])
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        at = rng.randrange(len(line) + 1)
        match rng.randrange(7):
            case 0 if at < len(line):
                line[at] ^= 1 << rng.randrange(8)
            case 1:
                line[at:at] = rng.choice(TOKENS)
            case 2:
                other = rng.choice(seeds)[:20_000]
                line[at:] = other[rng.randrange(len(other) + 1) :]
            case 3:
                del line[at : at + rng.choice([1, 3, 50])]
            case 4:
                line[at:at] = line[max(at - 30, 0) : at]
            case 5:
                line = bytearray(_restructured(bytes(line), rng))
            case _:
                line[at : at + 1] = rng.randbytes(rng.randrange(4))
    return bytes(line)


def _restructured(line: bytes, rng: random.Random) -> bytes:
    """Give another value to a field of a line that is JSON."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if not isinstance(record, dict):
        return line
    field = rng.choice([*record, "metrics", "time", "value", "label", "attributes", "id"])
    value = rng.choice([None, True, 0, -1, 2**53, 2**53 + 1, 1e300, "", "x", [], {}, [{}], {"a": 1}])
    if rng.random() < 0.3 and isinstance(record.get("metrics"), dict):
        record["metrics"][field] = value
    else:
        record[field] = value
    return json.dumps(record).encode("utf-8", "surrogatepass")


def faults_of_reading(data: bytes, rng: random.Random) -> Iterator[str]:
    """Read lines in pieces of any size, and compare each with what the oracle says of it."""
    shapes: list[Understanding] = []
    options = {
        "mapping": FieldMapping(),
        "chunk_bytes": rng.choice([1, 100, 65_536, 1 << 20]),
        "understood": shapes.append,
    }
    native = rng.random() < 0.8
    if not native:
        options["mapping"] = rng.choice(
            [
                FieldMapping(metrics="auto"),
                FieldMapping(label=".a.b", time=".ts", time_unit="ns"),
                FieldMapping(metrics=".value", id=".label", duration=".metrics.x"),
            ]
        )
    try:
        with patience(PATIENCE_S):
            chunks = list(read_chunks(Dribble(data, rng), "s", **options))  # type: ignore[arg-type]
    except Timeout:
        yield f"reading takes more than {PATIENCE_S} s"
        return
    except Exception as error:
        yield f"{type(error).__name__}: {error}"
        return
    yield from _unbalanced(chunks, data)
    # A first object may lead to a mapping by itself, which the oracle knows nothing of.
    if native and all(shape.mapping == FieldMapping() for shape in shapes):
        yield from _disagreements(chunks, data)


def _unbalanced(chunks: Sequence[Chunk], data: bytes) -> Iterator[str]:
    read = sum(chunk.read for chunk in chunks)
    parts = sum(len(chunk.batch) + len(chunk.rejections) for chunk in chunks)
    lines = sum(bool(line.strip(b" \t\r")) for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"))
    if not read == parts == lines:
        yield f"{read} lines were read, {parts} accepted or refused, and there are {lines}"
    if chunks and chunks[-1].position.offset != len(data):
        yield f"the position is {chunks[-1].position.offset} behind {len(data)} bytes"


def _disagreements(chunks: Sequence[Chunk], data: bytes) -> Iterator[str]:
    events = (chunk.batch.event(row) for chunk in chunks for row in range(len(chunk.batch)))
    refused = {rejection.line for chunk in chunks for rejection in chunk.rejections}
    most = Limits().line_bytes
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip(b" \t\r"):
            continue
        found = None if number in refused else next(events).metrics
        try:
            expected = None if len(line) > most else metrics_of(line)
        except NoOpinion:
            continue
        except Refused:
            expected = None
        if found != expected:
            yield f"line {number} gives {found}, and should give {expected}: {line[:200]!r}"
            return
