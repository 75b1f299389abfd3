"""The numbers of a pattern with their names and units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from crackle_stream.cooling.explanation import Explanation
from crackle_stream.detect.describe import figure, law, listed, place_of, sides, tasks
from crackle_stream.pattern import (
    ClusteringPattern,
    ConservationPattern,
    CorrelationPattern,
    CustomPattern,
    Level,
    PhaseTransitionPattern,
)
from crackle_stream.profile import MetricSettings
from crackle_stream.report.facts import ordinal, placed, stretch

Number: TypeAlias = tuple[str, str]
Settings: TypeAlias = Mapping[str, MetricSettings]


def numbers(why: Explanation, settings: Settings) -> Iterator[Number]:
    """Give name and text of each number of a pattern.

    Parameters
    ----------
    why
        What is explained.
    settings
        What the profile says of metrics.
    """
    pattern = why.pattern
    if pattern.group is not None:
        yield "group", pattern.group
    if isinstance(pattern, PhaseTransitionPattern):
        yield from _change(pattern, why.units, settings)
    elif isinstance(pattern, ConservationPattern):
        yield from _law(pattern, why.units)
    elif isinstance(pattern, CorrelationPattern):
        yield from _pair(pattern)
    elif isinstance(pattern, ClusteringPattern):
        yield from _group(pattern, why.units)
    else:
        yield from _own(pattern, why.units)
    yield "window", f"{tasks(pattern.window.n)}, {stretch(pattern.window, pattern)}"


def _own(pattern: CustomPattern, units: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "detector", pattern.detector
    if pattern.at is not None:
        yield "at", placed(pattern)
    for name, number in pattern.metrics.items():
        yield name, amount(number, units.get(name))


def amount(number: float, unit: str | None) -> str:
    """Write a number with its unit, if it has one.

    Examples
    --------
    >>> amount(41.5, "ms"), amount(41.5, None)
    ('41.5 ms', '41.5')
    """
    return figure(number) if unit is None else f"{figure(number)} {unit}"


def _change(
    pattern: PhaseTransitionPattern,
    units: Mapping[str, str],
    settings: Settings,
) -> Iterator[Number]:
    name = pattern.subject[0]
    unit = units.get(name)
    if pattern.at is not None:
        yield "where", _where(pattern)
    for side, level in (("before", pattern.before), ("after", pattern.after)):
        if level is not None:
            yield side, _level(level, unit)
    if pattern.form in ("level", "distribution") and pattern.before is not None:
        low, high = sides(pattern)
        shift = high - low
        relative = pattern.metrics.get("relative_change")
        share = "" if relative is None else f" ({relative:+.2%})"
        yield "change", f"{amount(shift, unit)}{share}{_judged(settings, name, shift)}"
    if pattern.form == "trend":
        before, after = (amount(slope, unit) for slope in sides(pattern))
        yield "slopes", f"from {before} to {after} a task"
    if "slope" in pattern.metrics:
        yield "slope", f"{amount(pattern.metrics['slope'], unit)} a task, all along"
    if "spread_ratio" in pattern.metrics:
        yield (
            "spreads",
            f"what is left of both pieces: 1 to {figure(pattern.metrics['spread_ratio'])}",
        )
    if "neighbour_correlation" in pattern.metrics:
        yield "neighbours", f"correlate by {figure(pattern.metrics['neighbour_correlation'])}"


def _where(pattern: PhaseTransitionPattern) -> str:
    at, low, high = pattern.at, pattern.at_low, pattern.at_high
    between = "" if low == high else f", with 95 % confidence between those at {low} and {high}"
    place = pattern.metrics.get("place")
    rank = "" if place is None else f", {ordinal(int(place) + 1)} in time"
    named = place_of(pattern)
    position = f"position {at}"
    return f"{position if named == position else f'{named}, {position}'}{rank}{between}"


def _level(level: Level, unit: str | None) -> str:
    spread = f"standard deviation {amount(level.std, unit)}"
    return f"mean {amount(level.mean, unit)}, {spread}, {tasks(level.n)}"


def _judged(settings: Settings, name: str, shift: float) -> str:
    """Say whether a change is for the better, where the profile tells which direction is."""
    better = settings[name].better if name in settings else None
    if better is None or shift == 0:
        return ""
    return ": better" if (shift > 0) == (better == "higher") else ": worse"


def _law(pattern: ConservationPattern, units: Mapping[str, str]) -> Iterator[Number]:
    yield "equation", law(pattern)
    unit = units.get(pattern.subject[0]) if len(set(units.values())) == 1 else None
    if pattern.residual and pattern.form == "power":
        yield "residual", f"{figure(100 * pattern.residual)} % (robust standard deviation)"
    elif pattern.residual:
        yield "residual", f"{amount(pattern.residual, unit)} (robust standard deviation)"
    holds = stretch(pattern.holds, pattern)
    share, rows = pattern.metrics.get("share"), pattern.metrics.get("rows")
    kept = "" if share is None or rows is None else f", in {share:.2%} of {tasks(int(rows))}"
    yield "holds", f"{holds}{kept}"
    if pattern.exceptions:
        shown = listed([str(position) for position in pattern.exceptions], most=10)
        count = pattern.exception_count or len(pattern.exceptions)
        noun = "position" if count == 1 else "positions"
        yield "broken by", f"{tasks(count)}, {noun} {shown}"
    if pattern.broke_at is not None:
        yield "ended", f"at {placed(pattern)}, for good"


def _pair(pattern: CorrelationPattern) -> Iterator[Number]:
    for name in ("pearson", "spearman", "xi"):
        if name in pattern.metrics:
            yield name, figure(pattern.metrics[name])
    if pattern.lag:
        yield "lag", f"{pattern.subject[0]} is {tasks(pattern.lag)} ahead"
    if "partial" in pattern.metrics:
        left = f"{figure(pattern.metrics['partial'])} is left beside the metric that explains most"
        yield "partial", left
    if pattern.explained_by is not None:
        yield "indirect", f"both move with {pattern.explained_by}, beside which nothing is left"


def _group(pattern: ClusteringPattern, units: Mapping[str, str]) -> Iterator[Number]:
    yield "size", f"{tasks(pattern.size)}, {pattern.size / pattern.window.n:.2%} of the window"
    for name, middle in sorted(pattern.center.items()):
        spread = amount(pattern.spread.get(name, 0.0), units.get(name))
        yield name, f"median {amount(middle, units.get(name))}, robust spread {spread}"
