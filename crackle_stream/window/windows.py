"""Which window each row belongs to: panes of slices, and the slices each window is made of."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct

from crackle_stream.table import PANE_ROWS, Table
from crackle_stream.window.panes import PaneCutter
from crackle_stream.window.slices import SliceCutter
from crackle_stream.window.spec import WindowSpec


class Pane(Struct, frozen=True):
    """Rows of one slice, numbered from the slice's start.

    Parameters
    ----------
    slice
        Number of the slice, counting those that have rows.
    index
        Number of the pane in its slice.
    table
        The rows: `PANE_ROWS` of them, fewer in a slice's last pane.
    """

    slice: int
    index: int
    table: Table


class Window(Struct, frozen=True):
    """A window whose panes have all been given.

    Parameters
    ----------
    index
        Number of the window: it starts at `index` times the slide. Sessions are counted.
    slices
        The first slice it is made of, and the one after the last.
    first_row
        Place of its first row in analysis order.
    n
        Its rows; windows without any are passed over.
    complete
        Whether no further row can fall into it.
    """

    index: int
    slices: tuple[int, int]
    first_row: int
    n: int
    complete: bool


PaneOrWindow: TypeAlias = Pane | Window


class _Slice(Struct):
    cell: int
    number: int
    first_row: int
    n: int = 0


class Windower:
    """Assigns rows in analysis order to windows, by stream slicing (Carbone et al. 2016).

    Rows are cut into slices of the greatest common divisor of window and slide, slices into
    panes; a window is a union of whole slices. Everything is a function of the rows alone, not of
    the tables they come in.

    Parameters
    ----------
    spec
        The windows.
    pane_rows
        Rows of a whole pane.

    Examples
    --------
    >>> from crackle_stream.detect.view import table_of
    >>> windower = Windower(WindowSpec.parse("2"))
    >>> items = [*windower.push(table_of({"x": [1.0, 2.0, 3.0]})), *windower.rest()]
    >>> [(w.first_row, w.n, w.complete) for w in items if isinstance(w, Window)]
    [(0, 2, True), (2, 1, False)]
    """

    def __init__(self, spec: WindowSpec, pane_rows: int = PANE_ROWS) -> None:
        self._slice_rows = spec.slice if spec.kind == "count" else 0
        sliced = spec.kind in ("count", "time")
        self._size = spec.size // spec.slice if sliced else 1
        self._slide = spec.slide // spec.slice if sliced else 1
        self._pane_rows = pane_rows
        self._slicer = SliceCutter(spec)
        self._panes = PaneCutter(pane_rows)
        self._open = False
        self._slices: deque[_Slice] = deque()
        self._numbered = 0
        self._rows = 0
        self._next: int | None = 0 if spec.kind == "count" else None
        self._covered = 0

    def push(self, table: Table) -> Iterator[PaneOrWindow]:
        """Take in the next rows; gives panes, and each window after the last of its panes.

        Raises
        ------
        UsageError
            When a window of time meets a row without a time, or one that goes back.
        """
        for cell, rows in self._slicer.cut(table):
            if not self._open or cell != self._slices[-1].cell:
                yield from self._end_slice(cell)
                self._slices.append(_Slice(cell, self._numbered, self._rows))
                self._open = True
                self._numbered += 1
            current = self._slices[-1]
            current.n += len(rows)
            self._rows += len(rows)
            for pane in self._panes.push(rows):
                yield Pane(current.number, self._index(pane), pane)
            if current.n == self._slice_rows:
                yield from self._end_slice(cell + 1)

    def rest(self) -> Iterator[PaneOrWindow]:
        """Give the open window, after the partial pane it needs; nothing is taken away.

        Of windows that slide it is the first open one, where it has rows that no window had yet.
        """
        if self._rows == self._covered:
            return
        last = self._panes.rest()
        if last is not None:
            yield Pane(self._slices[-1].number, self._index(last), last)
        yield self._window(self._first_over(self._slices[0].cell), complete=False)

    @property
    def first_needed(self) -> int:
        """Number of the first slice that a coming window can be made of."""
        return self._slices[0].number if self._slices else self._numbered

    def _end_slice(self, frontier: int) -> Iterator[PaneOrWindow]:
        """Close the open slice, then the windows that end at or before a cell."""
        if self._open:
            last = self._panes.rest()
            if last is not None:
                yield Pane(self._slices[-1].number, self._index(last), last)
            self._panes = PaneCutter(self._pane_rows)
            self._open = False
        while self._slices:
            index = self._first_over(self._slices[0].cell)
            if index * self._slide > self._slices[0].cell:
                self._slices.popleft()
            elif index * self._slide + self._size > frontier:
                return
            else:
                window = self._window(index, complete=True)
                self._next, self._covered = index + 1, window.first_row + window.n
                yield window

    def _first_over(self, cell: int) -> int:
        """Give the first window not yet closed that ends after a cell."""
        first = (cell - self._size) // self._slide + 1
        return first if self._next is None else max(first, self._next)

    def _window(self, index: int, complete: bool) -> Window:
        """Give a window: all slices held, since it closes before a slice after it opens."""
        first, last = self._slices[0], self._slices[-1]
        n = sum(piece.n for piece in self._slices)
        return Window(index, (first.number, last.number + 1), first.first_row, n, complete)

    def _index(self, pane: Table) -> int:
        return int(pane.rows[0]) // self._pane_rows
