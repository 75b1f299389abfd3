"""Find the phase transitions of a window: where level, slope, spread or shape of a metric change.

The work is done in steps, one file each. `changepoint` takes out a season, segments the series
into flat and sloped pieces and keeps the changes that hold against autoregressive noise with the
marginal distribution it has; `spread` does the same with the spread and the shape of what is
left; where no change of level or slope is found, `drift` asks whether the series wanders. Every
p-value is corrected for the places that were searched.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.phase.changepoint import Changes, find_changes
from crackle_stream.detect.phase.drift import slope_test, wander_test
from crackle_stream.detect.phase.effect import (
    location_transitions,
    shape_transitions,
    spread_numbers,
    spread_transitions,
)
from crackle_stream.detect.phase.locate import locate
from crackle_stream.detect.phase.longrun import Products, innovations, normal_scores
from crackle_stream.detect.phase.spread import Shape, Spread, find_score_changes, without_spread
from crackle_stream.detect.phase.ties import nearest, repeated_values
from crackle_stream.detect.phase.transition import Transition, describe_drift, describe_transition
from crackle_stream.detect.roles import Role, Roles
from crackle_stream.detect.view import Series, View

Floats = NDArray[np.float64]

LEAST_VALUES: Final = 12
"""Fewer values have no power after the search."""
DRIFT_AT: Final = 0.05
CHANCE: Final = 3.0
"""Standard errors of a correlation below which ties are not torn to take it out."""


class Phases(Struct, frozen=True):
    """What changed when: candidates, and the changes that other detectors allow for.

    Parameters
    ----------
    detection
        Candidates of every form, independent of the cooling rate.
    changes
        By metric: window row of the first row of every new segment; also of those that only
        describe how a metric wanders, and are no candidates.
    """

    detection: Detection
    changes: dict[str, tuple[int, ...]]


def find_phases(view: View, roles: Roles) -> Phases:
    """Find every change of every metric in a window.

    A change is a border between two pieces, flat or sloped, of the segmentation that costs least
    (`partition`); of spread and shape, of the scores of what is left (`find_score_changes`).
    Counters are judged on their first differences; identifiers, clocks and settings not at all.

    Null of a change of level or slope: one line with autoregressive noise of first order, of any
    marginal distribution, goes through both pieces; a random walk, seen through some noise,
    explains them no worse (`walk_test`). Of spread and shape: normal scores of the innovations are
    exchangeable over both pieces. Of drift: neighbours of a stationary series correlate by 0.7
    (`wander_test`). P-values are corrected for all places searched (`best_place_p_value`).
    Assumed is that pieces are at least five values long, that memory is that of first order, and
    that a season is one period through the whole window, or the calendar's.

    References
    ----------
    B. Jackson et al., An algorithm for optimal partitioning of data on an interval, IEEE Signal
    Processing Letters 12, 2005. B. James, K. L. James and D. Siegmund, Tests for a change-point,
    Biometrika 74, 1987. R. Lugannani and S. Rice, Saddle point approximation for the distribution
    of the sum of independent random variables, 1980.
    """
    candidates: list[Candidate] = []
    changes: dict[str, tuple[int, ...]] = {}
    tested = 0
    for name in view.names:
        role = roles.role.get(name, "measure")
        series = _judged(view.series[name], role)
        if series is None:
            continue
        found = find_changes(series.mean)
        channels = (location_transitions(found, _row_std(series, found)), *_scored(series, found))
        rows = []
        for change in sorted((change for channel in channels for change in channel), key=_order):
            counter = role == "counter"
            place = locate(view, name, series, change, counter=counter)
            if change.p_value < 1:
                candidates.append(
                    describe_transition(view, name, series, change, place, counter=counter)
                )
            rows.append(place.at)
        changes[name] = tuple(sorted(set(rows)))
        tested += 1 + sum(max(1, len(channel)) for channel in channels)
        candidates += _drift(view, name, series, found)
    return Phases(Detection(tuple(candidates), tested), changes)


def _judged(series: Series, role: Role) -> Series | None:
    """Give the series that is analysed, or None where there is nothing to find."""
    if role not in ("measure", "counter"):
        return None
    if role == "counter":
        series = _differences(series)
    if len(series.mean) < LEAST_VALUES or series.mean.min() == series.mean.max():
        return None
    return series


def _differences(series: Series) -> Series:
    steps = np.diff(series.mean)
    return Series(series.width, series.rows[1:], series.count[1:], steps, np.zeros(len(steps)))


def _row_std(series: Series, found: Changes) -> float | None:
    """Standard deviation of rows within bins, in the unit of the scaled values."""
    several = series.count > 1
    if series.width == 1 or not several.any():
        return None
    variance = series.m2[several] / (series.count[several] - 1)
    return float(np.sqrt(np.median(variance))) / found.scale or None


def _scored(series: Series, found: Changes) -> tuple[list[Transition], list[Transition]]:
    """Give the changes of spread and those of shape.

    Bins know the variance within them, which shows the spread of rows better than the means do;
    of shape they know nothing.
    """
    if series.width > 1:
        return _binned_spread(series), []
    repeated = repeated_values(series.mean)
    tied = len(repeated) > 0
    left, rho = found.residual, found.rho
    if tied:
        left = _untorn(series.mean, found, repeated)
        rho = rho if rho > CHANCE / np.sqrt(len(left)) else 0.0
    scores = normal_scores(innovations(left, rho))
    spread = find_score_changes(Spread(scores, tied))
    shape = find_score_changes(Shape(without_spread(scores, spread.pieces), tied))
    moved, widened = location_transitions(found), spread_transitions(spread, left, found.scale)
    if tied:
        widened = [change for change in widened if not _explained(change, moved)]
    reshaped = shape_transitions(shape, left)
    return widened, [change for change in reshaped if not _explained(change, moved + widened)]


def _untorn(values: Floats, found: Changes, repeated: Floats) -> Floats:
    """Give the residuals of a tied series, in which equal values are equal still."""
    fitted = values - found.residual * found.scale
    return (values - nearest(fitted, repeated)) / found.scale


def _binned_spread(series: Series) -> list[Transition]:
    """Give the changes of the level of the logarithm of the variance within bins."""
    variance = series.m2 / np.maximum(series.count - 1, 1)
    positive = variance[variance > 0]
    if len(positive) < LEAST_VALUES:
        return []
    spread = np.log(np.maximum(variance, 1e-6 * np.median(positive))) / 2
    found = find_changes(spread)
    moved = location_transitions(found)
    return [_of_spread(spread, change) for change in moved if change.form == "level"]


def _of_spread(log_spread: Floats, change: Transition) -> Transition:
    """Take a change of the logarithm of the spread as one of the spread."""
    before = float(np.median(log_spread[change.start : change.at]))
    after = float(np.median(log_spread[change.at : change.stop]))
    numbers = spread_numbers(float(np.exp(before)), float(np.exp(after)))
    size = abs(after - before)
    return msgspec.structs.replace(change, form="spread", size=size, border=None, metrics=numbers)


def _explained(change: Transition, others: list[Transition]) -> bool:
    """Whether a change of shape may be the trace of another change at the same place."""
    return any(other.low <= change.high and change.low <= other.high for other in others)


def _drift(view: View, name: str, series: Series, found: Changes) -> list[Candidate]:
    """Say that a metric wanders or slopes, where it has no change of level or slope."""
    if found.pieces.changes:
        return []
    fitted = found.pieces.fit(found.tamed)
    repeated = repeated_values(series.mean)
    # Waves fitted to a few ones would wander through the zeros between them.
    tied = len(repeated) > 0
    left = _untorn(series.mean, found, repeated) if tied else found.tamed - fitted
    p_value, slope = wander_test(left), None
    if found.pieces.sloped[0]:
        p_sloped = slope_test(found.tamed, fitted)
        if p_sloped < p_value:
            slope = found.scale * float(fitted[-1] - fitted[0]) / (len(fitted) - 1) / series.width
        p_value = min(1.0, 2 * min(p_value, p_sloped))
    if p_value > DRIFT_AT:
        return []
    rho = Products.of(found.tamed - found.tamed.mean()).rho
    return [describe_drift(view, name, int(series.count.sum()), p_value, rho, slope)]


def _order(change: Transition) -> tuple[int, str]:
    return change.at, change.form
