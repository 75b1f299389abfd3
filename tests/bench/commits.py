"""Print how many events a second are kept, beside two databases: ``python -m tests.bench.commits``.

Each keeps the same events (a label, a time, eight metrics), given as Python objects, so many a
commit, to the same durability, in turns. A ratio above 1 says that this log keeps more a second.
What a sync costs is the disk's doing, so that only ratios of one run mean anything.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.promises import Durability
from tests.bench.table import print_table
from tests.bench.workload import names_of

try:
    import lmdb
except ImportError:
    lmdb = None  # type: ignore[assignment]

Commit: TypeAlias = list[TaskEvent]
Keeper: TypeAlias = Callable[[Path, Iterable[Commit]], None]

NAMES: Final = names_of(8)
SIZES: Final = (1, 10, 100, 1_000)
MAP_BYTES: Final = 4 << 30


def keep_in_log(durability: Durability, path: Path, commits: Iterable[Commit]) -> None:
    """Append each commit to an event log."""
    with EventLog.create_or_open(path, durability) as log:
        for events in commits:
            log.append(batch_events(events))


def keep_in_columns(synchronous: str, path: Path, commits: Iterable[Commit]) -> None:
    """Insert each commit into an SQLite table with a column for each metric."""
    columns = ", ".join(f"{name} REAL" for name in NAMES)
    insert = f"INSERT INTO events VALUES (NULL, ?, ?{', ?' * len(NAMES)})"
    with closing(_sqlite(path, synchronous)) as database:
        database.execute(
            f"CREATE TABLE events (id INTEGER PRIMARY KEY, label TEXT, time INTEGER, {columns})"
        )
        for events in commits:
            with database:
                database.executemany(insert, map(_row, events))


def keep_as_json(synchronous: str, path: Path, commits: Iterable[Commit]) -> None:
    """Insert each commit into an SQLite table as JSON, which takes any metrics."""
    encode = msgspec.json.Encoder().encode
    with closing(_sqlite(path, synchronous)) as database:
        database.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, event TEXT)")
        for events in commits:
            with database:
                database.executemany(
                    "INSERT INTO events VALUES (NULL, ?)", [(encode(event),) for event in events]
                )


def keep_in_lmdb(sync: bool, path: Path, commits: Iterable[Commit]) -> None:
    """Put each commit into LMDB, MessagePack under rising keys."""
    encode, position = msgspec.msgpack.Encoder().encode, 0
    with closing(lmdb.open(str(path), map_size=MAP_BYTES, sync=sync)) as database:
        for events in commits:
            with database.begin(write=True) as transaction:
                for event in events:
                    transaction.put(position.to_bytes(8, "big"), encode(event), append=True)
                    position += 1


def rivals(durable: bool) -> dict[str, Keeper]:
    """Give who keeps events to a durability: on the disk, or with the operating system."""
    synchronous = "FULL" if durable else "NORMAL"
    found: dict[str, Keeper] = {
        f"SQLite {synchronous}, columns": partial(keep_in_columns, synchronous),
        f"SQLite {synchronous}, JSON": partial(keep_as_json, synchronous),
    }
    if lmdb is not None:
        found["LMDB" if durable else "LMDB without sync"] = partial(keep_in_lmdb, durable)
    return found


def rates(
    keepers: dict[str, Keeper], events: list[TaskEvent], size: int, runs: int
) -> dict[str, float]:
    """Give the median events a second of each, in turns."""
    spent: dict[str, list[float]] = {name: [] for name in keepers}
    for _ in range(runs):
        for name, keep in keepers.items():
            with tempfile.TemporaryDirectory(prefix="crackle-bench-") as directory:
                begin = time.perf_counter()
                keep(Path(directory) / "kept", _commits(events, size))
                spent[name].append(time.perf_counter() - begin)
    return {name: len(events) / statistics.median(times) for name, times in spent.items()}


def table(durable: bool, most: int, runs: int) -> Iterator[tuple[str, list[float]]]:
    """Give a row for each rival: how many times its events a second this log keeps."""
    levels: tuple[Durability, ...] = ("group", "sync") if durable else ("none", "interval")
    ours = {f"this log, {level}": partial(keep_in_log, level) for level in levels}
    keepers: dict[str, Keeper] = {**ours, **rivals(durable)}
    ratios: dict[str, list[float]] = {name: [] for name in list(keepers)[1:]}
    for size in SIZES:
        found = rates(keepers, _events(min(most, 500 * size)), size, runs)
        first = found[next(iter(ours))]
        for name in ratios:
            ratios[name].append(first / found[name])
    yield from ratios.items()


def main() -> None:
    """Measure in temporary directories, on the disk that holds them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000, help="at most; default: 50,000")
    parser.add_argument("--runs", type=int, default=5, help="default: 5")
    asked = parser.parse_args()
    columns = [f"{size:,} a commit" for size in SIZES]
    for durable, title in (
        (True, "events a second, this log (group) over each: on the disk at each commit"),
        (False, "events a second, this log (none) over each: with the operating system"),
    ):
        print_table(title, columns, table(durable, asked.events, asked.runs))


def _sqlite(path: Path, synchronous: str) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    return database


def _row(event: TaskEvent) -> tuple[str | int | float | None, ...]:
    return (event.label, event.time, *event.metrics.values())


def _events(count: int) -> list[TaskEvent]:
    rng = random.Random(1)
    return [
        TaskEvent(
            label=f"task-{i % 50}",
            time=i * 1_000_000_000,
            metrics={name: rng.gauss(100, 10) for name in NAMES},
        )
        for i in range(count)
    ]


def _commits(events: list[TaskEvent], size: int) -> Iterator[Commit]:
    return (events[first : first + size] for first in range(0, len(events), size))


if __name__ == "__main__":
    main()
