"""Place a change found in bins on a row, by reading the rows around it again."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.detect.phase.longrun import normal_scores, robust_std
from crackle_stream.detect.phase.place import best_place, place_interval
from crackle_stream.detect.phase.segmentation import Cost, Sums
from crackle_stream.detect.phase.spread import Spread
from crackle_stream.detect.phase.transition import Place, Transition
from crackle_stream.detect.view import Series, View
from crackle_stream.table import concatenate

Floats = NDArray[np.float64]

MARGIN: Final = 2
"""Bins read on both sides of a change."""
LEAST: Final = 3
"""Rows that must be left on both sides."""
OUTLIER: Final = 4.0


def locate(view: View, name: str, series: Series, change: Transition, counter: bool) -> Place:
    """Give the rows of a change: of its bin where bins are rows, else found in the rows.

    The interval is that of the rows when it was one bin wide, else that of the bins.
    """
    rows = series.rows
    if series.width == 1:
        return Place(int(rows[change.at]), int(rows[change.low]), int(rows[change.high]))
    near, values = _read(view, name, series, change, counter)
    if len(values) <= 2 * LEAST:
        return Place(int(rows[change.at]), int(rows[change.low]), int(rows[change.high]))
    cost, unit = _cost(values, change)
    middle = min(max(int(np.searchsorted(near, rows[change.at])), LEAST), len(values) - LEAST)
    at = best_place(cost, 0, middle, len(values), LEAST)
    low, high = place_interval(cost, 0, at, len(values), LEAST, unit)
    first = min(int(near[low]), int(rows[change.low])) if change.low < change.at else near[low]
    last = max(int(near[high]), int(rows[change.high])) if change.high > change.at else near[high]
    return Place(int(near[at]), int(first), int(last))


def _read(
    view: View, name: str, series: Series, change: Transition, counter: bool
) -> tuple[NDArray[np.int64], Floats]:
    first = int(series.rows[max(change.at - MARGIN, 0)])
    after = change.at + MARGIN
    stop = int(series.rows[after]) if after < len(series.rows) else view.span.n
    table = concatenate(list(view.scan(first, stop)))
    values = table.column(name)
    present = ~np.isnan(values)
    rows, values = table.rows[present], values[present]
    return (rows[1:], np.diff(values)) if counter else (rows, values)


def _cost(values: Floats, change: Transition) -> tuple[Cost, float]:
    """Give what a piece of rows costs, and the cost that stands for one noise variance."""
    if change.form in ("spread", "distribution"):
        return Spread(normal_scores(values)).cost, 1.0
    half = len(values) // 2
    noise = min(robust_std(values[:half]), robust_std(values[half:])) or 1.0
    scaled = np.clip((values - np.median(values)) / robust_std(values), -OUTLIER, OUTLIER)
    return Sums(scaled).flat, (noise / robust_std(values)) ** 2
