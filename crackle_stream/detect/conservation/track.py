"""The best stretch of a stream of verdicts, in one pass: where a law holds and what breaks it."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.detect.conservation.validity import ENDING

LISTED: Final = 100
"""Most exceptions that are named."""


class Judged(Struct, frozen=True):
    """Consecutive rows that have all terms of a law.

    Parameters
    ----------
    positions
        int64: log positions.
    away
        float64: distance from the constant.
    holds
        bool: whether the row keeps the law.
    """

    positions: NDArray[np.int64]
    away: NDArray[np.float64]
    holds: NDArray[np.bool_]


class Course(Struct, frozen=True):
    """How a law fared; all places are log positions.

    Parameters
    ----------
    first, last
        Ends of the stretch it holds on.
    n
        Rows of the stretch that have all terms.
    exceptions, away
        The first 100 tasks in it that break the law, and how far off each is.
    exception_count
        How many there are.
    broke_at
        From where it no longer holds, if it does not hold to the end.
    """

    first: int
    last: int
    n: int
    exceptions: tuple[int, ...]
    away: tuple[float, ...]
    exception_count: int
    broke_at: int | None


class _Boundary(Struct):
    """A place between two rows: rows and score before it, and the position of the row after it."""

    rows: int = 0
    score: float = 0.0
    position: int | None = None


class Track:
    """Finds the stretch of largest score (Kadane) as verdicts come in, in constant memory.

    The definition is that of `find_validity`.

    Examples
    --------
    >>> track = Track(4.0)
    >>> rows = np.arange(30)
    >>> track.observe(Judged(rows, (rows > 20) * 1.0, rows <= 20))
    >>> track.course().broke_at
    21
    """

    def __init__(self, weight: float) -> None:
        self._weight = weight
        self._here, self._low = _Boundary(), _Boundary()
        self._start, self._end, self._last = _Boundary(), _Boundary(), 0
        self._since_low = self._inside = _Failures()
        self._head = self._tail = _nothing()

    def observe(self, judged: Judged) -> None:
        """Take in the next rows."""
        if len(judged.holds) == 0:
            return
        for boundary in (self._low, self._end):
            if boundary.position is None:
                boundary.position = int(judged.positions[0])
        score = self._here.score + np.cumsum(np.where(judged.holds, 1.0, -self._weight))
        lows = np.minimum.accumulate(np.concatenate([[self._low.score], score]))
        gain = score - lows[:-1]
        best = int(np.argmax(gain))
        if gain[best] > self._end.score - self._start.score:
            self._start = self._lowest(judged, score[:best], lows[best])
            self._end = self._after(judged, score, best)
            self._last = int(judged.positions[best])
            self._inside = self._failures(judged, self._start, best + 1)
        low = self._lowest(judged, score, lows[-1])
        self._since_low = self._failures(judged, low, len(score))
        self._low = low
        self._here = _Boundary(self._here.rows + len(score), float(score[-1]))
        self._head = _first(_joined(self._head, judged), ENDING)
        self._tail = _last(_joined(self._tail, judged), ENDING)

    def course(self) -> Course | None:
        """Say where the law held so far; None if no row kept it."""
        if self._end.rows == 0:
            return None
        first, last, broke_at = self._start.position, self._last, self._end.position
        start, end, total = self._start.rows, self._end.rows, self._here.rows
        failures = self._inside
        if start < ENDING:
            failures = _Failures().more(_first(self._head, start)).then(failures)
            start, first = 0, int(self._head.positions[0])
        if total - end < ENDING:
            failures = failures.more(_last(self._tail, total - end))
            end, last, broke_at = total, int(self._tail.positions[-1]), None
        return Course(
            first=first or 0,
            last=last,
            n=end - start,
            exceptions=failures.positions,
            away=failures.away,
            exception_count=failures.count,
            broke_at=broke_at,
        )

    def _lowest(self, judged: Judged, score: NDArray[np.float64], low: float) -> _Boundary:
        """Give the latest boundary of the least score, in these rows or before them."""
        at = np.flatnonzero(score == low)
        return self._after(judged, score, int(at[-1])) if len(at) else self._low

    def _after(self, judged: Judged, score: NDArray[np.float64], row: int) -> _Boundary:
        following = judged.positions[row + 1 : row + 2].tolist()
        position = following[0] if following else None
        return _Boundary(self._here.rows + row + 1, float(score[row]), position)

    def _failures(self, judged: Judged, start: _Boundary, stop: int) -> _Failures:
        """Give the failures from a boundary up to a row of these."""
        begin = start.rows - self._here.rows
        if begin > 0 or start is not self._low:
            return _Failures().more(_part(judged, slice(begin, stop)))
        return self._since_low.more(_part(judged, slice(0, stop)))


class _Failures(Struct, frozen=True):
    """How many rows failed, and the first of them."""

    count: int = 0
    positions: tuple[int, ...] = ()
    away: tuple[float, ...] = ()

    def more(self, judged: Judged) -> _Failures:
        """Add those of the rows that follow."""
        failing = np.flatnonzero(~judged.holds)
        named = failing[:LISTED]
        added = _Failures(
            len(failing),
            tuple(judged.positions[named].tolist()),
            tuple(judged.away[named].tolist()),
        )
        return self.then(added)

    def then(self, other: _Failures) -> _Failures:
        """Add failures that come after."""
        return _Failures(
            self.count + other.count,
            (self.positions + other.positions)[:LISTED],
            (self.away + other.away)[:LISTED],
        )


def _nothing() -> Judged:
    return Judged(np.empty(0, np.int64), np.empty(0), np.empty(0, bool))


def _part(judged: Judged, which: slice) -> Judged:
    return Judged(judged.positions[which], judged.away[which], judged.holds[which])


def _first(judged: Judged, rows: int) -> Judged:
    return _part(judged, slice(0, rows))


def _last(judged: Judged, rows: int) -> Judged:
    return _part(judged, slice(len(judged.holds) - min(rows, len(judged.holds)), None))


def _joined(left: Judged, right: Judged) -> Judged:
    return Judged(
        np.concatenate([left.positions, right.positions]),
        np.concatenate([left.away, right.away]),
        np.concatenate([left.holds, right.holds]),
    )
