"""A scale on which metrics of any unit can be compared: robust, logarithmic in long tails."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.stats.quantiles import median, sorted_quantiles

Values = NDArray[np.float64]

_SKEWED: Final = 1.8
"""Ratio of the two sides' 5 % quantiles from which a metric is taken in logarithms: a normal
sample of 50 stays below it in 99 of 100 draws, a lognormal one lies at 5."""

_TAIL: Final = (0.5, 0.75, 0.95, 0.98)
_GROWING: Final = 1.8
_ENDING: Final = 0.4
"""A long tail thins out slowly: from the upper quartile to the 95 % quantile it is farther than
from the median to the quartile (normal 1.4, exponential 2.3, lognormal 3.3 times), and from
there to the 98 % quantile it is not near (0.4, 0.6, 0.8). A second group ends sooner."""

_STRAIGHT: Final = 8.0
"""Spreads from the middle up to which the scale is linear; beyond, it grows as a logarithm."""

_NORMAL_TENTH: Final = 0.3016
"""Median distance between quantiles a tenth apart, in a normal distribution's deviations."""

_DIGITS: Final = 9
"""Decimals kept on the scale, so that another unit's rounding does not decide between ties."""


class Scale(Struct, frozen=True):
    """How one metric is put on the common scale.

    Parameters
    ----------
    sign
        -1 where the long tail points down.
    low
        Where the logarithm starts; minus infinity where the metric is taken as it is.
    knee
        Below this, the logarithm goes on as its tangent.
    middle, spread
        Median and local spread after that.

    Examples
    --------
    >>> scale = Scale(sign=1.0, low=-math.inf, knee=0.0, middle=20.0, spread=2.0)
    >>> scale.apply(np.array([20.0, 24.0]))
    array([0., 2.])
    """

    sign: float
    low: float
    knee: float
    middle: float
    spread: float

    def apply(self, values: Values) -> Values:
        """Give the values' places on the common scale."""
        away = (_straighten(self.sign * values, self.low, self.knee) - self.middle) / self.spread
        size = np.abs(away)
        far = _STRAIGHT + np.log(np.maximum(size, _STRAIGHT) / _STRAIGHT)
        places: Values = np.where(size > _STRAIGHT, np.sign(away) * far, away)
        return self.sign * places.round(_DIGITS)


def fit_scale(values: Values, *, doubtful: bool = False) -> Scale | None:
    """Choose a metric's scale by quantiles; the unit and the offset it is given in do not matter.

    A skewed metric is taken as the logarithm of its distance from the origin that makes its 5 %
    quantiles symmetric (the three-parameter lognormal's quantile estimate). The spread is local:
    the median distance between values a tenth of the sample apart, so that groups far from each
    other do not widen it.

    Parameters
    ----------
    values
        Without absent ones.
    doubtful
        Whether a skewed metric is taken in logarithms although its tail ends soon, as that of a
        second group does and as that of few draws from a long tail may.

    Returns
    -------
    Scale or None
        None where the metric does not vary.
    """
    ordered = np.sort(values)
    if ordered[0] == ordered[-1]:
        return None
    upper, lower = (sorted_quantiles(side, _TAIL) for side in (ordered, -ordered[::-1]))
    sign = 1.0 if upper[2] - upper[0] >= lower[2] - lower[0] else -1.0
    middle, shoulder, high, end = upper if sign > 0 else lower
    low = -(lower if sign > 0 else upper)[2]
    tailed = doubtful or (
        high - shoulder > _GROWING * (shoulder - middle)
        and end - high > _ENDING * (high - shoulder)
    )
    origin = -math.inf
    below, above = middle - low, high - middle
    if tailed and above > _SKEWED * below > 0:
        origin = middle - below * above / (above - below)
    straight = np.sort(_straighten(sign * values, origin, low))
    return Scale(sign, origin, low, median(straight), _local_spread(straight))


def _straighten(values: Values, low: float, knee: float) -> Values:
    if math.isinf(low) or knee <= low:  # equal only where digits do not suffice to tell them apart
        return values
    above = np.maximum(values, knee) - low
    tangent = np.minimum(values - knee, 0.0) / (knee - low)
    straight: Values = np.log(above / (knee - low)) + tangent
    return straight


def _local_spread(ordered: Values) -> float:
    step = max(1, len(ordered) // 10)
    spread = median(ordered[step:] - ordered[:-step]) / _NORMAL_TENTH
    return spread if spread > 0 else float(ordered.std())
