"""FOCuS: has the mean of a stream changed, at any time and by any amount, asked at each value."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar

CANDIDATES: Final = 64
"""Most places kept on either side of the walk; about the logarithm of the length is usual."""
STRONGEST: Final = 0.99
"""No correlation of neighbours is taken for more, or a walk would never be said to have moved."""

M = TypeVar("M")


Split: TypeAlias = tuple[int, float, M]
"""A place between two values: how many stand before it, their sum, and what was kept there."""


class Change(NamedTuple, Generic[M]):
    """Where the mean changed most, and twice the log of the likelihood ratio for it.

    At variance 1 (`ratio`), and at that of sums of the stream's values (`statistic`).
    """

    before: int
    mark: M
    ratio: float
    statistic: float


class Focus(Generic[M]):
    """The functional online cusum for a change between two unknown means (Romano et al. 2023).

    At each value, the largest over all earlier splits of the squared distance of the means on both
    sides, times the harmonic size of the sides: twice the log of a Gaussian likelihood ratio at
    variance 1. Only vertices of the convex hulls of the cumulative sum can be the largest now or
    ever, and a hull takes a value in constant time on average. The largest grows by no more than
    the squared distance of a value from the mean, so that the hulls are gone through only when
    that could reach the threshold: nothing is seen later for it.

    The variance is that of the values, and at least 1, times (1 + r) / (1 - r) for a positive
    correlation r of neighbours, so that an autoregressive stream is asked for as much more as its
    sums vary more. Both are taken of all values whenever their number has doubled.

    Parameters
    ----------
    reference
        Values before the first split.
    threshold
        Statistic from which on a change is said.

    References
    ----------
    Romano, Eckley, Fearnhead and Rigaill (2023), Fast online changepoint detection via functional
    pruning CUSUM statistics, Journal of Machine Learning Research 24.

    Examples
    --------
    >>> focus = Focus([0.5, -0.5] * 10, threshold=15.0)
    >>> found = [focus.update(2.0, mark=place) for place in range(9)]
    >>> found.index(next(filter(None, found))), next(filter(None, found)).mark
    (4, 0)
    """

    def __init__(self, reference: Sequence[float], threshold: float) -> None:
        self._threshold = threshold
        self._count = len(reference)
        self._total = sum(reference)
        self._squares = sum(value * value for value in reference)
        self._products = sum(a * b for a, b in pairwise(reference))
        self._last = reference[-1]
        self._above: list[Split[M]] = []
        self._below: list[Split[M]] = []
        self._most = 0.0
        self._rescale()

    def update(self, value: float, mark: M) -> Change[M] | None:
        """Take in a value, before which a split has that mark; give the change it shows, if any."""
        count, total = self._count, self._total
        split = (count, total, mark)
        _add(self._above, split, 1.0)
        _add(self._below, split, -1.0)
        distance = value - total / count
        self._most += distance * distance
        self._total = total + value
        self._squares += value * value
        self._products += value * self._last
        self._last = value
        self._count = count + 1
        found = None
        if self._most >= self._needed:
            change = self.largest()
            self._most = change.ratio
            found = change if change.ratio >= self._needed else None
        if self._count == self._doubled:
            self._rescale()
        return found

    def largest(self) -> Change[M]:
        """Give the split that the largest ratio belongs to, once there was a value."""
        count, mean = self._count, self._total / self._count
        largest, best = 0.0, self._above[-1]
        for split in (*self._above, *self._below):
            before, total, _ = split
            distance = total - mean * before
            ratio = distance * distance * count / (before * (count - before))
            if ratio > largest:
                largest, best = ratio, split
        return Change(best[0], best[2], largest, largest / self._variance)

    def _rescale(self) -> None:
        count, mean = self._count, self._total / self._count
        variance = self._squares / count - mean * mean
        self._variance = max(1.0, variance)
        if variance > 0:
            correlation = (self._products / count - mean * mean) / variance
            correlation = min(max(correlation, 0.0), STRONGEST)
            self._variance *= (1 + correlation) / (1 - correlation)
        self._needed = self._threshold * self._variance
        self._doubled = 2 * count


def _add(hull: list[Split[M]], split: Split[M], side: float) -> None:
    """Add a place to the upper (side 1) or lower (-1) hull, and drop those now inside it."""
    count, total, _ = split
    while len(hull) > 1:
        (first, start, _), (middle, height, _) = hull[-2], hull[-1]
        turn = (height - start) * (count - first) - (total - start) * (middle - first)
        if turn * side > 0:
            break
        hull.pop()
    hull.append(split)
    if len(hull) > CANDIDATES:
        del hull[0]
