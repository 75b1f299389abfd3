"""Series of all metrics in bins that double their width as a window grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.detect.view import Series
from crackle_stream.table import Table

_BLOCK: Final = 1_024
"""Rows joined at a time: parts that lack most metrics are widened only for so long."""

_Cells: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]
_Which: TypeAlias = NDArray[np.intp] | slice


class Bins(Struct, frozen=True):
    """Bins of consecutive rows on one grid for all metrics.

    Parameters
    ----------
    names
        Metric names, sorted.
    width
        Rows a bin spans, a power of two.
    rows
        int64: first row of each bin, a multiple of `width`, rising.
    count, mean, m2
        Shape (bins, metrics): values in the bin, their mean, and the sum of squared deviations
        from it; all zero where there is no value.
    """

    names: tuple[str, ...]
    width: int
    rows: NDArray[np.int64]
    count: NDArray[np.int64]
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]

    def series(self, name: str) -> Series:
        """Give one metric, without the bins that lack it."""
        column = self.names.index(name)
        there = self.count[:, column] > 0
        return Series(
            self.width,
            self.rows[there],
            self.count[there, column],
            self.mean[there, column],
            self.m2[there, column],
        )

    def shifted(self, rows: int) -> Bins:
        """Give the same bins so many rows further on."""
        return Bins(self.names, self.width, self.rows + rows, self.count, self.mean, self.m2)


def bins_of(table: Table) -> Bins:
    """Give each row as a bin of its own."""
    present = ~np.isnan(table.values)
    return Bins(
        table.names,
        1,
        table.rows,
        present.astype(np.int64),
        np.where(present, table.values, 0.0),
        np.zeros_like(table.values),
    )


def join_bins(parts: Sequence[Bins], width: int) -> Bins:
    """Put consecutive bins together in bins of a width, by the merge of Chan et al. (1983).

    A bin lies where its first row does: exactly on the new grid when the old one fits into it,
    which holds unless slices of odd sizes are joined.

    Parameters
    ----------
    parts
        Their rows rise from part to part, their widths are at most the new one.
    width
        A power of two.
    """
    names = tuple(sorted({name for part in parts for name in part.names}))
    rows = np.concatenate([part.rows for part in parts]) // width * width
    blocks = [_join_block(_cut(parts, start, stop), width, names) for start, stop in _blocks(rows)]
    columns = zip(*blocks, strict=True)
    return Bins(names, width, *(np.concatenate(column) for column in columns))


def _blocks(rows: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Give ranges of about `_BLOCK` old bins that make up whole new ones."""
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    cuts = np.unique(starts[np.searchsorted(starts, np.arange(0, starts[-1] + 1, _BLOCK))])
    yield from pairwise([*cuts.tolist(), len(rows)])


def _cut(parts: Sequence[Bins], start: int, stop: int) -> list[Bins]:
    cut, before = [], 0
    for part in parts:
        which = slice(max(start - before, 0), max(stop - before, 0))
        arrays = (part.rows[which], part.count[which], part.mean[which], part.m2[which])
        cut.append(Bins(part.names, part.width, *arrays))
        before += len(part.rows)
    return cut


def _join_block(
    parts: Sequence[Bins], width: int, names: tuple[str, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    rows = np.concatenate([part.rows for part in parts]) // width * width
    count, mean, m2 = (
        np.concatenate([_columns(part, values, names) for part, values in columns])
        for columns in (
            [(part, part.count) for part in parts],
            [(part, part.mean) for part in parts],
            [(part, part.m2) for part in parts],
        )
    )
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    sizes = np.diff(starts, append=len(rows))
    cells = count[starts], mean[starts], m2[starts]
    most = int(sizes.max())
    for step in range(1, most):
        which: _Which = slice(None)
        place: _Which = slice(step, None, most)
        if sizes.min() < most:  # else slices, which are views and several times faster
            which = np.flatnonzero(sizes > step)
            place = starts[which] + step
        _merge_into(cells, which, (count[place], mean[place], m2[place]))
    return rows[starts], *cells


def _merge_into(cells: _Cells, which: _Which, other: _Cells) -> None:
    """Add a further bin to some cells; equal means stay equal to the bit."""
    count, mean, m2 = cells
    other_count, other_mean, other_m2 = other
    n = count[which] + other_count
    share = other_count / np.maximum(n, 1)
    above = other_mean - mean[which]
    m2[which] += other_m2 + above * above * count[which] * share
    mean[which] += above * share
    count[which] = n


def _columns(part: Bins, values: NDArray[np.generic], names: tuple[str, ...]) -> NDArray:  # type: ignore[type-arg]
    if part.names == names:
        return values
    wide = np.zeros((len(values), len(names)), values.dtype)
    wide[:, np.searchsorted(names, part.names)] = values
    return wide
