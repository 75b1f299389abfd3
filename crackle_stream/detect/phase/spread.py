"""Changes of spread and of shape, in the normal scores of what level and slope leave over.

Null of each change: without it, the scores are identically distributed, with dependence of first
order in the quantity that is compared. Scores are normal whatever the residuals were, but for
ties, so that a variance ratio has its F distribution; ties and clusters of volatility lower the
degrees of freedom by the long-run variance of the squares, and where most values are ties the
evidence must also stand against draws from the values compared themselves.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import special

from crackle_stream.detect.phase.longrun import Products, inflation, normal_scores
from crackle_stream.detect.phase.saddlepoint import sum_tail
from crackle_stream.detect.phase.scan import best_pieces_p_value, best_place_p_value
from crackle_stream.detect.phase.segmentation import (
    Cost,
    Ints,
    Prices,
    Segmentation,
    propose_splits,
)

Floats = NDArray[np.float64]

LEAST: Final = 8
PRICE: Final = 3.0
"""Penalty of a change in units of log n, the cost being twice the negative log-likelihood."""
SPREAD_KEPT_AT: Final = 0.01
"""Changes of spread with a larger corrected p-value are taken back: of normal noise, where the
search is paid for in full, one series in 300 keeps one."""
SHAPE_KEPT_AT: Final = 0.001
"""The same of shape, whose p-values suffer from the dependence that what wanders leaves over."""
SPLITS: Final = 48
NARROWEST: Final = 0.01
"""Least variance of a piece: below a tenth of the whole's spread, narrower is no more evidence."""


class ScoreChanges(Struct, frozen=True):
    """Pieces of equal spread, or of equal shape.

    Parameters
    ----------
    pieces
        The segmentation that was kept.
    p_values
        Of each change, corrected for the search.
    cost
        What a piece costs: twice its negative log-likelihood.
    units
        Of each change, how much its evidence is inflated by dependence.
    """

    pieces: Segmentation
    p_values: tuple[float, ...]
    cost: Cost
    units: tuple[float, ...]


class _Channel:
    """Scores whose moments are compared between pieces.

    Parameters
    ----------
    columns
        What is summed up, one row a moment.
    tied
        Whether most values were ties, so that the scores are not normal: evidence must then also
        stand against draws from the columns themselves.
    """

    kept_at: float
    """A change whose corrected p-value is above this is taken back."""

    def __init__(self, columns: Floats, tied: bool) -> None:
        self._columns, self._tied = columns, tied
        self.freedom, self.n = columns.shape
        self._sums = np.zeros((len(columns), self.n + 1))
        np.cumsum(columns, axis=1, out=self._sums[:, 1:])
        self._means: dict[tuple[int, int], Floats] = {}
        self._tails: dict[tuple[int, int, int], float] = {}

    def total(self, start: Ints | int, stop: Ints | int) -> Floats:
        found: Floats = self._sums.take(stop, axis=1) - self._sums.take(start, axis=1)
        return found

    def dependence(self, pieces: Segmentation, scale: float) -> float:
        """Long-run variance of the columns within pieces, in units of `scale`."""
        means = np.array([self._mean(*ends) for ends in pairwise(pieces.bounds)])
        left = self._columns - np.repeat(means, np.diff(pieces.bounds), axis=0).T
        products = [Products.of(row) for row in left]
        factors: list[float] = [p.square / self.n / scale * inflation(p.rho) for p in products]
        return max(1.0, *factors)

    def _mean(self, start: int, stop: int) -> Floats:
        """Mean of each column; of most pieces it is asked for again and again."""
        if (start, stop) not in self._means:
            self._means[start, stop] = self._columns[:, start:stop].mean(axis=1)
        return self._means[start, stop]

    def drawn(self, start: int, split: int, stop: int) -> float:
        """Tail of the differences over draws from the columns: zeros among ties are no wonder."""
        if not self._tied:
            return 0.0
        if (start, split, stop) not in self._tails:
            self._tails[start, split, stop] = self._drawn(start, split, stop)
        return self._tails[start, split, stop]

    def _drawn(self, start: int, split: int, stop: int) -> float:
        contrast = np.full(stop - start, -1.0 / (split - start))
        contrast[split - start :] = 1.0 / (stop - split)
        differences = [float(np.sum(contrast * row[start:stop])) for row in self._columns]
        tails = [
            sum_tail(contrast * np.sign(difference), row[start:stop], abs(difference))
            for row, difference in zip(self._columns, differences, strict=True)
        ]
        return min(1.0, 2 * len(tails) * min(tails))


class Spread(_Channel):
    """Variance of the scores: normal log-likelihood with mean zero."""

    kept_at = SPREAD_KEPT_AT

    def __init__(self, scores: Floats, tied: bool = False) -> None:
        super().__init__((scores * scores)[None], tied)

    def cost(self, start: Ints, stop: Ints) -> Floats:
        """Twice the negative log-likelihood of each piece, less a constant."""
        size = np.maximum(stop - start, 1)
        variance = np.maximum(self.total(start, stop)[0] / size, NARROWEST)
        found: Floats = size * (np.log(variance) + 1)
        return found

    def evidence(
        self, start: int, split: int, stop: int, null: Segmentation
    ) -> tuple[float, float]:
        """P-value of the variance ratio at one split, and the inflation that it allows for."""
        level = float(self.total(start, stop)[0]) / (stop - start)
        inflated = self.dependence(null, 2 * max(level, NARROWEST) ** 2)
        before, after = (split - start) / inflated, (stop - split) / inflated
        ratio = float(self.total(split, stop)[0] / max(self.total(start, split)[0], 1e-12))
        ratio *= (split - start) / (stop - split)
        tails = special.fdtr(after, before, ratio), special.fdtrc(after, before, ratio)
        return max(2 * float(min(tails)), self.drawn(start, split, stop)), inflated


class Shape(_Channel):
    """Skewness and kurtosis: third and fourth Legendre polynomial of the ranks.

    Orthogonal to level and (nearly) to spread; the components of Neyman's smooth test (Neyman,
    1937, Skandinavisk Aktuarietidskrift 20).
    """

    kept_at = SHAPE_KEPT_AT

    def __init__(self, scores: Floats, tied: bool = False) -> None:
        ranks = 2 * special.ndtr(scores) - 1
        third = np.sqrt(7) * (5 * ranks**3 - 3 * ranks) / 2
        fourth = 3 * (35 * ranks**4 - 30 * ranks**2 + 3) / 8
        super().__init__(np.stack([third - third.mean(), fourth - fourth.mean()]), tied)

    def cost(self, start: Ints, stop: Ints) -> Floats:
        """Squared error of both components around their means, less a constant."""
        total = self.total(start, stop)
        found: Floats = -np.sum(total * total, axis=0) / np.maximum(stop - start, 1)
        return found

    def evidence(
        self, start: int, split: int, stop: int, null: Segmentation
    ) -> tuple[float, float]:
        """P-value of the difference of both components, and the inflation that it allows for."""
        ends = (np.array([i]) for i in (start, split, stop))
        first, middle, last = ends
        gain = self.cost(first, last) - self.cost(first, middle) - self.cost(middle, last)
        inflated = self.dependence(null, 1.0)
        tail = float(special.chdtrc(2, gain[0] / inflated))
        return max(tail, self.drawn(start, split, stop)), inflated


def find_score_changes(channel: Spread | Shape) -> ScoreChanges:
    """Segment a channel by its penalised likelihood and keep the changes that hold."""
    n, price = channel.n, PRICE * float(np.log(channel.n))
    splits = propose_splits((channel.cost,), n, least=LEAST, most=SPLITS, floor=price / 2)
    if len(splits) == 0:
        return ScoreChanges(Segmentation((0, n), (False,)), (), channel.cost, ())
    prices = Prices(splits, n, channel.cost, None, LEAST)
    (pieces,) = prices.segment(np.array([price]))
    while pieces.changes:
        tested = [_evidence(channel, pieces, change) for change in range(len(pieces.changes))]
        p_values, units = zip(*tested, strict=True)
        if max(p_values) <= channel.kept_at:
            return ScoreChanges(pieces, p_values, channel.cost, units)
        pieces = pieces.without(int(np.argmax(p_values)))
    return ScoreChanges(pieces, (), channel.cost, ())


def _evidence(channel: Spread | Shape, pieces: Segmentation, change: int) -> tuple[float, float]:
    start, split, stop = pieces.bounds[change : change + 3]
    p_value, unit = channel.evidence(start, split, stop, pieces.without(change))
    if len(pieces.changes) > 1:
        return best_pieces_p_value(p_value, channel.n), unit
    return best_place_p_value(p_value, channel.freedom, channel.n, LEAST), unit


def without_spread(scores: Floats, pieces: Segmentation) -> Floats:
    """Give the scores with the spread of every piece made equal."""
    size = np.diff(pieces.bounds)
    edges = np.array(pieces.bounds[:-1])
    spread = np.sqrt(np.maximum(np.add.reduceat(scores * scores, edges) / size, NARROWEST))
    return normal_scores(scores / np.repeat(spread, size))
