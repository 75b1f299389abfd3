"""Choose what a plot shows of a pattern, and read it from its window in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.cooling.opened import Opened
from crackle_stream.cooling.picture import (
    Picture,
    ResidualPicture,
    ScatterPicture,
    Segment,
    SeriesPicture,
    ShapePicture,
)
from crackle_stream.detect.clustering.clusters import assign_clusters
from crackle_stream.detect.conservation.law import (
    Law,
    Residuals,
    level_columns,
    log_columns,
    metric_of,
    residuals,
)
from crackle_stream.detect.correlation.pairs import separate_runs
from crackle_stream.detect.correlation.rank_correlation import aligned
from crackle_stream.detect.describe import law
from crackle_stream.detect.ranks import rank_scores
from crackle_stream.detect.residual import difference_counters, residual_table
from crackle_stream.detect.resolution import Rounding
from crackle_stream.detect.view import Series, View, view_table
from crackle_stream.pattern import (
    ClusteringPattern,
    ConservationPattern,
    CorrelationPattern,
    Pattern,
    PhaseTransitionPattern,
    Stretch,
)
from crackle_stream.table import Table, concatenate

BINS: Final = 160
"""Most bins of a series: two dots a column of a terminal."""
POINTS: Final = 2_000
"""Most points of a scatter."""
SPREAD: Final = 8
"""Fewest values whose standard deviation is shown."""
SHAPES: Final = 60
"""Bins of a distribution."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def draw(opened: Opened, pattern: Pattern, rows: dict[int, int], *, raw: bool) -> Picture | None:
    """Give the picture of a pattern.

    Parameters
    ----------
    opened
        Its window.
    pattern
        As the detector gave it.
    rows
        Window rows of the log positions that the pattern names.
    raw
        Whether values were looked at as they are, as of a handful of tasks.
    """
    if isinstance(pattern, PhaseTransitionPattern):
        return _change(opened, pattern, rows, raw=raw)
    if isinstance(pattern, CorrelationPattern):
        return _pair(opened, pattern, raw=raw)
    if isinstance(pattern, ConservationPattern):
        return _residual(opened, pattern, rows)
    return _group(opened, pattern, raw=raw)


def named_positions(pattern: Pattern) -> tuple[int, ...]:
    """Give the log positions that a picture of a pattern marks."""
    if isinstance(pattern, PhaseTransitionPattern):
        return tuple(at for at in (pattern.at, pattern.at_low, pattern.at_high) if at is not None)
    if isinstance(pattern, ConservationPattern):
        broke = () if pattern.broke_at is None else (pattern.broke_at,)
        return (pattern.holds.first, pattern.holds.last, *broke, *(pattern.exceptions or ()))
    return ()


def read_positions(view: View, positions: Sequence[int]) -> Table:
    """Read the rows of some log positions, in one pass over the window."""
    wanted = np.unique(np.array(positions, np.int64))
    found = [t.take(np.isin(t.positions, wanted)) for t in view.scan(0, view.span.n)]
    return concatenate([table for table in found if len(table)])


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


def _change(
    opened: Opened, pattern: PhaseTransitionPattern, rows: dict[int, int], *, raw: bool
) -> Picture:
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
    before, after = (
        side.std if pattern.form == "spread" else side.mean
        for side in (pattern.before, pattern.after)
    )
    first = int(series.rows[min(start, len(series.rows) - 1)])
    return Segment(first, max(at - 1, first), before), Segment(at, last, after)


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


def _pair(opened: Opened, pattern: CorrelationPattern, *, raw: bool) -> ScatterPicture:
    """Show the residuals that were looked at, as ranks where ranks are what is close."""
    sample, quantity = opened.view.sample, "values"
    if not raw:
        left = residual_table(sample, opened.phases.changes, opened.roles)
        sample = separate_runs(left)
        quantity = "residuals"
    values = sample.with_names(pattern.subject).values
    if pattern.form != "linear":
        values, quantity = rank_scores(values), f"ranks of {quantity}"
    _, x, y = aligned(values, 0, 1, pattern.lag)
    chosen = _evenly(len(x), POINTS)
    return ScatterPicture(
        across=pattern.subject[0],
        up=pattern.subject[1],
        quantity=quantity,
        x=tuple(x[chosen].tolist()),
        y=tuple(y[chosen].tolist()),
        lag=pattern.lag,
    )


def _group(opened: Opened, pattern: ClusteringPattern, *, raw: bool) -> ScatterPicture:
    """Show members and others in the two metrics that tell this group apart best."""
    view = opened.view
    table, mine = view.sample, np.array(pattern.members or (), np.int64)
    if not raw:
        table = difference_counters(view.sample, opened.roles)
        whole = view_table(view.sample, view.group)
        found = assign_clusters(whole, opened.roles, opened.phases)
        parts = [some.positions for some in found if some.id == pattern.id]
        mine = np.concatenate(parts) if parts else np.empty(0, np.int64)
    table = table.with_names(pattern.subject)
    table = table.take(np.flatnonzero(~np.isnan(table.values).any(axis=1)))
    members = np.isin(table.positions, mine)
    across, up = telling_pair(table.values, members)
    chosen = _evenly(len(table), POINTS)
    # A group of few is shown whole.
    chosen = np.union1d(chosen, np.flatnonzero(members)[:POINTS])
    return ScatterPicture(
        across=table.names[across],
        up=table.names[up],
        quantity="values",
        x=tuple(table.values[chosen, across].tolist()),
        y=tuple(table.values[chosen, up].tolist()),
        members=tuple(members[chosen].tolist()),
    )


def telling_pair(values: Floats, members: NDArray[np.bool_]) -> tuple[int, int]:
    """Choose two columns in which the fewest others lie where most members do.

    That is between the 5 % and 95 % quantiles of members in both; of pairs that are equally good
    the first is taken. With one column it is taken twice.

    Examples
    --------
    >>> values = np.array([[1.0, 5.0, 1.0], [1.0, 5.0, 2.0], [1.0, 7.0, 8.0], [3.0, 5.0, 9.0]])
    >>> telling_pair(values, np.array([True, True, False, False]))
    (0, 1)
    """
    if values.shape[1] == 1 or not members.any():
        return 0, values.shape[1] - 1 and 1
    low, high = np.quantile(values[members], (0.05, 0.95), axis=0)
    within = ((values >= low) & (values <= high))[~members].astype(np.float64)
    both = np.einsum("ti,tj->ij", within, within)
    both[np.tril_indices(len(both))] = np.inf
    first, second = np.unravel_index(int(np.argmin(both)), both.shape)
    return int(first), int(second)


def _evenly(n: int, most: int) -> NDArray[np.intp]:
    count = min(n, most)
    return (np.arange(count) * n // max(count, 1)).astype(np.intp)


def _residual(
    opened: Opened, pattern: ConservationPattern, rows: dict[int, int]
) -> ResidualPicture:
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
