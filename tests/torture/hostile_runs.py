"""Bad lines through the whole command line: in process in groups, large ones as real processes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from click.testing import CliRunner
from msgspec import Struct

from crackle_stream.cli import main
from crackle_stream.log.eventlog import EventLog
from tests.torture.hostile_lines import CORPUS, bad_lines
from tests.torture.hostile_logs import Timeout, patience

GROUP: Final = 60
SECONDS: Final = 120
MIB: Final = 1 << 20
CRACKLE: Final = (sys.executable, "-c", "from crackle_stream.cli import main; main()")
_ACCOUNTS: Final = re.compile(r"read=(\d+) accepted=(\d+) duplicate=(\d+) quarantined=(\d+)")


class Large(Struct, frozen=True):
    """Input that is made piece by piece, and how many of its lines are read and accepted."""

    name: str
    pieces: Sequence[tuple[bytes, int]]
    read: int
    accepted: int

    def chunks(self) -> Iterator[bytes]:
        for piece, count in self.pieces:
            at_once = max(min(count, MIB // len(piece)), 1)
            for done in range(0, count, at_once):
                yield piece * min(at_once, count - done)


GOOD: Final = b'{"label":"good","metrics":{"x":1}}\n'
LARGE: Final = (
    Large("a label of 200 MB", ((GOOD, 1), (b'{"label":"', 1), (b"y" * 1_000, 200_000),
          (b'","metrics":{}}\n', 1), (GOOD, 1)), 3, 2),
    Large("a million empty lines", ((GOOD, 1), (b"\n", 1_000_000), (GOOD, 1)), 2, 2),
    Large("a million lines of CR", ((GOOD, 1), (b"\r\n", 1_000_000), (GOOD, 1)), 2, 2),
    Large("64 MiB of zeros", ((GOOD, 1), (b"\0", 64 * MIB), (b"\n", 1), (GOOD, 1)), 3, 2),
    Large("64 MiB of blanks", ((GOOD, 1), (b" ", 64 * MIB), (b"\n", 1), (GOOD, 1)), 3, 2),
    Large("10 million brackets", ((GOOD, 1), (b"[", 10_000_000), (b"\n", 1), (GOOD, 1)), 3, 2),
    Large("100,000 lines that are no JSON", ((GOOD, 1), (b"{\n", 100_000), (GOOD, 1)), 100_002, 2),
    Large("100,000 arrays of events",
          ((GOOD, 1), (b'[{"metrics":{"x":1}}]\n', 100_000), (GOOD, 1)), 100_002, 2),
    Large("20,000 lines as deep as a decoder goes",
          ((GOOD, 1), (b"[" * 900 + b"\n", 20_000), (GOOD, 1)), 20_002, 2),
)  # fmt: skip


def corpus() -> Iterator[tuple[str, bytes]]:
    """Give groups of bad lines with a name; files that went wrong once are each their own."""
    lines = list(bad_lines())
    for start in range(0, len(lines), GROUP):
        yield f"lines {start} to {start + GROUP}", b"\n".join(lines[start : start + GROUP])
    for path in sorted(CORPUS.iterdir()) if CORPUS.is_dir() else ():
        if path.suffix in (".lines", ".jsonl"):
            yield path.name, path.read_bytes()


def run_corpus() -> Iterator[str]:
    """Read each group with good lines between, and by itself; tell what went wrong."""
    for name, text in corpus():
        try:
            with patience(SECONDS):
                mixed, good = _with_good_lines(text)
                yield from _fired(name, mixed, good)
                yield from _fired(f"{name}, alone", text, [])
                yield from _cooled(name, mixed)
        except Timeout:
            yield f"{name}: takes more than {SECONDS} s"


def _with_good_lines(text: bytes) -> tuple[bytes, list[str]]:
    """Put a good line before each line, and one at the end."""
    lines, labels, out = text.split(b"\n"), [], []
    for number, line in enumerate([*lines, b""]):
        labels.append(f"good-{number}")
        out += [json.dumps({"label": labels[-1], "metrics": {"x": 1}}).encode(), line]
    return b"\n".join(out), labels


def _fired(name: str, text: bytes, good: list[str]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as place:
        log = Path(place) / "log"
        done = CliRunner().invoke(main, ["fire", "-", "--log", str(log)], input=text)
        yield from _flaws(f"fire {name}", done.exit_code, done.output, (0,))
        accounts = _ACCOUNTS.search(done.output)
        if accounts is None:
            yield f"fire {name}: no accounts: {done.output[-300:]!r}"
            return
        read, accepted, duplicate, quarantined = map(int, accounts.groups())
        with EventLog.open(log) as events:
            labels, count = events.labels(range(events.count)), events.count
            refused = sum(1 for _ in events.rejections())
        if read != accepted + duplicate + quarantined or (count, refused) != (
            accepted,
            quarantined,
        ):
            yield f"fire {name}: {accounts[0]}, and {count} and {refused} in the log"
        if [label for label in labels if label.startswith("good-")] != good:
            yield f"fire {name}: good lines are missing"


def _cooled(name: str, text: bytes) -> Iterator[str]:
    done = CliRunner().invoke(main, ["cool", "-", "-q"], input=text)
    yield from _flaws(f"cool {name}", done.exit_code, done.output, (0,))


def _flaws(what: str, code: int, told: str, expected: Sequence[int]) -> Iterator[str]:
    if code not in expected:
        yield f"{what}: exit code {code}: {told[-300:]!r}"
    if "Traceback" in told or "internal error" in told:
        yield f"{what}: {told[-500:]!r}"
    if any(ord(char) < 32 and char not in "\n\t" for char in told):
        yield f"{what}: control characters on the terminal"


def run_large() -> Iterator[str]:
    """Read large inputs as a real process does; tell what went wrong."""
    for large in LARGE:
        with tempfile.TemporaryDirectory() as place:
            yield from _piped(large, ("fire", "-", "--log", f"{place}/log"))


def _piped(large: Large, arguments: Sequence[str]) -> Iterator[str]:
    with tempfile.TemporaryFile() as file:
        file.writelines(large.chunks())
        file.seek(0)
        try:
            done = subprocess.run(
                (*CRACKLE, *arguments), stdin=file, capture_output=True, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            yield f"{large.name}: takes more than {SECONDS} s"
            return
    told = done.stderr.decode()
    yield from _flaws(large.name, done.returncode, told, (0,))
    quarantined = large.read - large.accepted
    expected = f"read={large.read} accepted={large.accepted} duplicate=0 quarantined={quarantined}"
    if not told.endswith(f"{expected}\n"):
        yield f"{large.name}: {told[-300:]!r} where {expected} was expected"
