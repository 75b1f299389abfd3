"""Order by event time while events still come in: a watermark behind the latest time seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crackle_stream.table import concatenate
from crackle_stream.timestamp import NO_TIME
from crackle_stream.window.external_sort import in_time_order
from crackle_stream.window.row_file import Rows


class Watermark:
    """The latest time seen less the declared lateness: nothing older is waited for.

    It is a function of the events in log order alone, not of when or in which blocks they came.

    Parameters
    ----------
    lateness
        Nanoseconds.

    Examples
    --------
    >>> Watermark(lateness=2).late(np.array([10, 8, 7, 20, 17]))
    array([False, False,  True, False,  True])
    """

    def __init__(self, lateness: int) -> None:
        self.lateness = lateness
        self._latest = NO_TIME

    @property
    def time(self) -> int:
        """Events before this moment are complete."""
        return max(self._latest - self.lateness, NO_TIME)

    def late(self, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Take in the next times and tell which were behind the watermark as they arrived."""
        latest = np.maximum.accumulate(np.concatenate([[self._latest], times]))
        self._latest = int(latest[-1])
        before = latest[:-1]
        # Unsigned, so that a difference of more than 292 years does not wrap around.
        behind = before.view(np.uint64) - times.view(np.uint64)
        late: NDArray[np.bool_] = (before > times) & (behind > self.lateness)
        return late


class LateSorter:
    """Gives rows by time, ties by log position, once the watermark has passed them.

    Rows that were late as they arrived are left out. It holds the rows of the last `lateness` of
    event time. All that was given, then the rest, is the order of the events so far.

    Parameters
    ----------
    lateness
        Nanoseconds.

    Examples
    --------
    >>> from crackle_stream.table import Table
    >>> place, times = np.arange(4), np.array([10, 30, 20, 50])
    >>> sorter = LateSorter(lateness=15)
    >>> sorter.push(Rows(Table((), place, place, times, np.empty((4, 0))))).table.positions
    array([0, 2, 1])
    >>> sorter.rest().table.positions
    array([3])
    """

    def __init__(self, lateness: int) -> None:
        self._watermark = Watermark(lateness)
        self._waiting = Rows(concatenate([]))
        self.late = 0

    def push(self, rows: Rows) -> Rows:
        """Take in the next rows of the log, every one with a time; gives those it releases."""
        late = self._watermark.late(rows.table.times)
        self.late += int(late.sum())
        waiting = [part for part in (self._waiting, rows.take(~late)) if len(part.table)]
        ordered = in_time_order(waiting)
        ready = int(np.searchsorted(ordered.table.times, self._watermark.time))
        self._waiting = ordered.take(slice(ready, None))
        return ordered.take(slice(0, ready))

    def rest(self) -> Rows:
        """Give the rows that wait, in order; nothing is taken away."""
        return self._waiting
