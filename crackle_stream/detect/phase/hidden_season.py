"""A season that an incident hides: estimated so that the incident counts for little."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.detect.phase.longrun import robust_std
from crackle_stream.detect.season import remove_season, slow_wave
from crackle_stream.stats.quantiles import median

Floats = NDArray[np.float64]

OFTEN: Final = 4
"""A season seen this often is taken out without asking whether changes explain it better."""
SLOWEST: Final = 1.75
"""Cycles; a wave seen less often is none: up and down once is a rise and a fall."""

_HUBER: Final = 1.0  # robust standard deviations; more would leave an incident its low frequencies
_ROUNDS: Final = 3


def hidden_season(values: Floats) -> Floats:
    """Estimate a season on values whose departures from it are clipped.

    Thirty high values in a row lift the slow end of the spectrum, and a season no longer stands
    out of it. This is Huber's M-estimate by modified residuals: to the season so far the clipped
    rest is added, and the season of that is found again. One that is seen often stands out of the
    spectrum; where none does, it is the slow wave of the least squares, which any series has.
    Whoever takes it out must compare it with what else could be there.

    References
    ----------
    P. J. Huber, Robust Statistics, 1981, section 7.8.
    """
    season = _modified_fit(values, _often_seen)
    return season if season.any() else _modified_fit(values, _seldom_seen)


def _modified_fit(values: Floats, season_of: Callable[[Floats], Floats]) -> Floats:
    season = np.zeros(len(values))
    for _ in range(_ROUNDS):
        rest = values - season
        limit, middle = _HUBER * robust_std(rest), median(rest)
        season = season_of(season + np.clip(rest - middle, -limit, limit))
        if not season.any():
            break
    return season


def _often_seen(values: Floats) -> Floats:
    season: Floats = values - remove_season(values[:, None])[:, 0]
    return season


def _seldom_seen(values: Floats) -> Floats:
    return slow_wave(values, SLOWEST, OFTEN)
