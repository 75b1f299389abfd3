"""Penalised segmentation: where the pieces of a series begin, and which of them slope."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Cost: TypeAlias = Callable[[Ints, Ints], Floats]
"""What a piece ``start:stop`` costs, for arrays of both; merging pieces never costs less."""

LEAST_SLOPED = 6
"""Values a sloped piece needs: a line through fewer fits anything."""


class Sums:
    """Cumulative sums of a series, from which any piece is fitted in constant time.

    Parameters
    ----------
    values
        float64 of length n; centre and scale them first, since sums of squares lose digits.

    Examples
    --------
    >>> sums = Sums(np.array([1.0, 1.0, 5.0, 7.0]))
    >>> sums.flat(np.array([0, 2]), np.array([2, 4])).tolist()
    [0.0, 2.0]
    """

    def __init__(self, values: Floats) -> None:
        self.n = len(values)
        self._sums = np.zeros((3, self.n + 1))
        time = np.arange(self.n) - (self.n - 1) / 2
        for row, term in enumerate((values, values * values, time * values)):
            np.cumsum(term, out=self._sums[row, 1:])

    def flat(self, start: Ints, stop: Ints) -> Floats:
        """Squared error of the best constant on each piece."""
        total, square, _ = self._between(start, stop)
        error: Floats = np.maximum(square - total * total / np.maximum(stop - start, 1), 0.0)
        return error

    def line(self, start: Ints, stop: Ints) -> Floats:
        """Squared error of the best straight line on each piece; infinite where it is short."""
        total, square, moment = self._between(start, stop)
        size = np.maximum(stop - start, 2).astype(np.float64)
        middle = (start + stop - self.n) / 2
        rise = moment - middle * total
        error = square - total * total / size - rise * rise * 12 / (size * (size * size - 1))
        return np.where(stop - start >= LEAST_SLOPED, np.maximum(error, 0.0), np.inf)

    def _between(self, start: Ints, stop: Ints) -> Floats:
        found: Floats = self._sums[:, stop] - self._sums[:, start]
        return found


class Segmentation(Struct, frozen=True):
    """Where the pieces begin.

    Parameters
    ----------
    bounds
        0, the first index of every later piece, and n.
    sloped
        Whether each piece is a line rather than a constant.
    """

    bounds: tuple[int, ...]
    sloped: tuple[bool, ...]

    @property
    def changes(self) -> tuple[int, ...]:
        """The first index of every piece but the first."""
        return self.bounds[1:-1]

    @property
    def parameters(self) -> int:
        """How many levels and slopes are fitted."""
        return len(self.sloped) + sum(self.sloped)

    def without(self, change: int) -> Segmentation:
        """Join the pieces on both sides of a change (by its index), sloped if one of them is."""
        joined = self.sloped[change] or self.sloped[change + 1]
        return Segmentation(
            self.bounds[: change + 1] + self.bounds[change + 2 :],
            (*self.sloped[:change], joined, *self.sloped[change + 2 :]),
        )

    def fit(self, values: Floats) -> Floats:
        """Give the fitted level or line of every value."""
        fitted = np.empty(len(values))
        for (start, stop), sloped in zip(pairwise(self.bounds), self.sloped, strict=True):
            fitted[start:stop] = fit_piece(values[start:stop], sloped)
        return fitted


def fit_piece(values: Floats, sloped: bool) -> Floats:
    """Give the mean of some values, or the line of least squares through them."""
    fitted = np.full(len(values), values.mean())
    if sloped:
        time = np.arange(len(values)) - (len(values) - 1) / 2
        fitted += time * (np.sum(time * values) / np.sum(time * time))
    return fitted


@lru_cache(maxsize=64)
def seeded_intervals(n: int, least: int) -> tuple[tuple[Ints, int], ...]:
    """Give the layers of seeded intervals: their starts, and the length they share.

    Lengths shrink by the square root of two and neighbours overlap by half, so that every change
    lies well inside an interval that holds no other (Kovács, Bühlmann, Li and Munk, 2023,
    Seeded binary segmentation, Biometrika 110).
    """
    layers, length = [], float(n)
    while length >= 2 * least:
        size = int(length)
        count = 2 * int(np.ceil(n / size)) - 1
        layers.append((np.unique(np.linspace(0, n - size, count).astype(np.int64)), size))
        length /= np.sqrt(2)
    return tuple(layers)


def propose_splits(costs: tuple[Cost, ...], n: int, *, least: int, most: int, floor: float) -> Ints:
    """Give split points worth trying: the best of every seeded interval under each cost.

    Parameters
    ----------
    least
        Fewest values of a piece.
    most
        How many split points are given; those with the smallest gains are left out.
    floor
        Least gain: by how much the split must lower the cost of its interval.
    """
    gains = np.zeros(n + 1)
    for starts, size in seeded_intervals(n, least):
        left, right = starts[:, None], starts[:, None] + size
        middle = left + np.arange(least, size - least + 1)
        for cost in costs:
            whole = cost(left, right)
            gain = (
                np.where(np.isfinite(whole), whole, 0.0) - cost(left, middle) - cost(middle, right)
            )
            best = gain.argmax(axis=1)[:, None]
            split = np.take_along_axis(middle, best, axis=1)
            np.maximum.at(gains, split, np.take_along_axis(gain, best, axis=1))
    found = np.flatnonzero(gains > floor)
    strongest = found[np.argsort(-gains[found], kind="stable")[:most]]
    return np.sort(strongest)


def partition(price: Floats) -> list[int]:
    """Give the cheapest way through nodes 0 to m by optimal partitioning.

    Parameters
    ----------
    price
        Shape (m + 1, m + 1): cost and penalty of the piece from one node to a later one.

    Returns
    -------
    list
        The nodes passed, the first and the last included.

    Notes
    -----
    Jackson et al., 2005, An algorithm for optimal partitioning of data on an interval, IEEE
    Signal Processing Letters 12.
    """
    last = len(price) - 1
    total, before = np.zeros(last + 1), np.zeros(last + 1, np.int64)
    for node in range(1, last + 1):
        ways = total[:node] + price[:node, node]
        before[node] = ways.argmin()
        total[node] = ways[before[node]]
    path = [last]
    while path[-1] > 0:
        path.append(int(before[path[-1]]))
    return path[::-1]


class Prices:
    """Costs of all pieces between some splits, ready to be segmented under any penalty."""

    def __init__(self, splits: Ints, n: int, flat: Cost, line: Cost | None, least: int) -> None:
        self._nodes = np.concatenate(([0], splits, [n])).astype(np.int64)
        start, stop = np.meshgrid(self._nodes, self._nodes, indexing="ij")
        low, high = np.minimum(start, stop), np.maximum(start, stop)
        allowed = stop - start >= least
        self._flat = np.where(allowed, flat(low, high), np.inf)
        self._line = (
            np.where(allowed, line(low, high), np.inf) if line else np.full(allowed.shape, np.inf)
        )

    def segment(self, penalty: float, slope_penalty: float = np.inf) -> Segmentation:
        """Minimise the sum over pieces of ``min(flat, line + slope_penalty) + penalty``."""
        line = self._line + slope_penalty
        path = partition(np.minimum(self._flat, line) + penalty)
        sloped = tuple(bool(line[i, j] < self._flat[i, j]) for i, j in pairwise(path))
        return Segmentation(tuple(int(self._nodes[i]) for i in path), sloped)
