"""Hostile cardinality: more labels, names, ids and sets of names than anybody means, in 300 MB.

python -m tests.torture.cardinality
python -m tests.torture.cardinality --share 0.1 --only labels
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import click
from msgspec import Struct

MOST: Final = 300_000_000
"""Bytes of memory that a command may take at its peak."""

SECONDS: Final = 300
_BEGIN: Final = 1_700_000_000
_STATISTICS: Final = """
import sys
from crackle_stream import Kiln
with Kiln(sys.argv[1]) as kiln:
    kiln.statistics()
"""
_CRACKLE: Final = "from crackle_stream.cli import main; main()"


class Peak(Struct, frozen=True):
    """How a command ended, and what it took."""

    what: str
    code: int
    memory: int
    seconds: float
    told: str

    def __str__(self) -> str:
        return f"{self.what:<30} {self.memory / 1e6:6,.0f} MB {self.seconds:6.1f} s"


def _labels(count: int) -> Iterator[str]:
    for i in range(count):
        yield f'{{"label":"task-{i:07}","time":{_BEGIN + i},"metrics":{{"seconds":{i % 97}.5}}}}\n'


def _ids(count: int) -> Iterator[str]:
    for i in range(count):
        yield f'{{"id":"id-{i:07}","time":{_BEGIN + i},"metrics":{{"seconds":{i % 97}.5}}}}\n'


def _names(count: int) -> Iterator[str]:
    for i in range(count):
        yield f'{{"time":{_BEGIN + i},"metrics":{{"metric-{i:06}":{i % 97}.5}}}}\n'


def _fresh(count: int) -> Iterator[str]:
    for i in range(count):
        metrics = {f"metric-{256 * i + j:07}": j + 0.5 for j in range(256)}
        yield json.dumps({"time": _BEGIN + i, "metrics": metrics}) + "\n"


def _sets(count: int) -> Iterator[str]:
    rng = random.Random(1)
    for i in range(count):
        metrics = {f"metric-{j:03}": rng.random() for j in range(300) if rng.random() < 0.5}
        yield json.dumps({"time": _BEGIN + i, "metrics": metrics}) + "\n"


KINDS: Final[dict[str, tuple[Callable[[int], Iterator[str]], int]]] = {
    "labels": (_labels, 1_000_000),
    "ids": (_ids, 1_000_000),
    "names": (_names, 100_000),
    "fresh names": (_fresh, 4_000),
    "sets of names": (_sets, 20_000),
}
"""What is different in each event, and how many events make it hostile."""

COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "fire": (_CRACKLE, "fire", "LINES", "--log", "LOG"),
    "log info": (_CRACKLE, "log", "info", "LOG"),
    "log verify": (_CRACKLE, "log", "verify", "LOG"),
    "cool": (_CRACKLE, "cool", "LOG", "-q"),
    "cool --group-by": (_CRACKLE, "cool", "LOG", "-q", "--group-by", "label"),
    "statistics": (_STATISTICS, "LOG"),
}


def measure(kind: str, share: float) -> Iterator[Peak]:
    """Put one kind into a log and do everything with it."""
    make, count = KINDS[kind]
    with tempfile.TemporaryDirectory() as directory:
        lines, log = Path(directory) / "lines.jsonl", Path(directory) / "log"
        with lines.open("w") as file:
            file.writelines(make(max(int(count * share), 1)))
        names = {"LINES": str(lines), "LOG": str(log)}
        for name, words in COMMANDS.items():
            if name != "cool --group-by" or kind == "labels":
                yield _peak(f"{kind}: {name}", [names.get(word, word) for word in words])


def _peak(what: str, words: list[str]) -> Peak:
    """Run Python code as a process of its own; its memory is what the kernel counted."""
    begun = time.monotonic()
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            ["timeout", "-s", "KILL", str(SECONDS), sys.executable, "-c", *words],
            stdout=subprocess.DEVNULL,
            stderr=told,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        text = told.read().decode(errors="replace")
    seconds = time.monotonic() - begun
    return Peak(what, process.returncode, usage.ru_maxrss * 1_024, seconds, text)


def too_much(peak: Peak) -> str:
    """Tell what is wrong with a run, if anything."""
    if peak.code or "Traceback" in peak.told:
        return f"{peak.what}: exit code {peak.code}: {peak.told[-300:]}"
    return f"{peak}: at most {MOST / 1e6:,.0f} MB" if peak.memory > MOST else ""


@click.command()
@click.option("--share", default=1.0, show_default=True, help="Of the events of each kind.")
@click.option("--only", type=click.Choice(list(KINDS)))
def main(share: float, only: str | None) -> None:
    """Measure memory; exit 1 when something took too much."""
    lost = []
    for kind in [only] if only else KINDS:
        for peak in measure(kind, share):
            click.echo(str(peak))
            lost += [text for text in (too_much(peak),) if text]
    click.echo("\n".join(lost))
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
