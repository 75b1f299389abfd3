"""One change of one metric, measured and written down as a pattern."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.detect.candidate import Candidate
from crackle_stream.detect.view import Series, View
from crackle_stream.pattern import (
    Evidence,
    Level,
    PhaseForm,
    PhaseTransitionPattern,
    pattern_id,
)
from crackle_stream.table import concatenate

Floats = NDArray[np.float64]

INVOLVED: Final = 20


class Border(Struct, frozen=True):
    """The fitted lines on both sides of a change, outliers clipped and without a season.

    Parameters
    ----------
    before, after
        Where the first would have gone on to, and where the second begins, at the change.
    slope_before, slope_after
        What they rise from bin to bin.
    """

    before: float
    after: float
    slope_before: float
    slope_after: float


class Transition(Struct, frozen=True):
    """A change, in indices of its series.

    Parameters
    ----------
    form
        What changed.
    at, low, high
        First index of the new piece, and the interval it lies in.
    start, stop
        Ends of the pieces on both sides.
    p_value
        Corrected for the search.
    size
        In the unit of the size gate.
    metrics
        Further numbers by name.
    border
        Of a change of level or slope.
    """

    form: PhaseForm
    at: int
    low: int
    high: int
    start: int
    stop: int
    p_value: float
    size: float
    metrics: dict[str, float]
    border: Border | None = None


class Place(Struct, frozen=True):
    """Window rows of the first task after a change, and of the interval it lies in."""

    at: int
    low: int
    high: int


def describe_transition(
    view: View, name: str, series: Series, change: Transition, place: Place, *, counter: bool
) -> Candidate:
    """Give the candidate of a change at its place; a counter's numbers are those of its steps."""
    before = piece_level(series, change.start, change.at)
    after = piece_level(series, change.at, change.stop)
    at, low, high = (_position(view, row) for row in (place.at, place.low, place.high))
    around = _around(view, place.at)
    pattern = PhaseTransitionPattern(
        id=pattern_id("phase_transition", name, change.form, at, view.group),
        description="",
        confidence=0.0,
        subject=(name,),
        metrics=_numbers(change, before, after, series.width)
        | ({"of_steps": 1.0} if counter else {}),
        involved_tasks=(),
        involved_count=len(around),
        window=view.span,
        group=view.group,
        evidence=_evidence(change.p_value, change.size, before.n + after.n),
        form=change.form,
        at=at,
        at_low=low,
        at_high=high,
        before=before,
        after=after,
    )
    return Candidate(
        pattern=pattern,
        size=change.size,
        p_value=change.p_value,
        gate="shift",
        involved=around,
    )


def describe_drift(
    view: View, name: str, n: int, p_value: float, rho: float, slope: float | None
) -> Candidate:
    """Give the candidate of a metric that wanders, or slopes all along by so much a task."""
    pattern = PhaseTransitionPattern(
        id=pattern_id("phase_transition", name, "drift", None, view.group),
        description="",
        confidence=0.0,
        subject=(name,),
        metrics={"neighbour_correlation": rho} | ({} if slope is None else {"slope": slope}),
        involved_tasks=(),
        involved_count=n,
        window=view.span,
        group=view.group,
        evidence=_evidence(p_value, rho, n),
        form="drift",
    )
    return Candidate(pattern=pattern, size=rho, p_value=p_value, gate="none")


def piece_level(series: Series, start: int, stop: int) -> Level:
    """Mean, standard deviation and number of the values of a piece, whatever the bins are."""
    count, mean = series.count[start:stop], series.mean[start:stop]
    total = int(count.sum())
    # Around a value of the piece, so that an offset of 1e9 costs no digits.
    centre = float(mean[0])
    level = centre + float(np.sum(count * (mean - centre))) / total
    square = float(np.sum(series.m2[start:stop] + count * (mean - level) ** 2))
    return Level(level, float(np.sqrt(square / max(total - 1, 1))), total)


def _numbers(change: Transition, before: Level, after: Level, width: int) -> dict[str, float]:
    """Give the numbers of a change; ends of the fit where means of whole pieces would mislead."""
    low, high, more = before.mean, after.mean, {}
    border = change.border
    if border is not None and change.form == "trend":
        slopes = border.slope_before / width, border.slope_after / width
        more = dict(zip(("slope_before", "slope_after"), slopes, strict=True))
    elif border is not None and _misled(border, before, after):
        low, high = border.before, border.after
        more = {"level_before": low, "level_after": high}
    numbers = {"effect": change.size, "shift": high - low}
    if low != 0 and np.isfinite((high - low) / low):
        numbers["relative_change"] = (high - low) / abs(low)
    return {**numbers, **more, **change.metrics}


def _misled(border: Border, before: Level, after: Level) -> bool:
    """Whether a piece slopes, or outliers turn the difference of the means round."""
    sloped = border.slope_before != 0 or border.slope_after != 0
    return sloped or (after.mean - before.mean) * (border.after - border.before) < 0


def _evidence(p_value: float, effect: float, n: int) -> Evidence:
    return Evidence(n=n, effect=effect, p_value=p_value, q_value=p_value, tested=1)


def _position(view: View, row: int) -> int:
    if view.exact:
        return int(view.sample.positions[row])
    return int(next(view.scan(row, row + 1)).positions[0])


def _around(view: View, row: int) -> tuple[int, ...]:
    """Log positions of the tasks on both sides of a change, nearest first."""
    half = INVOLVED // 2
    near = concatenate(list(view.scan(max(0, row - half), min(view.span.n, row + half))))
    distance = np.abs(near.rows - row + 0.5)
    return tuple(near.positions[np.argsort(distance, kind="stable")].tolist())
