"""What a detector sees of a window: bounded summaries, and rows again where it asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.pattern import Span
from crackle_stream.table import PANE_ROWS, Table


class Series(Struct, frozen=True):
    """One metric over a window, in bins of consecutive rows where it is present.

    Parameters
    ----------
    width
        Rows a bin spans; 1 means that each bin is one row and `mean` holds the values themselves.
    rows
        int64: the first row of each bin, rising; bins without a value are left out.
    count
        int64: values in each bin.
    mean
        float64: their mean.
    m2
        float64: sum of their squared deviations from the mean; all zero when `width` is 1.
    """

    width: int
    rows: NDArray[np.int64]
    count: NDArray[np.int64]
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]


class View(Struct, frozen=True):
    """A window as the detectors see it.

    Parameters
    ----------
    names
        Metric names, sorted.
    span
        Log positions of the window's ends in analysis order, and its number of rows.
    series
        One binned series a metric, by name.
    sample
        Runs of consecutive rows: all rows of the window when `exact`, else a bounded,
        deterministic choice of them.
    scan
        Reads rows again, ``scan(start, stop)``: the window's rows of that range in analysis
        order, as consecutive tables of at most `PANE_ROWS` rows.
    group
        The label group the window is about.
    """

    names: tuple[str, ...]
    span: Span
    series: dict[str, Series]
    sample: Table
    scan: Callable[[int, int], Iterator[Table]]
    group: str | None = None

    @property
    def exact(self) -> bool:
        """Whether the sample is the whole window."""
        return len(self.sample) == self.span.n


def view_table(table: Table, group: str | None = None) -> View:
    """Give a view of rows that are all at hand: every series has width 1, the sample is exact.

    Examples
    --------
    >>> from crackle_stream.detect.view import table_of
    >>> view = view_table(table_of({"x": [1.0, 2.0, 4.0]}))
    >>> view.series["x"].mean
    array([1., 2., 4.])
    """
    if len(table) == 0:
        raise ValueError("a view needs at least one row")

    def scan(start: int, stop: int) -> Iterator[Table]:
        for first in range(start, min(stop, len(table)), PANE_ROWS):
            yield table.take(slice(first, min(first + PANE_ROWS, stop)))

    return View(
        names=table.names,
        span=Span(int(table.positions[0]), int(table.positions[-1]), len(table)),
        series={name: _exact_series(table, name) for name in table.names},
        sample=table,
        scan=scan,
        group=group,
    )


def table_of(columns: dict[str, NDArray[np.float64] | list[float]]) -> Table:
    """Give a table of columns of equal length, in log order, without times; NaN is absent."""
    names = tuple(sorted(columns))
    values = np.column_stack([np.asarray(columns[name], np.float64) for name in names])
    rows = np.arange(len(values), dtype=np.int64)
    times = np.full(len(values), np.iinfo(np.int64).min)
    return Table(names, rows, rows, times, np.ascontiguousarray(values))


def _exact_series(table: Table, name: str) -> Series:
    values = table.column(name)
    present = ~np.isnan(values)
    kept = values[present]
    ones = np.ones(len(kept), np.int64)
    return Series(1, table.rows[present], ones, kept, np.zeros(len(kept)))
