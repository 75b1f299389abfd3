"""Rows of a window in analysis order, as one numeric table: what panes and samples are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

PANE_ROWS: Final = 4_096
"""Most rows of a canonical pane; a power of two, so that the merge tree stays aligned."""


class Table(Struct, frozen=True):
    """Consecutive or chosen rows of a window.

    Parameters
    ----------
    names
        Metric names, sorted.
    rows
        int64: place of each row in the window's analysis order, from 0, rising.
    positions
        int64: log position of each row.
    times
        int64 nanoseconds, `NO_TIME` where absent.
    values
        float64 of shape (rows, metrics), C order. NaN marks an absent metric, and nothing else:
        events hold finite numbers only.
    """

    names: tuple[str, ...]
    rows: NDArray[np.int64]
    positions: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> NDArray[np.float64]:
        """Give one metric; NaN where absent."""
        return self.values[:, self.names.index(name)]

    def take(self, which: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Table:
        """Give some of the rows."""
        return Table(
            self.names,
            self.rows[which],
            self.positions[which],
            self.times[which],
            self.values[which],
        )

    def with_names(self, names: tuple[str, ...]) -> Table:
        """Give the same rows with exactly these columns, absent ones added, others left out."""
        if names == self.names:
            return self
        place = {name: i for i, name in enumerate(self.names)}
        values = np.full((len(self), len(names)), np.nan)
        for new, name in enumerate(names):
            if name in place:
                values[:, new] = self.values[:, place[name]]
        return Table(names, self.rows, self.positions, self.times, values)


def concatenate(tables: Sequence[Table]) -> Table:
    """Put tables one after the other; metrics that one of them lacks are absent there."""
    names = tuple(sorted({name for table in tables for name in table.names}))
    widened = [table.with_names(names) for table in tables]
    if not widened:
        nothing = np.empty(0, np.int64)
        return Table((), nothing, nothing, nothing, np.empty((0, 0)))
    return Table(
        names,
        np.concatenate([table.rows for table in widened]),
        np.concatenate([table.positions for table in widened]),
        np.concatenate([table.times for table in widened]),
        np.concatenate([table.values for table in widened]),
    )
