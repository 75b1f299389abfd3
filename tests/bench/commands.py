"""Speed and memory of whole processes: pipes into logs, passes over logs, starting up."""

from __future__ import annotations

import shutil
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.bench.spent import Command, Cost, run, run_in_turns
from tests.bench.table import Row, print_table

CRACKLE = Path(sys.executable).with_name("crackle")
FEW = 100
RUNS = 3


def print_tables(directory: Path, events: int) -> None:
    """Print all tables of processes; files are made in a directory."""
    lines, few = (make("lines", directory, n, 8) for n in (events, FEW))
    log = directory / "fired"
    print_table(
        f"JSON lines on stdin, {events:,} x 8: over msgspec alone, both less start-up (CPU)",
        ("ratio",),
        piped(lines, few, log),
    )
    print_table("bytes of that log", ("of JSON", "of gzip -6"), sizes(log, lines))
    print_table(
        "passes over a log: over decoding its rows with msgspec, both less start-up (CPU)",
        ("ratio", "CPU s", "peak MB"),
        passes(directory, events),
    )
    print_table(
        f"passes over {4 * events:,} x 12: over {events:,} x 12",
        ("CPU", "peak"),
        growth(directory, events),
    )
    print_table("from start to end: over python -c pass", ("CPU", "wall"), starts(directory, few))


def make(form: str, directory: Path, events: int, metrics: int) -> Path:
    """Make a file or a log of events, once."""
    path = directory / f"{form}-{events}-{metrics}"
    if not path.exists():
        run(python("workload", form, path, str(events), str(metrics)))
    return path


def python(module: str, *words: str | Path, stdin: Path | None = None) -> Command:
    """Give a command that runs a module of this directory."""
    command = Command((sys.executable, "-m", f"tests.bench.{module}", *words))
    return command if stdin is None else command._replace(stdin=stdin)


def piped(lines: Path, few: Path, log: Path) -> Iterator[Row]:
    """Give what firing costs over decoding; the log of all lines is left behind."""
    fire = Command((CRACKLE, "fire", "-", "--log", log, "--quiet"))
    commands = {
        "start decode": python("yardstick", "lines", stdin=few),
        "decode": python("yardstick", "lines", stdin=lines),
        "start fire": fire._replace(stdin=few),
        "fire": fire._replace(stdin=lines),
    }
    costs = run_in_turns(commands, RUNS, lambda: shutil.rmtree(log, ignore_errors=True))
    yield "crackle fire -", (_less_start(costs, "fire") / _less_start(costs, "decode"),)


def _less_start(costs: dict[str, Cost], name: str) -> float:
    return costs[name].cpu - costs[f"start {name}"].cpu


def sizes(log: Path, lines: Path) -> Iterator[Row]:
    """Give the log's size over the text's, and over the text's gzipped."""
    size = sum(file.stat().st_size for file in log.rglob("*") if file.is_file())
    gzip, gzipped = zlib.compressobj(6, wbits=31), 0
    with lines.open("rb") as file:
        while chunk := file.read(1 << 20):
            gzipped += len(gzip.compress(chunk))
    gzipped += len(gzip.flush())
    yield "log", (size / lines.stat().st_size, size / gzipped)


def passes(directory: Path, events: int) -> Iterator[Row]:
    """Give what moments alone cost, and what all detectors cost."""
    for name, metrics, command in (("moments alone", 8, moments), ("all detectors", 12, cool)):
        log, few_log = (make("log", directory, n, metrics) for n in (events, FEW))
        rows, few_rows = (make("rows", directory, n, metrics) for n in (events, FEW))
        commands = {
            "ours": command(log),
            "start ours": command(few_log),
            "decode": python("yardstick", "rows", stdin=rows),
            "start decode": python("yardstick", "rows", stdin=few_rows),
        }
        costs = run_in_turns(commands, RUNS)
        ratio = _less_start(costs, "ours") / _less_start(costs, "decode")
        ours = costs["ours"]
        yield f"{name}, {events:,} x {metrics}", (ratio, ours.cpu, ours.resident / 1e6)


def growth(directory: Path, events: int) -> Iterator[Row]:
    """Give what all detectors cost on four times the events."""
    one, four = (run(cool(make("log", directory, n * events, 12))) for n in (1, 4))
    yield "all detectors", (four.cpu / one.cpu, four.resident / one.resident)


def moments(log: Path) -> Command:
    """Give the command that reads a log's running moments."""
    return python("yardstick", "moments", log)


def cool(source: Path) -> Command:
    """Give the command that cools a source."""
    return Command((CRACKLE, "cool", source, "--format", "jsonl", "--quiet"))


def starts(directory: Path, few: Path) -> Iterator[Row]:
    """Give what small commands cost over starting Python."""
    commands = {
        "python -c pass": Command((sys.executable, "-c", "pass")),
        "crackle --help": Command((CRACKLE, "--help")),
        f"crackle cool, {FEW} lines": cool(few),
        "crackle cool, log of 10,000 x 8": cool(make("log", directory, 10_000, 8)),
    }
    costs = run_in_turns(commands, 3 * RUNS)
    bare = costs.pop("python -c pass")
    for name, cost in costs.items():
        yield name, (cost.cpu / bare.cpu, cost.wall / bare.wall)
