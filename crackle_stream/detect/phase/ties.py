"""Values that repeat: what is left of them when level, slope and season are taken out."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOSTLY: Final = 0.5
"""Share of the values that must repeat for a series to count as tied."""


def repeated_values(values: Floats) -> Floats:
    """Give the values that occur more than once, sorted; none unless most of a series is such.

    Examples
    --------
    >>> repeated_values(np.array([0.0, 0.0, 3.5, 0.0, 1.0, 1.0]))
    array([0., 1.])
    >>> repeated_values(np.array([0.1, 0.2, 0.3, 0.3, 0.4, 0.5]))
    array([], dtype=float64)
    """
    distinct, count = np.unique(values, return_counts=True)
    several = count > 1
    found: Floats = distinct[several & (count[several].sum() >= MOSTLY * len(values))]
    return found


def nearest(fitted: Floats, grid: Floats) -> Floats:
    """Give the value of a sorted grid that is nearest to each fitted one.

    Less this instead of the fit itself, equal values stay equal: a fit that differs by a hair
    from piece to piece, or a faint season, would tear zeros apart, and their ranks with them.
    """
    middles = (grid[1:] + grid[:-1]) / 2
    found: Floats = grid[np.searchsorted(middles, fitted)]
    return found
