"""What the plot of a law shows: how far each stretch of tasks is off it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.cooling.opened import Opened
from crackle_stream.cooling.picture import (
    ResidualPicture,
)
from crackle_stream.detect.conservation.law import (
    Law,
    Residuals,
    level_columns,
    log_columns,
    metric_of,
    residuals,
)
from crackle_stream.detect.describe import law
from crackle_stream.detect.resolution import Rounding
from crackle_stream.pattern import (
    ConservationPattern,
    Stretch,
)
from crackle_stream.table import Table, concatenate

BINS: Final = 160
"""Most stretches: two dots a column of a terminal."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def residual_picture(
    opened: Opened, pattern: ConservationPattern, rows: dict[int, int]
) -> ResidualPicture:
    """Show how far each stretch of the window is off a law, what breaks it, and where it ends."""
    view = opened.view
    at, off = _worst(opened, pattern)
    return ResidualPicture(
        equation=law(pattern),
        logs=pattern.form == "power",
        rows=tuple(at.tolist()),
        values=tuple(off.tolist()),
        span=Stretch(0, view.span.n - 1),
        positions=Stretch(view.span.first, view.span.last),
        exceptions=tuple(sorted(rows[p] for p in pattern.exceptions or () if p in rows)),
        exception_count=pattern.exception_count or 0,
        first=rows.get(pattern.holds.first, 0),
        last=rows.get(pattern.holds.last, view.span.n - 1),
        broke=None if pattern.broke_at is None else rows.get(pattern.broke_at),
    )


def _worst(opened: Opened, pattern: ConservationPattern) -> tuple[Ints, Floats]:
    """Give of each stretch of rows the residual that is furthest from 0, and its row."""
    view = opened.view
    width = -(-view.span.n // BINS)
    best: dict[int, tuple[int, float]] = {}
    before: Table | None = None
    for table in view.scan(0, view.span.n):
        joined = table if before is None else concatenate([before, table])
        before = table.take(slice(len(table) - 1, None))
        found = evaluate(joined, pattern, opened.rounding)
        rows, new = joined.rows[found.rows], joined.rows[found.rows] >= table.rows[0]
        for row, value in _furthest(rows[new], found.sums[new], width):
            known = best.get(row // width)
            if known is None or abs(value) > abs(known[1]):
                best[row // width] = row, value
    worst = [best[key] for key in sorted(best)]
    return np.array([row for row, _ in worst], np.int64), np.array([off for _, off in worst])


def _furthest(rows: Ints, off: Floats, width: int) -> list[tuple[int, float]]:
    order = np.lexsort((-np.abs(off), rows // width))
    first = np.flatnonzero(np.diff((rows // width)[order], prepend=-1))
    chosen = order[first]
    return list(zip(rows[chosen].tolist(), off[chosen].tolist(), strict=True))


def evaluate(table: Table, pattern: ConservationPattern, rounding: Rounding) -> Residuals:
    """Evaluate a law in consecutive rows; its sums are given less the constant."""
    logs = pattern.form == "power"
    names = tuple(sorted({metric_of(term) for term in pattern.terms}))
    columns = (log_columns if logs else level_columns)(table, names, rounding)
    places = tuple(columns.place(term) for term in pattern.terms)
    found = residuals(columns, Law(places, tuple(pattern.terms.values()), rounded=True))
    constant = np.log(pattern.constant) if logs else pattern.constant
    return Residuals(found.rows, found.sums - constant, found.slack)
