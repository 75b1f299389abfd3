"""Putting more rows in order of time than memory holds: external merge sort."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from crackle_stream.table import concatenate
from crackle_stream.window.row_file import RowFile, Rows

RUN_ROWS: Final = 262_144
_RUN_VALUES: Final = 1 << 22


def sort_rows(rows: Iterator[Rows], directory: Path, run_rows: int = RUN_ROWS) -> RowFile:
    """Sort rows by time, ties by log position, on disk.

    Runs that fit in memory are sorted and written, then merged block by block (Knuth, The Art of
    Computer Programming 3, 5.4).

    Parameters
    ----------
    rows
        In log order, every one with a time; either all grouped or none.
    directory
        An empty directory for runs and result.
    run_rows
        Rows sorted in memory at a time.

    Raises
    ------
    StorageError
        When the disk does not take them.
    """
    runs = list(_write_runs(rows, directory, run_rows))
    names = tuple(sorted({name for run in runs for name in run.names}))
    grouped = any(run.grouped for run in runs)
    result = RowFile(directory / "sorted", names, grouped)
    held = min(run_rows, rows_within(len(names)))
    for merged in merge_runs(runs, max(held // max(len(runs), 1), 1)):
        result.append(merged)
    for run in runs:
        run.remove()
    return result


def rows_within(metrics: int) -> int:
    """Give how many rows of so many metrics are held at a time, at most."""
    return max(_RUN_VALUES // max(metrics, 1), 1)


def merge_runs(runs: Sequence[RowFile], block_rows: int) -> Iterator[Rows]:
    """Merge sorted runs; on equal times the earlier run comes first."""
    read = [0] * len(runs)
    loaded: list[Rows | None] = [None] * len(runs)
    while True:
        for i, run in enumerate(runs):
            if loaded[i] is None and read[i] < run.n:
                loaded[i] = run.read(read[i], read[i] + block_rows)
                read[i] = min(read[i] + block_rows, run.n)
        # Nothing after the earliest last row of a run that goes on can be placed yet.
        bounds = [
            (int(rows.table.times[-1]), i)
            for i, rows in enumerate(loaded)
            if rows is not None and read[i] < runs[i].n
        ]
        parts = []
        for i, rows in enumerate(loaded):
            if rows is None:
                continue
            count = _placeable(rows, i, min(bounds)) if bounds else len(rows.table)
            parts.append(rows.take(slice(0, count)))
            loaded[i] = rows.take(slice(count, None)) if count < len(rows.table) else None
        if not parts:
            return
        yield in_time_order(parts)


def in_time_order(parts: Sequence[Rows]) -> Rows:
    """Put parts together by time; rows of equal time keep the order of the parts."""
    table = concatenate([part.table for part in parts])
    groups = [part.groups for part in parts if part.groups is not None]
    rows = Rows(table, np.concatenate(groups) if groups else None)
    return rows.take(np.argsort(table.times, kind="stable"))


def _placeable(rows: Rows, run: int, bound: tuple[int, int]) -> int:
    time, bound_run = bound
    side = "right" if run <= bound_run else "left"
    return int(np.searchsorted(rows.table.times, time, side=side))  # type: ignore[call-overload]


def _write_runs(rows: Iterator[Rows], directory: Path, run_rows: int) -> Iterator[RowFile]:
    for number, parts in enumerate(_portions(rows, run_rows)):
        ordered = in_time_order(parts)
        run = RowFile(directory / f"run-{number}", ordered.table.names, ordered.groups is not None)
        run.append(ordered)
        yield run


def _portions(rows: Iterator[Rows], run_rows: int) -> Iterator[list[Rows]]:
    """Gather parts of at most so many rows, fewer where there are many metrics."""
    parts: list[Rows] = []
    held = 0
    for part in rows:
        most = min(run_rows, rows_within(len(part.table.names)))
        for start in range(0, len(part.table), most):
            piece = part.take(slice(start, start + most))
            if parts and held + len(piece.table) > most:
                yield parts
                parts, held = [], 0
            parts.append(piece)
            held += len(piece.table)
    if parts:
        yield parts
