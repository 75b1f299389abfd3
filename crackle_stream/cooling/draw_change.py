"""What the plot of a change shows: the series in bins, or the shapes on both sides."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.cooling.opened import Opened
from crackle_stream.cooling.picture import (
    Picture,
    Segment,
    SeriesPicture,
    ShapePicture,
)
from crackle_stream.detect.view import Series, View
from crackle_stream.pattern import (
    Level,
    PhaseTransitionPattern,
    Stretch,
)

BINS: Final = 160
"""Most bins of a series: two dots a column of a terminal."""
SPREAD: Final = 8
"""Fewest values whose standard deviation is shown."""
LEAST_SLOPED: Final = 4
"""Fewer values have no line."""
SHAPES: Final = 60
"""Bins of a distribution."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def judged_series(opened: Opened, name: str, *, raw: bool = False) -> tuple[Series, bool]:
    """Give the series that was analysed, and whether it is of steps: of a counter."""
    series = opened.view.series[name]
    if raw or opened.roles.role.get(name) != "counter":
        return series, False
    steps = np.diff(series.mean)
    zero = np.zeros(len(steps))
    return Series(series.width, series.rows[1:], series.count[1:], steps, zero), True


def binned(series: Series, most: int) -> Series:
    """Join bins of a series to at most so many, of equal numbers of the bins there were."""
    each = -(-len(series.rows) // most)
    if each <= 1:
        return series
    starts = np.arange(0, len(series.rows), each)
    count = np.add.reduceat(series.count, starts)
    # Around a value of the series, so that an offset of 1e9 costs no digits.
    centre = series.mean[0]
    mean = centre + np.add.reduceat(series.count * (series.mean - centre), starts) / count
    sizes = np.diff(starts, append=len(series.rows))
    away = series.m2 + series.count * (series.mean - np.repeat(mean, sizes)) ** 2
    m2 = np.add.reduceat(away, starts)
    return Series(series.width * each, series.rows[starts], count, mean, m2)


def change_picture(
    opened: Opened, pattern: PhaseTransitionPattern, rows: dict[int, int], *, raw: bool
) -> Picture:
    """Show a metric around its change, or where shapes differ how often which value is there."""
    name, view = pattern.subject[0], opened.view
    series, steps = judged_series(opened, name, raw=raw)
    at, low, high = (
        None if at is None else rows.get(at) for at in (pattern.at, pattern.at_low, pattern.at_high)
    )
    before, after = _segments(series, pattern, at)
    if pattern.form == "distribution" and series.width == 1 and before and after:
        return _shapes(name, series, before, after)
    spread = pattern.form == "spread"
    series, first, last = _around(series, before, after, view.span.n)
    most = min(BINS, int(series.count.sum()) // SPREAD) if spread else BINS
    shown = binned(series, max(most, 1))
    values = np.sqrt(shown.m2 / np.maximum(shown.count - 1, 1)) if spread else shown.mean
    return SeriesPicture(
        metric=name,
        steps=steps,
        quantity="standard deviation" if spread else "mean",
        rows=tuple(shown.rows.tolist()),
        values=tuple(values.tolist()),
        span=Stretch(first, last),
        positions=positions_of(view, first, last),
        at=at,
        low=low,
        high=high,
        before=before,
        after=after,
    )


def _segments(
    series: Series, pattern: PhaseTransitionPattern, at: int | None
) -> tuple[Segment | None, Segment | None]:
    """Find where the pieces on both sides begin and end, by how many values they have."""
    if at is None or pattern.before is None or pattern.after is None:
        return None, None
    counted = np.concatenate([[0], np.cumsum(series.count)])
    split = int(np.searchsorted(series.rows, at))
    start = int(np.searchsorted(counted, counted[split] - pattern.before.n))
    stop = int(np.searchsorted(counted, counted[split] + pattern.after.n))
    stop = min(max(stop, split + 1), len(series.rows))
    last = int(series.rows[stop - 1]) + series.width - 1
    first = int(series.rows[min(start, len(series.rows) - 1)])
    lines = [
        _line(series, pattern, side, slice(*ends))
        for side, ends in ((pattern.before, (start, split)), (pattern.after, (split, stop)))
    ]
    return Segment(first, max(at - 1, first), *lines[0]), Segment(at, last, *lines[1])


def _line(
    series: Series, pattern: PhaseTransitionPattern, side: Level, where: slice
) -> tuple[float, float]:
    """Give the ends of what is drawn through a piece: flat, or a line where pieces slope."""
    if pattern.form == "spread":
        return side.std, side.std
    sloped = {"slope_before", "level_before"} & set(pattern.metrics)
    values = series.mean[where]
    if not sloped or len(values) < LEAST_SLOPED:
        return side.mean, side.mean
    low, high = np.quantile(values, (0.02, 0.98))
    time = np.arange(len(values)) - (len(values) - 1) / 2
    clipped = np.clip(values, low, high)
    middle = float(clipped.mean())
    slope = float(np.sum(time * (clipped - middle)) / np.sum(time * time))
    return middle + slope * float(time[0]), middle + slope * float(time[-1])


def _around(
    series: Series, before: Segment | None, after: Segment | None, n: int
) -> tuple[Series, int, int]:
    """Leave both pieces around a change and half as much on either side; else everything."""
    if before is None or after is None:
        return series, 0, n - 1
    first = max(before.first - (before.last - before.first + 1) // 2, 0)
    last = min(after.last + (after.last - after.first + 1) // 2, n - 1)
    kept = (series.rows + series.width > first) & (series.rows <= last)
    near = Series(
        series.width, series.rows[kept], series.count[kept], series.mean[kept], series.m2[kept]
    )
    return near, first, last


def positions_of(view: View, *rows: int) -> Stretch:
    """Give the log positions of two rows of a window."""
    first, last = (next(view.scan(row, row + 1)).positions[0] for row in rows)
    return Stretch(int(first), int(last))


def _shapes(name: str, series: Series, before: Segment, after: Segment) -> ShapePicture:
    sides = [
        series.mean[(series.rows >= side.first) & (series.rows <= side.last)]
        for side in (before, after)
    ]
    low, high = np.quantile(np.concatenate(sides), (0.005, 0.995))
    edges = np.linspace(low, high if high > low else low + 1, SHAPES + 1)
    counts = [np.histogram(np.clip(side, edges[0], edges[-1]), edges)[0] for side in sides]
    return ShapePicture(
        metric=name,
        edges=tuple(edges.tolist()),
        before=tuple(counts[0].tolist()),
        after=tuple(counts[1].tolist()),
    )
