"""Columns that repeat themselves exactly, by rows or by the calendar: quarters, weekdays, hours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Rows = NDArray[np.int64]

_TIMES: Final = 3
"""Whole periods at least: what came but twice may have come by chance."""

_CHANGES: Final = 8
"""Changes of value that must have come again in their places."""

_SAME: Final = 1e-9
"""Part of the range by which values may differ and still be the same."""

_TRIED: Final = 64
"""Most periods that are tried on all rows, the shortest."""

_MOST_DISTINCT: Final = 366
"""More values than this are no part of a date."""

_DAY: Final = 86_400


def period_of(values: Values, rows: Rows) -> int:
    """Find the shortest period, in rows, with which values repeat themselves exactly; 0 for none.

    The window must hold three periods, and after the first of them at least eight changes of
    value, all in their places. Candidates are the distances at which the latest changes of the
    longest run of consecutive rows recur; these are tried on all rows.

    Parameters
    ----------
    values
        float64: the values present.
    rows
        int64: their rows, rising.

    Examples
    --------
    >>> period_of(np.arange(40.0) % 7, np.arange(40))
    7
    >>> period_of(np.arange(40.0) ** 2 % 41, np.arange(40))
    0
    """
    near = _SAME * float(np.ptp(values))
    run = _longest_run(rows)
    for period in _candidates(values[run], near)[:_TRIED].tolist():
        if _repeats(values, rows, period, near):
            return int(period)
    return 0


def calendar_part(values: Values, seconds: Values) -> str:
    """Name the part of the events' date or time of day that whole numbers tell; empty for none.

    Days and hours may be those of any time zone that is whole hours from UTC.

    Parameters
    ----------
    values
        float64: the values present.
    seconds
        float64: seconds since 1970 of the same events, NaN where absent.

    Examples
    --------
    >>> times = 1e9 + 40_000 * np.arange(30.0)
    >>> calendar_part(times // 3600 % 24, times)
    'hour'
    """
    timed = ~np.isnan(seconds)
    values, whole = values[timed], seconds[timed].astype(np.int64)
    if not _could_be_part(values):
        return ""
    for offset in sorted(range(-12, 15), key=abs):
        for name, part in _parts(whole + 3600 * offset):
            if np.ptp(part) > 0 and _tells(values, part, cyclic=name in ("weekday", "hour")):
                return name
    return ""


def _longest_run(rows: Rows) -> slice:
    starts = np.concatenate([[0], np.flatnonzero(np.diff(rows) != 1) + 1, [len(rows)]])
    longest = int(np.argmax(np.diff(starts)))
    return slice(int(starts[longest]), int(starts[longest + 1]))


def _candidates(values: Values, near: float) -> Rows:
    """Give the distances at which the latest changes, and what follows each, came before."""
    n = len(values)
    periods = np.arange(2, n // _TIMES + 1)
    changed = np.flatnonzero(np.abs(np.diff(values)) > near) + 1
    for at in changed[changed >= n // _TIMES + 1][-_CHANGES:]:
        for row in (at, at - 1):
            periods = periods[np.abs(values[row - periods] - values[row]) <= near]
        if len(periods) == 0:
            break
    return periods


def _repeats(values: Values, rows: Rows, period: int, near: float) -> bool:
    if rows[-1] - rows[0] + 1 < _TIMES * period:
        return False
    place = (rows - rows[0]) % period
    first = np.full(period, np.nan)
    first[place[::-1]] = values[::-1]
    if np.abs(values - first[place]).max() > near:
        return False
    again = values[rows - rows[0] >= period]
    return int((np.abs(np.diff(again)) > near).sum()) >= _CHANGES


def _could_be_part(values: Values) -> bool:
    if len(values) < _TIMES * _CHANGES or np.any(values != np.rint(values)):
        return False
    return bool(np.ptp(values) <= _MOST_DISTINCT and (np.diff(values) != 0).sum() >= _CHANGES)


def _parts(seconds: Rows) -> Iterator[tuple[str, Rows]]:
    days = seconds.astype("datetime64[s]").astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    years = months.astype("datetime64[Y]")
    month = (months - years).astype(np.int64) + 1
    yield "minute", seconds // 60 % 60
    yield "hour", seconds // 3600 % 24
    yield "weekday", seconds // _DAY % 7
    yield "day of the month", (days - months).astype(np.int64) + 1
    yield "day of the year", (days - years).astype(np.int64) + 1
    yield "month", month
    yield "quarter", (month - 1) // 3 + 1
    yield "year", years.astype(np.int64) + 1970


def _tells(values: Values, part: Rows, *, cyclic: bool) -> bool:
    """Whether values are the part itself, from any first number (weekdays: of any first day)."""
    away = values - part
    if cyclic:
        around = 7 if part.max() < 7 else 24
        return bool(np.ptp(away % around) == 0 and np.ptp(values) < around)
    return bool(np.ptp(away) == 0)
