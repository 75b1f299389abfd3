"""Penalised segmentation: where the pieces of a series begin, and which of them slope."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final, TypeAlias

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
        # Taken, not indexed: of several rows that is ten times faster.
        found: Floats = self._sums.take(stop, axis=1) - self._sums.take(start, axis=1)
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
    fitted = np.full(len(values), np.add.reduce(values) / len(values))
    if sloped:
        time = np.arange(len(values)) - (len(values) - 1) / 2
        fitted += time * (np.add.reduce(time * values) / np.add.reduce(time * time))
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


class _Ways(Struct, frozen=True):
    """All ways to split some intervals in two, those of one interval after another's.

    Parameters
    ----------
    left, right
        Ends of each interval.
    first, count
        Where the ways of each interval begin, and how many there are.
    start, split, stop
        Ends of the two pieces of each way.
    """

    left: Ints
    right: Ints
    first: Ints
    count: Ints
    start: Ints
    split: Ints
    stop: Ints

    @classmethod
    def of(cls, left: Ints, right: Ints, least: int) -> _Ways:
        """Split between places that leave so many values on both sides."""
        count = right - left - 2 * least + 1
        first = np.cumsum(count) - count
        start, stop = np.repeat(left, count), np.repeat(right, count)
        split = start + least + np.arange(len(start)) - np.repeat(first, count)
        return cls(left, right, first, count, start, split, stop)

    def best(self, cost: Cost) -> tuple[Ints, Floats]:
        """Give the split of each interval that lowers the cost most, and by how much it does."""
        whole = cost(self.left, self.right)
        whole = np.where(np.isfinite(whole), whole, 0.0)
        gain = np.repeat(whole, self.count)
        gain -= cost(self.start, self.split)
        gain -= cost(self.split, self.stop)
        most = np.maximum.reduceat(gain, self.first)
        reached = np.flatnonzero(~(gain < np.repeat(most, self.count)))
        best = reached[np.searchsorted(reached, self.first)]
        return self.split[best], most


TOGETHER: Final = 4096
"""Splits that are worth trying in one go: of fewer, calls cost more than the work in them."""
SHORT: Final = 2048
"""Longer series have more ways to be split than are worth keeping."""


def _seeded_ways(n: int, least: int) -> Iterator[_Ways]:
    """Give the ways to split the seeded intervals, layers of few of them together."""
    edges, splits = [], 0
    layers = seeded_intervals(n, least)
    for starts, size in layers:
        edges.append(np.stack([starts, starts + size]))
        splits += len(starts) * (size - 2 * least + 1)
        if splits >= TOGETHER or size == layers[-1][1]:
            left, right = np.concatenate(edges, axis=1)
            yield _Ways.of(left, right, least)
            edges, splits = [], 0


@lru_cache(maxsize=32)
def _kept_ways(n: int, least: int) -> tuple[_Ways, ...]:
    """Keep the ways of a short series; not to be changed."""
    return tuple(_seeded_ways(n, least))


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
    for ways in (_kept_ways if n <= SHORT else _seeded_ways)(n, least):
        for cost in costs:
            np.maximum.at(gains, *ways.best(cost))
    found = np.flatnonzero(gains > floor)
    strongest = found[np.argsort(-gains[found], kind="stable")[:most]]
    return np.sort(strongest)


def partition(price: Floats) -> Ints:
    """Lead to every node 0 to m the cheapest way, by optimal partitioning, at several prices.

    Parameters
    ----------
    price
        Shape (m + 1, m + 1, prices): cost and penalty of the piece that ends at the first node
        and begins at the second.

    Returns
    -------
    ndarray
        Shape (m + 1, prices): from which node the cheapest way comes.

    Notes
    -----
    Jackson et al., 2005, An algorithm for optimal partitioning of data on an interval, IEEE
    Signal Processing Letters 12.
    """
    total = np.zeros((len(price), price.shape[2]))
    before = np.zeros(total.shape, np.int64)
    for node in range(1, len(price)):
        ways = total[:node] + price[node, :node]
        before[node] = ways.argmin(axis=0)
        total[node] = np.minimum.reduce(ways, axis=0)
    return before


@lru_cache(maxsize=128)
def _pairs(nodes: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give the later and the earlier one of every two nodes; not to be changed."""
    return np.tril_indices(nodes, -1)


class Prices:
    """Costs of all pieces between some splits, ready to be segmented under any penalties."""

    def __init__(self, splits: Ints, n: int, flat: Cost, line: Cost | None, least: int) -> None:
        self._nodes = np.concatenate(([0], splits, [n])).astype(np.int64)
        stop, start = _pairs(len(self._nodes))
        pieces = self._nodes[start], self._nodes[stop]
        allowed = pieces[1] - pieces[0] >= least
        self._flat, self._line = np.full((2, len(self._nodes), len(self._nodes)), np.inf)
        self._flat[stop, start] = np.where(allowed, flat(*pieces), np.inf)
        if line:
            self._line[stop, start] = np.where(allowed, line(*pieces), np.inf)

    def segment(
        self, penalties: Floats, slope_penalties: Floats | float = np.inf
    ) -> Iterator[Segmentation]:
        """Minimise the sum over pieces of ``min(flat, line + slope_penalty) + penalty``.

        Gives one segmentation for each pair of penalties, of flat pieces where slopes have none.
        """
        line = self._line[:, :, None] + slope_penalties
        before = partition(np.minimum(self._flat[:, :, None], line) + penalties)
        for turn, column in enumerate(before.T.tolist()):
            path = [len(column) - 1]
            while path[-1] > 0:
                path.append(column[path[-1]])
            path.reverse()
            sloped = tuple(bool(line[j, i, turn] < self._flat[j, i]) for i, j in pairwise(path))
            yield Segmentation(tuple(self._nodes[path].tolist()), sloped)
