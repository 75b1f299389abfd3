"""Cutting rows in analysis order where a slice of event count, event time or a session ends."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from crackle_stream.errors import UsageError
from crackle_stream.table import Table
from crackle_stream.timestamp import NO_TIME
from crackle_stream.window.spec import WindowSpec


class SliceCutter:
    """Splits tables at the boundaries of cells, the numbered places of slices.

    A cell is a whole number of slice sizes in events from the first row, or in nanoseconds since
    1970; sessions are numbered as they come; the whole log is one cell.

    Parameters
    ----------
    spec
        The windows that slices are for.
    """

    def __init__(self, spec: WindowSpec) -> None:
        self.spec = spec
        self._rows = 0
        self._latest: int | None = None
        self._session = 0

    def cut(self, table: Table) -> Iterator[tuple[int, Table]]:
        """Give the parts of a table with the cell each lies in, in order.

        Raises
        ------
        UsageError
            When a window of time meets a row without a time, or one that goes back.
        """
        if not len(table):
            return
        cells = self._cells(table)
        self._rows += len(table)
        cuts = (np.flatnonzero(np.diff(cells)) + 1).tolist()
        for start, stop in zip([0, *cuts], [*cuts, len(cells)], strict=True):
            yield int(cells[start]), table.take(slice(start, stop))

    def _cells(self, table: Table) -> NDArray[np.int64]:
        if self.spec.kind == "whole":
            return np.zeros(len(table), np.int64)
        if self.spec.kind == "count":
            return np.arange(self._rows, self._rows + len(table), dtype=np.int64) // self.spec.slice
        before = int(table.times[0]) if self._latest is None else self._latest
        self._check_times(table, before)
        self._latest = int(table.times[-1])
        if self.spec.kind == "time":
            return table.times // self.spec.slice
        gaps = np.diff(table.times, prepend=before) > self.spec.size
        cells = self._session + np.cumsum(gaps, dtype=np.int64)
        self._session = int(cells[-1])
        return cells

    def _check_times(self, table: Table, before: int) -> None:
        absent = np.flatnonzero(table.times == NO_TIME)
        if len(absent):
            raise UsageError(
                f"a window of {self.spec} needs times, and the event at position "
                f"{table.positions[absent[0]]} has none: give a window as a number of events"
            )
        back = np.flatnonzero(np.diff(table.times, prepend=before) < 0)
        if len(back):
            raise UsageError(
                f"a window of {self.spec} needs times in order, and the event at position "
                f"{table.positions[back[0]]} goes back: leave out --order log, "
                "or give a window as a number of events"
            )
