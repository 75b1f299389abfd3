"""What each metric is: something measured, or a number that only names, dates or configures."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.detect.cycle import calendar_part, period_of
from crackle_stream.detect.resolution import resolution_of
from crackle_stream.detect.view import View
from crackle_stream.pattern import Note
from crackle_stream.timestamp import NO_TIME

Role: TypeAlias = Literal["identifier", "clock", "cycle", "setting", "counter", "measure"]
Values: TypeAlias = NDArray[np.float64]

_LEAST: Final = 8
"""Fewer values than this show no role but that of a setting."""

_SHUFFLED: Final = 12
"""Unique integers without a gap, out of order: 12 draws from 12 values are so once in 2e4."""

_DENSE: Final = 0.9
"""Least share of the numbers between the ends that a series of run numbers holds."""

_BACKWARD: Final = 0.01
"""Largest share of steps against its direction that a counter may have (corrections)."""

_TICKS: Final = (1.0, 1e3, 1e6, 1e9)
"""Clock ticks a second: whole seconds down to nanoseconds."""

_NEAR: Final = 2 * 86_400.0
"""Seconds between an event's time and a clock that tells the same moment."""

_EPOCH: Final = 1e8
"""Seconds since 1970 below which small numbers would pass for the time."""

_HASH_BITS: Final = (31, 32, 48, 52, 53, 62, 63, 64)
"""Widths of the random integers that serve as names."""


class Roles(Struct, frozen=True):
    """The role of every metric of a window.

    Parameters
    ----------
    role
        By metric: `identifier` (evenly spaced integers, also shuffled; long random ones),
        `clock` (evenly spaced, or telling the events' time), `cycle` (repeating itself exactly, or
        telling the weekday, hour and so on), `setting` (exactly constant),
        `counter` (rises or falls only, unevenly), `measure` (everything else).
    notes
        One for each identifier, clock, cycle and setting, with the reason.
    resolution
        By metric: the step its values are multiples of, 0 where none is seen.
    """

    role: dict[str, Role]
    notes: tuple[Note, ...]
    resolution: dict[str, float]


def find_roles(view: View) -> Roles:
    """Recognise identifiers, clocks, cycles, settings and counters by the form of their values.

    Deterministic definitions, no tests: a metric is what its docstring entry in `Roles` says
    exactly, so that a measure with unique values, a random walk or a trend with noise stays a
    measure. Absent values are passed over. Settings are judged on the whole window, everything
    else on the sample.

    Examples
    --------
    >>> from crackle_stream.detect.view import table_of, view_table
    >>> runs = table_of({"run": list(range(100, 110)), "tests": [812.0] * 10})
    >>> find_roles(view_table(runs)).role
    {'run': 'identifier', 'tests': 'setting'}
    """
    role: dict[str, Role] = {}
    notes: list[Note] = []
    resolution: dict[str, float] = {}
    seconds = _event_seconds(view)
    for name in view.names:
        column = view.sample.column(name)
        present = ~np.isnan(column)
        values = column[present]
        resolution[name] = resolution_of(values)
        role[name], reason = _role(view, name, values, present, seconds)
        if reason:
            notes.append(Note(role[name], f"{name} is {reason}", (name,)))
    return Roles(role, tuple(notes), resolution)


def _role(
    view: View,
    name: str,
    values: Values,
    present: NDArray[np.bool_],
    seconds: Values,
) -> tuple[Role, str]:
    if _constant(view, name):
        return "setting", f"a setting: {view.series[name].mean[0]:g} in every task"
    if len(values) < _LEAST:
        return "measure", ""
    whole = bool(np.all(values == np.rint(values)))
    if _even(values, view.sample.rows[present]):
        if whole:
            return "identifier", "an identifier: evenly numbered"
        return "clock", "a clock: evenly spaced"
    if _tells_time(values, seconds[present]):
        return "clock", "a clock: it tells the time of the events"
    if period := period_of(values, view.sample.rows[present]):
        return "cycle", f"a cycle: it repeats exactly every {period} tasks"
    if whole and (part := calendar_part(values, seconds[present])):
        return "cycle", f"a cycle: it tells the {part} of the events"
    if whole and (reason := _names(values)):
        return "identifier", f"an identifier: {reason}"
    return ("counter" if _counts(values) else "measure"), ""


def _constant(view: View, name: str) -> bool:
    series = view.series[name]
    return bool(
        series.count.sum() >= 3
        and series.m2.max(initial=0.0) == 0
        and series.mean.min() == series.mean.max()
    )


def _even(values: Values, rows: NDArray[np.int64]) -> bool:
    """Whether values step evenly, from one to the next or with the rows."""
    steps = np.diff(values)
    fine = 1e-9 * np.abs(values).max()
    for each in (steps, steps / np.diff(rows)):
        if each[0] != 0 and np.ptp(each) <= min(fine, 1e-3 * abs(each[0])):
            return True
    return False


def _event_seconds(view: View) -> Values:
    """Give the time of each sampled row in seconds, NaN where absent."""
    times = view.sample.times
    return np.where(times == NO_TIME, np.nan, times / 1e9)


def _tells_time(values: Values, seconds: Values) -> bool:
    """Whether values are the events' time, as an epoch in some unit or from another start."""
    timed = ~np.isnan(seconds)
    if timed.sum() < _LEAST:
        return False
    values, seconds = values[timed], seconds[timed]
    span = np.ptp(seconds)
    for ticks in _TICKS:
        away = values / ticks - seconds
        epoch = seconds.min() > _EPOCH and np.abs(away).max() <= _NEAR
        elapsed = span > 0 and np.ptp(away) <= 1e-4 * span
        if epoch or elapsed:
            return True
    return False


def _names(values: Values) -> str:
    """Say why unique integers only name, or nothing."""
    ordered = np.sort(values)
    gaps = np.diff(ordered)
    if gaps.min() == 0:
        return "numbered batch by batch" if _batches(values) else ""
    span = ordered[-1] - ordered[0]
    holes = 1 + span / np.gcd.reduce(gaps.astype(np.int64)) if span < 2.0**62 else np.inf
    if len(values) >= _SHUFFLED and len(values) >= _DENSE * holes:
        return "consecutive numbers, each once"
    return "long random numbers, each once" if _hashed(ordered) else ""


def _batches(values: Values) -> bool:
    """Whether one number stands for each of several equally long runs, counting up."""
    starts = np.flatnonzero(np.diff(values)) + 1
    runs = np.diff(starts)
    steps = np.diff(values)[starts - 1]
    return len(starts) >= 4 and bool(np.all(runs == runs[0]) and np.all(steps == steps[0]))


def _hashed(ordered: Values) -> bool:
    """Whether sorted integers fill a range of random names evenly (Kolmogorov's distance)."""
    n = len(ordered)
    if n < 2 * _LEAST or ordered[0] < 0:
        return False
    places = np.arange(n) / n
    for bits in _HASH_BITS:
        share = ordered / 2.0**bits
        if 1 - 5 / n < share[-1] <= 1 and np.abs(share - places).max() < 1.63 / np.sqrt(n):
            return True
    return False


def _counts(values: Values) -> bool:
    """Whether values rise (or fall) only, but for rare corrections, in at least seven steps."""
    steps = np.diff(values)
    up, down = int((steps > 0).sum()), int((steps < 0).sum())
    more, less = max(up, down), min(up, down)
    return more >= _LEAST - 1 and less <= _BACKWARD * len(steps)
