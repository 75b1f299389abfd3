"""Canonical panes: rows regrouped by their place alone, whatever blocks they came in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from crackle_stream.table import PANE_ROWS, Table, concatenate


class PaneCutter:
    """Cuts consecutive rows into panes counted from an origin.

    Parameters
    ----------
    pane_rows
        Rows of a whole pane.

    Examples
    --------
    >>> from crackle_stream.detect.view import table_of
    >>> cutter = PaneCutter(pane_rows=2)
    >>> [len(pane) for pane in cutter.push(table_of({"x": [1.0, 2.0, 3.0, 4.0, 5.0]}))]
    [2, 2]
    >>> cutter.rest().values.tolist()
    [[5.0]]
    """

    def __init__(self, pane_rows: int = PANE_ROWS) -> None:
        self.pane_rows = pane_rows
        self.rows = 0
        self._parts: list[Table] = []
        self._held = 0

    def push(self, table: Table) -> Iterator[Table]:
        """Take in the next rows and give the panes they complete."""
        start = 0
        while self._held + len(table) - start >= self.pane_rows:
            stop = start + self.pane_rows - self._held
            yield self._pane([*self._parts, table.take(slice(start, stop))])
            self.rows += self.pane_rows
            self._parts, self._held, start = [], 0, stop
        if start < len(table):
            self._parts.append(table.take(slice(start, None)))
            self._held += len(table) - start

    def rest(self) -> Table | None:
        """Give the last, partial pane, if there is one; nothing is taken away."""
        if not self._held:
            return None
        pane = self._pane(self._parts)
        self._parts = [pane]
        return pane

    def _pane(self, parts: list[Table]) -> Table:
        return canonical(concatenate(parts), self.rows)


def canonical(table: Table, first_row: int) -> Table:
    """Copy rows to the one layout summaries see: numbered on, no column without a value."""
    present = np.flatnonzero((~np.isnan(table.values)).any(axis=0))
    names = tuple(table.names[column] for column in present)
    return Table(
        names,
        np.arange(first_row, first_row + len(table), dtype=np.int64),
        table.positions.copy(),
        table.times.copy(),
        np.array(table.values[:, present], order="C"),
    )
