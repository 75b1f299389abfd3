"""What detectors are shown when they are checked: noise, odd columns, panes without an end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog
from crackle_stream.table import PANE_ROWS, Table
from crackle_stream.timestamp import HOUR, NO_TIME
from crackle_stream.window.rows import RowReader

ROWS: Final = 200
METRICS: Final = 4

Values: TypeAlias = NDArray[np.float64]


def _wandering(rng: np.random.Generator) -> Values:
    values = rng.normal(size=(ROWS, METRICS))
    for row in range(1, ROWS):
        values[row] += 0.5 * values[row - 1]
    return values


NOISES: Final[dict[str, Callable[[np.random.Generator], Values]]] = {
    "normal": lambda rng: rng.normal(50.0, 5.0, (ROWS, METRICS)),
    "lognormal": lambda rng: rng.lognormal(3.0, 1.0, (ROWS, METRICS)),
    "counts": lambda rng: rng.poisson(9.0, (ROWS, METRICS)).astype(np.float64),
    "autocorrelated": _wandering,
}
"""Tables in which nothing is, by name."""


def events_of(values: Values, names: Sequence[str] | None = None) -> tuple[TaskEvent, ...]:
    """Give rows as events, an hour apart."""
    names = names or [f"metric_{i}" for i in range(values.shape[1])]
    return tuple(
        TaskEvent(metrics=dict(zip(names, row, strict=True)), label=f"task-{i}", time=i * HOUR)
        for i, row in enumerate(values.tolist())
    )


def noise(kind: str, seed: int) -> tuple[TaskEvent, ...]:
    """Give a table of noise as events; the same for the same seed."""
    return events_of(NOISES[kind](np.random.default_rng([41, seed])))


def log_of(events: Sequence[TaskEvent], block: int | None = None) -> EventLog:
    """Give a log in memory, appended in blocks of so many events."""
    log = EventLog.in_memory()
    for some in blocks_of(events, block or len(events)):
        log.append(batch_events(some))
    return log


def blocks_of(events: Sequence[TaskEvent], block: int) -> Iterator[list[TaskEvent]]:
    """Cut events into blocks."""
    for first in range(0, len(events), block):
        yield list(events[first : first + block])


def table_of_events(events: Iterable[TaskEvent]) -> Table:
    """Give events as the rows that panes are cut from."""
    return RowReader().read(batch_events(list(events)), 0)


def odd_tables() -> dict[str, Table]:
    """Give columns that real logs have, each kind in a table by itself and all in one."""
    rng = np.random.default_rng(43)
    plain = rng.normal(50.0, 5.0, ROWS)
    sparse = np.where(np.arange(ROWS) % 97 == 5, plain, np.nan)
    columns = {
        "constant": np.full(ROWS, 3.0),
        "zero": np.zeros(ROWS),
        "two values": np.arange(ROWS) % 2.0,
        "absent": np.full(ROWS, np.nan),
        "mostly absent": sparse,
        "huge": plain * 1e148,
        "tiny": plain * 1e-300,
        "far off": plain + 1e9,
        "counter": np.arange(ROWS, dtype=np.float64),
        "one outlier": np.where(np.arange(ROWS) == 77, 1e12, plain),
    }
    tables = {f"a column: {name}": _table({name: values}) for name, values in columns.items()}
    return {**tables, "all odd columns": _table(columns), "no column": _table({})}


def panes(n: int) -> Iterator[Table]:
    """Give consecutive whole panes of noise."""
    for index in range(n):
        rng = np.random.default_rng([47, index])
        values = rng.normal(50.0, 5.0, (PANE_ROWS, METRICS))
        values[:, 0] = np.round(values[:, 0])
        columns = {f"metric_{i}": values[:, i] for i in range(METRICS)}
        yield _table(columns, index * PANE_ROWS)


def _table(columns: dict[str, Values], first: int = 0) -> Table:
    rows = len(next(iter(columns.values()))) if columns else ROWS
    names = tuple(sorted(columns))
    values = np.empty((rows, len(names)))
    for place, name in enumerate(names):
        values[:, place] = columns[name]
    positions = np.arange(first, first + rows, dtype=np.int64)
    times = np.full(rows, NO_TIME) if first == 0 else positions * HOUR
    return Table(names, np.arange(rows, dtype=np.int64), positions, times, values)
