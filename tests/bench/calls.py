"""Speed of calls within one process: reading odd lines, firing one at a time, finding phases."""

from __future__ import annotations

import io
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from crackle_stream.ingest.chunks import read_chunks
from crackle_stream.kiln import Kiln
from crackle_stream.log.promises import Durability
from tests.bench.phases import ours
from tests.bench.spent import cpu_in_turns
from tests.bench.table import Row, print_table
from tests.bench.workload import json_line, names_of
from tests.bench.yardstick import decode_lines

LINES, FIRINGS, RUNS = 50_000, 1_000, 5
QUANTILES = (0.5, 0.99)
PAIRS: tuple[tuple[Durability, str], ...] = (("none", "OFF"), ("group", "FULL"))


def print_tables(directory: Path) -> None:
    """Print all tables of calls; logs are made in a directory."""
    print_table(
        f"{LINES:,} lines to event batches, over msgspec on these lines and on clean ones (CPU)",
        ("these", "clean"),
        ingested(),
    )
    print_table(
        "one event at a time, one thread, over sqlite3 (WAL) in turns (wall)",
        ("p50", "p99"),
        fired(directory),
    )
    print_table(
        "phases of one metric: the rival's CPU over ours", ("200", "1000", "5000"), phased()
    )


def ingested() -> Iterator[Row]:
    """Give what reading costs over decoding, for clean lines and odd ones."""
    for name, (text, clean) in cases().items():
        works: list[Callable[[], Any]] = [partial(ingest, text), partial(bare, clean)]
        if "bad" not in name:
            works.append(partial(bare, text))
        whole, on_clean, *on_these = cpu_in_turns(works, RUNS)
        yield name, (whole / on_these[0] if on_these else None, whole / on_clean)


def ingest(text: bytes) -> int:
    """Read a text the whole way, to event batches."""
    return sum(len(chunk.batch) for chunk in read_chunks(io.BytesIO(text), "bench"))


def bare(text: bytes) -> None:
    """Decode a text and nothing else."""
    decode_lines(io.BytesIO(text))


def cases() -> dict[str, tuple[bytes, bytes]]:
    """Give each case's text, and clean lines of the same length."""
    random.seed(1)
    names = names_of(8)
    sets = [[f"set{k}_{name}" for name in names] for k in range(20)]
    clean = [json_line(i, names) for i in range(LINES)]
    bad = b'{"metrics":{"a":"text"}}\n'
    texts = {
        "clean": clean,
        "1 % bad": [bad if i % 100 == 7 else line for i, line in enumerate(clean)],
        "1 % bad times": [
            line.replace(b"2026", b"year") if i % 100 == 7 else line for i, line in enumerate(clean)
        ],
        "20 sets of metrics": [json_line(i, sets[i % 20]) for i in range(LINES)],
        "an unknown field": [json_line(i, names, f'"host":"h{i % 7}",') for i in range(LINES)],
    }
    whole = b"".join(clean)
    return {name: (b"".join(lines), whole) for name, lines in texts.items()}


def fired(directory: Path) -> Iterator[Row]:
    """Give quantiles of one firing over those of one committed insert, as durable each."""
    for level, synchronous in PAIRS:
        kiln = Kiln(directory / f"kiln-{level}", durability=level)
        table = _table(directory / f"{level}.db", synchronous)
        ours, theirs = _timed((partial(_fire, kiln), partial(_insert, table)))
        kiln.close()
        table.close()
        ratios = np.quantile(ours, QUANTILES) / np.quantile(theirs, QUANTILES)
        yield f"durability {level}, synchronous {synchronous}", ratios.tolist()


def _table(path: Path, synchronous: str) -> sqlite3.Connection:
    table = sqlite3.connect(path, isolation_level=None)
    table.execute("pragma journal_mode = wal")
    table.execute(f"pragma synchronous = {synchronous}")
    table.execute("create table events (label text, time integer, size real, seconds real)")
    return table


def _fire(kiln: Kiln, number: int) -> None:
    with kiln.firing("build") as task:
        task.metric("size", 8.0 * number)
        task.metric("seconds", 0.5 * number)


def _insert(table: sqlite3.Connection, number: int) -> None:
    row = ("build", time.time_ns(), 8.0 * number, 0.5 * number)
    table.execute("insert into events values (?, ?, ?, ?)", row)


def _timed(works: Sequence[Callable[[int], None]]) -> list[list[float]]:
    """Time each call, who comes first taking turns: a sync also waits for writes before it."""
    spent: list[list[float]] = [[] for _ in works]
    for number in range(FIRINGS):
        for which in sorted(range(len(works)), reverse=number % 2 == 1):
            begin = time.perf_counter()
            works[which](number)
            spent[which].append(time.perf_counter() - begin)
    return spent


def phased() -> Iterator[Row]:
    """Give what rivals cost over ours, on noise with two steps; PELT ends at 1,000 values."""
    try:
        import ruptures
    except ImportError:
        print("ruptures is not installed: no rivals for phases")
        return
    searches = {
        "KernelCPD rbf": (lambda: ruptures.KernelCPD(kernel="rbf", min_size=2), 5000, RUNS),
        "PELT rbf, every 5th place": (lambda: ruptures.Pelt(model="rbf"), 1000, 1),
    }
    for name, (search, most, runs) in searches.items():
        ratios = [_ratio(search, n, runs) if n <= most else None for n in (200, 1000, 5000)]
        yield name, ratios


def _ratio(search: Callable[[], Any], n: int, runs: int) -> float:
    values = np.random.default_rng(1).normal(size=n)
    values[n // 3 : n // 2] += 2

    def rival() -> None:
        search().fit(values.reshape(-1, 1)).predict(pen=3 * np.log(n))

    mine, theirs = cpu_in_turns([partial(ours, values), rival], runs)
    return theirs / mine
