"""How far a statistic at one shift stands out of the same statistic at the shifts around it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Places = NDArray[np.intp]

_NEAR: Final = 5
_FEWEST: Final = 20  # a quantile of fewer shifts says little
_QUANTILE: Final = 0.9
_NORMAL_QUANTILE: Final = 1.6449  # of |z|
_NORMAL_MEDIAN: Final = 0.6745


def standout(z: Values, at: Places) -> Values:
    """Take a standardised statistic against its own values at neighbouring shifts.

    A relation of row to row holds at one shift and is gone at the next. What is left of
    a common trend, step, season or volatility is nearly the same at many shifts. It shows in three
    ways, and the one that leaves least of the statistic counts, never leaving more than there was:

    - as a plateau, the median of the five next shifts on both sides, which is subtracted;
    - as peaks that come back, by which the ninth decile of sizes exceeds that of a normal
      variable: the excess is subtracted;
    - as a wider spread, by which the median size exceeds that of a normal variable: it divides.

    Parameters
    ----------
    z
        Shape (pairs, shifts); under the null of independence close to standard normal.
    at
        Which shift of each pair is asked about.

    Examples
    --------
    >>> alone, plateau = np.zeros((1, 41)), np.full((1, 41), 6.0)
    >>> alone[0, 20] = 6.0
    >>> [float(standout(z, np.array([20]))[0]) for z in (alone, plateau)]
    [6.0, 0.0]
    """
    shifts = z.shape[1]
    own = np.take_along_axis(z, at[:, None], axis=1)[:, 0]
    if shifts < _FEWEST:
        return own
    near = np.delete(np.arange(-_NEAR, _NEAR + 1), _NEAR)
    # Beyond the last shift the ones on the other side are taken twice.
    places = at[:, None] + near
    places = np.where((places < 0) | (places >= shifts), at[:, None] - near, places)
    plateau = np.median(np.take_along_axis(z, places, axis=1), axis=1)
    sizes = np.sort(np.abs(z), axis=1)
    common = sizes[:, round(_QUANTILE * (shifts - 1))] - _NORMAL_QUANTILE
    spread = sizes[:, shifts // 2] / _NORMAL_MEDIAN
    side = np.sign(own)
    left = np.abs(own) - np.maximum(np.maximum(common, side * plateau), 0.0)
    standing: Values = side * np.clip(left, 0.0, np.abs(own) / np.maximum(spread, 1.0))
    return standing
