"""What changed at a change point, and by how much."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.detect.phase.changepoint import LEAST, Changes
from crackle_stream.detect.phase.longrun import inflation, robust_std, winsorised_std
from crackle_stream.detect.phase.place import bend_interval, place_interval
from crackle_stream.detect.phase.segmentation import LEAST_SLOPED, Sums
from crackle_stream.detect.phase.spread import LEAST as LEAST_SPREAD
from crackle_stream.detect.phase.spread import ScoreChanges
from crackle_stream.detect.phase.transition import Border, Transition
from crackle_stream.pattern import PhaseForm

Floats = NDArray[np.float64]

PROBES: Final = np.linspace(0.05, 0.95, 19)
"""Quantiles at which two shapes are compared."""
NARROWEST: Final = 1e-3
"""A spread below this share of the other side's counts as this share: ties have none at all."""


def location_transitions(found: Changes, std: float | None = None) -> list[Transition]:
    """Measure every change of level or slope.

    Parameters
    ----------
    std
        Standard deviation of the rows, in the unit of the tamed values, that sizes are given in;
        that of the residuals when left out.
    """
    if not found.p_values:
        return []
    sums, noise = Sums(found.tamed), robust_std(found.residual) or 1.0
    std = noise if std is None else std
    unit = noise * noise * inflation(found.rho)
    transitions = []
    for change, p_value in enumerate(found.p_values):
        start, at, stop = found.pieces.bounds[change : change + 3]
        form, size = _jump_or_bend(found, change, std)
        if form == "trend":
            place = bend_interval(found.tamed[start:stop], LEAST, unit)
            at, low, high = (start + index for index in place)
        else:
            sloped = found.pieces.sloped[change] or found.pieces.sloped[change + 1]
            cost, least = (sums.line, LEAST_SLOPED) if sloped else (sums.flat, LEAST)
            low, high = place_interval(cost, start, at, stop, least, unit)
        ends = _border(found, change, at)
        transitions.append(Transition(form, at, low, high, start, stop, p_value, size, {}, ends))
    return transitions


def _border(found: Changes, change: int, place: int) -> Border:
    """Measure the fit on both sides of a change at its place, in the unit of the metric."""
    start, at, stop = found.pieces.bounds[change : change + 3]
    fitted = found.pieces.fit(found.tamed)
    slopes = _slope(fitted, start, at), _slope(fitted, at, stop)
    levels = (
        float(fitted[at - 1]) + slopes[0] * (place - at + 1),
        float(fitted[at]) + slopes[1] * (place - at),
    )
    before, after = (found.centre + found.scale * level for level in levels)
    return Border(before, after, found.scale * slopes[0], found.scale * slopes[1])


def _jump_or_bend(found: Changes, change: int, std: float) -> tuple[PhaseForm, float]:
    """Tell a jump from a bend, by which takes the second piece further from the first's line."""
    start, at, stop = found.pieces.bounds[change : change + 3]
    fitted = found.pieces.fit(found.tamed)
    jump, bend = abs(_jump(fitted, start, at)), abs(_bend(fitted, start, at, stop))
    if jump >= bend * (stop - at) / 2:  # half its way: what a bend departs by on average
        return "level", jump / std
    return "trend", bend * (stop - at) / std


def _jump(fitted: Floats, start: int, at: int) -> float:
    """How far the second piece starts from where the first would have gone on."""
    return float(fitted[at] - fitted[at - 1] - _slope(fitted, start, at))


def _bend(fitted: Floats, start: int, at: int, stop: int) -> float:
    return _slope(fitted, at, stop) - _slope(fitted, start, at)


def _slope(fitted: Floats, start: int, stop: int) -> float:
    return float(fitted[stop - 1] - fitted[start]) / (stop - 1 - start)


def spread_transitions(found: ScoreChanges, residual: Floats, scale: float) -> list[Transition]:
    """Measure every change of spread: the absolute logarithm of the ratio of robust spreads.

    Parameters
    ----------
    scale
        Unit of the residuals, in the unit of the metric.
    """
    transitions = []
    for change in range(len(found.p_values)):
        start, at, stop = found.pieces.bounds[change : change + 3]
        before, after = winsorised_std(residual[start:at]), winsorised_std(residual[at:stop])
        floor = NARROWEST * max(before, after)
        ratio = max(after, floor) / max(before, floor) if floor > 0 else 1.0
        size = abs(float(np.log(ratio)))
        numbers = spread_numbers(scale * before, scale * after) | {"spread_ratio": ratio}
        transitions.append(_scored("spread", found, change, size, numbers))
    return transitions


def spread_numbers(before: float, after: float) -> dict[str, float]:
    """Name the spreads around the levels on both sides of a change."""
    return {"spread_before": before, "spread_after": after}


def shape_transitions(found: ScoreChanges, residual: Floats) -> list[Transition]:
    """Measure every change of shape: the largest distance of quantiles, both sides scaled."""
    transitions = []
    for change in range(len(found.p_values)):
        start, at, stop = found.pieces.bounds[change : change + 3]
        before, after = (
            _standard_quantiles(part) for part in (residual[start:at], residual[at:stop])
        )
        size = float(np.max(np.abs(after - before)))
        transitions.append(_scored("distribution", found, change, size, {}))
    return transitions


def _standard_quantiles(values: Floats) -> Floats:
    spread = float(np.std(values))
    found: Floats = np.quantile(values - values.mean(), PROBES)
    return found / spread if spread > 0 else found


def _scored(
    form: PhaseForm, found: ScoreChanges, change: int, size: float, metrics: dict[str, float]
) -> Transition:
    start, at, stop = found.pieces.bounds[change : change + 3]
    low, high = place_interval(found.cost, start, at, stop, LEAST_SPREAD, found.units[change])
    p_value = found.p_values[change]
    return Transition(form, at, low, high, start, stop, p_value, size, metrics)
