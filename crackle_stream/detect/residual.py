"""What is left of each metric once its levels, its trends and its season are taken out.

Common steps, common drifts and common seasons make any two metrics look related, and put points
on rings and in clumps. Detectors of relations and of groups therefore look at residuals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.detect.ranks import median_size
from crackle_stream.detect.roles import Roles
from crackle_stream.detect.season import remove_season
from crackle_stream.table import Table

TREND_ROWS: Final = 8
"""A segment of fewer rows has a level and no trend: a line through so few would fit noise."""

Values = NDArray[np.float64]

_CLIP: Final = 3.0  # robust standard deviations: nearly all normal rows count in full
_SLOPED: Final = 2.0  # standard errors of a slope
_ROUNDS: Final = 6
_NORMAL_MAD: Final = 1.4826
_ROUNDING: Final = 64 * np.finfo(np.float64).eps


def residual_table(table: Table, changes: Mapping[str, tuple[int, ...]], roles: Roles) -> Table:
    """Take the levels and trends of segments, then the season, out of each eligible metric.

    Counters are differenced first. Each segment of each run of consecutive rows gets a level, and
    a slope where that is two standard errors from 0 (Huber's M-estimate by modified residuals);
    or, where more than half of its values are the same, its median alone. Then the sinusoids that
    stand out of the spectrum are subtracted (`remove_season`). Time is n log n.

    Parameters
    ----------
    table
        Rows of a window.
    changes
        By metric, the rows (as in `Table.rows`) at which new segments begin.
    roles
        What each metric is: measures and counters are kept, others left out.

    Returns
    -------
    Table
        The same rows. Absent stays absent, and so is the first difference of each run. A metric
        that is nothing but levels, trends and a season, up to rounding, is exactly 0.

    References
    ----------
    P. J. Huber, Robust Statistics, 1981, section 7.8.
    """
    steady = difference_counters(table, roles)
    values = _without_lines(steady, changes)
    for run in runs_of(steady.rows):
        values[run] = remove_season(values[run])
    values[_is_rounding(values, table.with_names(steady.names).values)] = 0.0
    return Table(steady.names, steady.rows, steady.positions, steady.times, values)


def difference_counters(table: Table, roles: Roles) -> Table:
    """Keep measures as they are and counters as first differences; leave other roles out."""
    names = tuple(name for name in table.names if roles.role.get(name) in ("measure", "counter"))
    kept = table.with_names(names)
    values = kept.values.copy()
    before = np.full_like(values, np.nan)
    before[1:][np.diff(kept.rows) == 1] = values[:-1][np.diff(kept.rows) == 1]
    counters = np.array([roles.role[name] == "counter" for name in names], bool)
    values[:, counters] -= before[:, counters]
    return Table(names, kept.rows, kept.positions, kept.times, values)


def runs_of(rows: NDArray[np.int64]) -> Iterator[slice]:
    """Give each run of consecutive rows as a slice."""
    breaks = (np.flatnonzero(np.diff(rows) != 1) + 1).tolist()
    for first, stop in zip([0, *breaks], [*breaks, len(rows)], strict=True):
        yield slice(first, stop)


def _is_rounding(residuals: Values, values: Values) -> NDArray[np.bool_]:
    """Whether what is left of a value is no more than the digits that its size leaves."""
    sizes = np.maximum(np.abs(values), median_size(values))
    lost: NDArray[np.bool_] = np.abs(residuals) <= _ROUNDING * sizes
    return lost


class _Groups(Struct, frozen=True):
    """Values end to end, the segments of one metric after another's.

    `ids` tells the group of each value, `starts` where each group begins, `sizes` how many
    values it has.
    """

    ids: NDArray[np.intp]
    starts: NDArray[np.intp]
    sizes: NDArray[np.intp]

    def mean(self, values: Values) -> Values:
        return np.add.reduceat(values, self.starts) / self.sizes

    def median(self, values: Values) -> Values:
        ordered = values[np.lexsort((values, self.ids))]
        low, high = (self.sizes - 1) // 2, self.sizes // 2
        median: Values = (ordered[self.starts + low] + ordered[self.starts + high]) / 2
        return median

    def deviation(self, values: Values) -> Values:
        """Robust standard deviation around 0."""
        return _NORMAL_MAD * self.median(np.abs(values))


def _without_lines(table: Table, changes: Mapping[str, tuple[int, ...]]) -> Values:
    residuals = np.full(table.values.shape, np.nan)
    columns, places = np.nonzero(~np.isnan(table.values.T))
    if len(columns) == 0:
        return residuals
    groups = _segments(table, changes, columns, places)
    times = table.rows[places].astype(np.float64)
    residuals[places, columns] = _line_residuals(table.values[places, columns], times, groups)
    return residuals


def _segments(
    table: Table,
    changes: Mapping[str, tuple[int, ...]],
    columns: NDArray[np.intp],
    places: NDArray[np.intp],
) -> _Groups:
    run = np.concatenate([[0], np.cumsum(np.diff(table.rows) != 1)])
    segments = np.empty((len(table.names), len(table)), np.intp)
    for column, name in enumerate(table.names):
        segments[column] = np.searchsorted(np.sort(changes.get(name, ())), table.rows, "right")
    label = np.stack([columns, run[places], segments[columns, places]])
    first = np.concatenate([[True], (np.diff(label) != 0).any(axis=0)])
    starts = np.flatnonzero(first)
    return _Groups(np.cumsum(first) - 1, starts, np.diff(starts, append=len(columns)))


def _line_residuals(values: Values, times: Values, groups: _Groups) -> Values:
    ids = groups.ids
    left = values - groups.median(values)[ids]
    times = times - groups.mean(times)[ids]
    spread = groups.mean(times**2)
    slope = np.zeros(len(spread))
    for turn in range(_ROUNDS):
        if turn % 3 == 0:  # the first scale still holds the trend
            limit = _CLIP * groups.deviation(left)[ids]
        # A limit of 0, more than half of the values being the same, leaves the median alone: a
        # line through ties would break them, and order by time what has no order.
        clipped = np.clip(left, -limit, limit)
        step = groups.mean(clipped * times) / np.where(spread > 0, spread, np.inf)
        left = left - groups.mean(clipped)[ids] - step[ids] * times
        slope += step
    noise = groups.mean(np.clip(left, -limit, limit) ** 2)
    errors = slope**2 * spread * groups.sizes
    kept = (groups.sizes >= TREND_ROWS) & (errors > _SLOPED**2 * noise)
    return left + np.where(kept, 0.0, slope)[ids] * times
