"""Make the events that speed is measured on.

``python -m tests.bench.workload FORM PATH EVENTS METRICS`` writes one file or log.
Forms: ``lines``, JSON lines of 50,000 events over and over; ``log``, an event log with a step and
a correlated pair in noise; ``rows``, the same numbers as length-prefixed MessagePack maps.
"""

from __future__ import annotations

import random
import struct
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DISTINCT, BLOCK_ROWS = 50_000, 4096


def json_line(i: int, names: list[str], extra: str = "") -> bytes:
    """Write one event with a number for each name."""
    numbers = ",".join(f'"{name}":{random.gauss(100, 10):.6g}' for name in names)
    moment = f"2026-03-01T{i // 3600 % 24:02d}:{i // 60 % 60:02d}:{i % 60:02d}Z"
    return (
        f'{{"label":"task-{i % 50}","time":"{moment}",{extra}"metrics":{{{numbers}}}}}\n'.encode()
    )


def names_of(metrics: int) -> list[str]:
    """Give so many names of metrics."""
    return [f"metric_{number:02d}" for number in range(metrics)]


def write_lines(path: Path, events: int, metrics: int) -> None:
    """Write JSON lines."""
    random.seed(1)
    lines = [json_line(i, names_of(metrics)) for i in range(min(events, DISTINCT))]
    with path.open("wb") as file:
        for first in range(0, events, DISTINCT):
            file.writelines(islice(lines, events - first))


def write_log(path: Path, events: int, metrics: int) -> None:
    """Write an event log in blocks, without JSON on the way."""
    import numpy as np

    from crackle_stream.event import EventBatch, MetricMatrix
    from crackle_stream.log.eventlog import EventLog

    names = tuple(names_of(metrics))
    with EventLog.create_or_open(path, "none") as log:
        for first, values in blocks(events, metrics):
            n = len(values)
            at = np.arange(first, first + n)
            batch = EventBatch(
                matrices=(MetricMatrix(names, np.asfortranarray(values)),),
                set_of=np.zeros(n, np.uint32),
                row_of=np.arange(n, dtype=np.uint32),
                times=at * 1_000_000_000,
                labels=[f"task-{i % 50}" for i in at.tolist()],
            )
            log.append(batch)


def write_rows(path: Path, events: int, metrics: int) -> None:
    """Write the same numbers as one MessagePack map an event behind its length."""
    names, encoder = names_of(metrics), msgspec.msgpack.Encoder()
    with path.open("wb") as file:
        for first, values in blocks(events, metrics):
            for i, row in enumerate(values.tolist(), first):
                event = {"label": f"task-{i % 50}", "time": i * 1_000_000_000}
                data = encoder.encode({**event, "metrics": dict(zip(names, row, strict=True))})
                file.write(struct.pack("<I", len(data)) + data)


def blocks(events: int, metrics: int) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Give the numbers, block by block."""
    import numpy as np

    rng = np.random.default_rng(1)
    for first in range(0, events, BLOCK_ROWS):
        values = rng.normal(100, 10, (min(BLOCK_ROWS, events - first), metrics))
        values[:, 1] = 0.8 * values[:, 0] + 0.6 * values[:, 1]
        values[:, 2] += 20.0 * (np.arange(first, first + len(values)) >= events // 2)
        yield first, values


WRITERS = {"lines": write_lines, "log": write_log, "rows": write_rows}

if __name__ == "__main__":
    WRITERS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
