"""Values as normal scores of a reference sample: what they say is the same for any distribution."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cache
from math import copysign
from statistics import NormalDist


class NormalScores:
    """The place of a value in a reference sample, as a normal score and as a folded one.

    A sample of m values cuts the line into m + 1 intervals of equal chance. The score of a value
    is the mean of a standard normal variable over the interval that the value lies in, or over
    all those that a tie spans; the folded score is the same of its distance from the median. As
    conditional means, both have at most the variance and the tails of a normal variable, whatever
    is measured and however often it ties (Jensen): sums of them are sub-Gaussian. No score is
    beyond 2.7 for m = 100, so that one outlier is one value.

    Parameters
    ----------
    sample
        The reference, in any order.

    Examples
    --------
    >>> scores = NormalScores([10.0, 20.0, 20.0, 30.0])
    >>> [round(level, 2) for level, _ in map(scores.of, (5.0, 20.0, 31.0))]
    [-1.4, 0.0, 1.4]
    """

    def __init__(self, sample: Sequence[float]) -> None:
        self._sample = sorted(sample)
        self._cells = len(sample) + 1
        self._level, self._spread = _tails(self._cells)

    def of(self, value: float) -> tuple[float, float]:
        """Give the score of a value, and the folded one."""
        low = bisect_left(self._sample, value)
        high = bisect_right(self._sample, value, low) + 1
        weight = self._cells / (high - low)
        level, spread = self._level, self._spread
        return (level[low] - level[high]) * weight, (spread[low] - spread[high]) * weight


@cache
def _tails(cells: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Integrate both scores from each border between the cells up to chance 1.

    With density f and quantile q of a standard normal variable, q integrates from u to 1 to
    f(q(u)); what folds at one half, q(|2u - 1|), to f(q(|2u - 1|)) / 2 above and its negative
    below.
    """
    chances = [border / cells for border in range(cells + 1)]
    level = tuple(_density_at(chance) for chance in chances)
    spread = tuple(
        copysign(_density_at(abs(2 * chance - 1)) / 2, chance - 0.5) for chance in chances
    )
    return level, spread


def _density_at(chance: float) -> float:
    normal = NormalDist()
    return normal.pdf(normal.inv_cdf(chance)) if 0 < chance < 1 else 0.0
