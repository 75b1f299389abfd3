"""Rows of a log in analysis order: by event time where there is one, else as they arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, Self, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from crackle_stream.pattern import Note
from crackle_stream.table import PANE_ROWS, Table
from crackle_stream.window.external_sort import RUN_ROWS, rows_within, sort_rows
from crackle_stream.window.groups import NO_GROUP, GroupMapper
from crackle_stream.window.lateness import LateSorter
from crackle_stream.window.row_file import RowFile, Rows
from crackle_stream.window.rows import RowReader
from crackle_stream.window.survey import (
    Block,
    BlockSource,
    TimeSurvey,
    absent_note,
    back_note,
    late_note,
    survey_times,
)

Order: TypeAlias = Literal["time", "log"]
_READ_ROWS: Final = 65_536


class OrderedRows:
    """The rows of a log below a position in analysis order, to be read as often as needed.

    Made by `ordered_rows`. Closing it removes what was sorted on disk.
    """

    reordered = False
    """Whether the order of analysis is another than that of the log."""

    late = 0
    """Events left out for coming later than the declared lateness."""

    def __init__(self, log_rows: _LogRows, notes: Sequence[Note] = ()) -> None:
        self._log_rows = log_rows
        self._notes = tuple(notes)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove what was sorted on disk; the rows cannot be read any more."""
        self._open.close()

    @property
    def notes(self) -> tuple[Note, ...]:
        """What to tell the user; those on metrics and groups are whole once all was read."""
        return (*self._notes, *self._log_rows.notes())

    def read(self, first: int = 0, stop: int | None = None) -> Iterator[Table]:
        """Give the rows of a range of places in analysis order; `Table.rows` are these places."""
        return (rows.table for rows in self._read(first, stop))

    def __iter__(self) -> Iterator[Table]:
        return self.read()

    def grouped(self, first: int = 0) -> Iterator[tuple[str, Table]]:
        """Give the rows of each group from a place on; rows without a group are left out.

        They are numbered within their group, from that place.

        Raises
        ------
        ValueError
            When `ordered_rows` was given no groups.
        """
        groups = self._log_rows.groups
        if groups is None:
            raise ValueError("these rows have no groups: give ordered_rows a GroupMapper")
        seen: Counter[int] = Counter()
        for rows in self._read(first, None):
            for code, table in _split(rows):
                yield groups.names[code], _renumber(table, seen[code])
                seen[code] += len(table)

    def read_group(self, group: str, first: int = 0, stop: int | None = None) -> Iterator[Table]:
        """Give the rows of one group in a range of places within it."""
        mine = (table for name, table in self.grouped() if name == group)
        return _between(mine, first, stop)

    def _read(self, first: int, stop: int | None) -> Iterator[Rows]:
        return self._log_rows.read(first, stop)


class _PunctualRows(OrderedRows):
    """By time behind a watermark; late rows are left out."""

    reordered = True

    def __init__(self, log_rows: _LogRows, notes: Sequence[Note], lateness: int, late: int) -> None:
        super().__init__(log_rows, notes)
        self._lateness = lateness
        self.late = late

    def _read(self, first: int, stop: int | None) -> Iterator[Rows]:
        seen = 0
        for rows in self._released():
            if stop is not None and seen >= stop:
                return
            n = len(rows.table)
            within = slice(max(first - seen, 0), n if stop is None else stop - seen)
            if within.start < min(within.stop, n):
                yield Rows(_renumber(rows.table, seen), rows.groups).take(within)
            seen += n

    def _released(self) -> Iterator[Rows]:
        sorter = LateSorter(self._lateness)
        for rows in self._log_rows.read(0, None):
            yield sorter.push(rows)
        yield sorter.rest()


class _SortedRows(OrderedRows):
    """By time, sorted on disk when first read."""

    reordered = True

    def __init__(self, log_rows: _LogRows, notes: Sequence[Note], run_rows: int) -> None:
        super().__init__(log_rows, notes)
        self._run_rows = run_rows
        self._file: RowFile | None = None

    def _read(self, first: int, stop: int | None) -> Iterator[Rows]:
        file = self._sorted()
        stop = file.n if stop is None else min(stop, file.n)
        step = min(_READ_ROWS, rows_within(len(file.names)))
        for start in range(first, stop, step):
            yield file.read(start, min(start + step, stop))

    def _sorted(self) -> RowFile:
        if self._file is None:
            directory = self._open.enter_context(TemporaryDirectory(prefix="crackle-order-"))
            self._file = sort_rows(self._log_rows.read(0, None), Path(directory), self._run_rows)
        return self._file


def ordered_rows(
    log: BlockSource,
    stop: int,
    order: Order = "time",
    *,
    lateness: int | None = None,
    groups: GroupMapper | None = None,
    reader: RowReader | None = None,
    run_rows: int = RUN_ROWS,
) -> OrderedRows:
    """Choose how the rows below a log position are brought into analysis order.

    Rows come straight from the log when order is ``log``, when all times are there and never go
    back, and, with a note, when any time is absent. Else they are sorted on disk in bounded
    memory, or, where a lateness is declared, given behind the watermark. The choice is a function
    of the events below `stop` alone.

    Parameters
    ----------
    log
        Where events are read.
    stop
        Positions below this are seen.
    order
        ``time`` (ties by position) or ``log`` (arrival).
    lateness
        Nanoseconds by which an event may be late.
    groups
        Asks for groups by label, for `OrderedRows.grouped`.
    reader
        Makes rows of events.
    run_rows
        Rows sorted in memory at a time.
    """
    log_rows = _LogRows(log, stop, reader or RowReader(), groups)
    survey = TimeSurvey() if order == "log" else survey_times(log, stop, lateness)
    if survey.absent:
        return OrderedRows(log_rows, [absent_note(survey)])
    if not survey.back:
        return OrderedRows(log_rows)
    if lateness is None:
        return _SortedRows(log_rows, [back_note(survey)], run_rows)
    notes = [back_note(survey), *([late_note(survey, lateness)] if survey.late else [])]
    return _PunctualRows(log_rows, notes, lateness, survey.late)


class _LogRows:
    """Rows in log order."""

    def __init__(
        self, log: BlockSource, stop: int, reader: RowReader, groups: GroupMapper | None
    ) -> None:
        self._log = log
        self._stop = stop
        self._reader = reader
        self.groups = groups

    def read(self, first: int, stop: int | None) -> Iterator[Rows]:
        columns = {"durations", "outcomes"} | (set() if self.groups is None else {"labels"})
        stop = self._stop if stop is None else min(stop, self._stop)
        for block in self._log.blocks(first, stop, columns):
            rows = Rows(self._reader.read(block.batch, block.first), self._group_codes(block))
            for start in range(0, len(block.batch), PANE_ROWS):  # what is made of them stays small
                yield rows.take(slice(start, start + PANE_ROWS))

    def notes(self) -> tuple[Note, ...]:
        return (*self._reader.notes(), *(() if self.groups is None else self.groups.notes()))

    def _group_codes(self, block: Block) -> NDArray[np.int32] | None:
        if self.groups is None:
            return None
        return self.groups.codes(block.batch.labels or [], block.first)


def _split(rows: Rows) -> Iterator[tuple[int, Table]]:
    """Give the rows of each group, in the order of group numbers."""
    if rows.groups is None:
        return
    for code in np.unique(rows.groups[rows.groups != NO_GROUP]).tolist():
        yield code, rows.table.take(np.flatnonzero(rows.groups == code))


def _renumber(table: Table, first: int) -> Table:
    numbers = np.arange(first, first + len(table), dtype=np.int64)
    return msgspec.structs.replace(table, rows=numbers)


def _between(tables: Iterator[Table], first: int, stop: int | None) -> Iterator[Table]:
    for table in tables:
        last = table.rows[-1] + 1 if stop is None else stop
        if table.rows[0] >= last:
            return
        start, end = np.searchsorted(table.rows, [first, last])
        if start < end:
            yield table.take(slice(int(start), int(end)))
