"""One sentence for each kind and form of pattern: the only place where such sentences are made."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from crackle_stream.event import ANONYMOUS
from crackle_stream.pattern import (
    ClusteringPattern,
    ConservationPattern,
    CorrelationPattern,
    CustomPattern,
    Pattern,
    PhaseTransitionPattern,
)

DIGITS: Final = 4
"""Significant digits of a number in a sentence."""

_FINER: Final = re.compile(r"(\.\d{3})\d+")

FEW: Final = 4
"""More items than this are counted, not listed."""


LARGEST_RELATIVE: Final = 10.0
"""Beyond it a level started so near to zero that a percentage says nothing."""


def describe(pattern: Pattern) -> str:
    """Say in one sentence what a pattern is; where it is in a label group, the group comes first.

    Parameters
    ----------
    pattern
        With the labels it involves filled in.

    Returns
    -------
    str
        Labels and metric names stand in it as they were reported: escape before showing.
    """
    sentence = _sentence(pattern)
    return sentence if pattern.group is None else f"in {pattern.group}: {sentence}"


def figure(number: float) -> str:
    """Write a number for people: four significant digits, whole ones in full.

    Examples
    --------
    >>> [figure(x) for x in (0.123456, 42.0, 1234567.8, 1.5e-7, -0.0)]
    ['0.1235', '42', '1234568', '1.5e-07', '0']
    """
    if number == 0 or not math.isfinite(number):
        return f"{number + 0.0:g}"
    if not 1e-4 <= abs(number) < 1e15:
        return f"{number:.{DIGITS}g}"
    decimals = max(0, DIGITS - 1 - math.floor(math.log10(abs(number))))
    text = f"{number:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def tasks(count: int) -> str:
    """Count tasks in words.

    Examples
    --------
    >>> tasks(1), tasks(1200)
    ('1 task', '1,200 tasks')
    """
    return "1 task" if count == 1 else f"{count:,} tasks"


def listed(items: Sequence[str], most: int = FEW) -> str:
    """Join items as in a sentence; beyond `most` of them the rest is counted.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a", "b", "c", "d"], most=2)
    ('a, b and c', 'a, b and 2 more')
    """
    rest = len(items) - most
    shown = list(items) if rest <= 0 else [*items[:most], f"{rest} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def place_of(pattern: PhaseTransitionPattern | CustomPattern | ConservationPattern) -> str:
    """Name the first task after a change, or the end of a law, by label and time, if it has them.

    Several tasks may share a label; a task with neither is named by its position.
    """
    if isinstance(pattern, ConservationPattern):
        return named(pattern.broke_at, pattern.broke_label, pattern.broke_time)
    return named(pattern.at, pattern.at_label, pattern.at_time)


def named(position: int | None, label: str | None, time: str | None) -> str:
    """Name a task by label and time; one with neither by its position.

    Examples
    --------
    >>> named(7, "build-7", "2026-03-01T12:00:00Z"), named(7, "anonymous task", None)
    ('build-7 (2026-03-01T12:00:00Z)', 'position 7')
    """
    label = "" if label == ANONYMOUS else label or ""
    if time is None:
        return label or f"position {position}"
    return f"{label} ({moment(time)})" if label else moment(time)


def moment(time: str) -> str:
    """Write a time for people: to the millisecond.

    Examples
    --------
    >>> moment("2026-03-01T12:00:00.123456789Z"), moment("2026-03-01T12:00:00Z")
    ('2026-03-01T12:00:00.123Z', '2026-03-01T12:00:00Z')
    """
    return _FINER.sub(r"\1", time)


def movement(pattern: PhaseTransitionPattern) -> str:
    """Say what a metric did at a change, without saying where."""
    name, before, after = moved(pattern), pattern.before, pattern.after
    if before is None or after is None:
        return f"{name} {_wandering(pattern)}, with no single change to point at"
    low, high = sides(pattern)
    if pattern.form == "spread":
        return f"{name} {_scatter(low, high)}"
    step = f"from {figure(low)} to {figure(high)}"
    if pattern.form == "level":
        return f"{name} {_direction(low, high)} {step}{_relative(pattern)}"
    if pattern.form == "trend":
        return f"{name} changed its trend ({step} a task)"
    return f"{name} changed the shape of its distribution (mean {step})"


def _wandering(pattern: PhaseTransitionPattern) -> str:
    slope = pattern.metrics.get("slope")
    if slope is None:
        return "wanders like a random walk"
    return f"{'rises' if slope > 0 else 'falls'} all along by about {figure(abs(slope))} a task"


def moved(pattern: PhaseTransitionPattern) -> str:
    """Name what changed: a metric, or the step of a counter from task to task."""
    name = pattern.subject[0]
    return f"the step of {name}" if "of_steps" in pattern.metrics else name


def sides(pattern: PhaseTransitionPattern) -> tuple[float, float]:
    """Give the numbers before and after a change that tell what its form says.

    Of a spread the standard deviations around the levels, of a trend the slopes; else the means,
    or the levels at the change where the means of whole segments would mislead.
    """
    if pattern.before is None or pattern.after is None:
        return math.nan, math.nan
    if pattern.form == "spread":
        return (
            pattern.metrics.get("spread_before", pattern.before.std),
            pattern.metrics.get("spread_after", pattern.after.std),
        )
    ends, told = ("slope" if pattern.form == "trend" else "level"), pattern.metrics
    return (
        told.get(f"{ends}_before", pattern.before.mean),
        told.get(f"{ends}_after", pattern.after.mean),
    )


def law(pattern: ConservationPattern) -> str:
    """Write a law as an equation.

    Examples
    --------
    >>> from crackle_stream.detect.describe import _sum
    >>> _sum({"rows_bad": -1.0, "rows_in": 1.0, "rows_out": -1.0}, 0.0)
    'rows_in = rows_bad + rows_out'
    """
    if pattern.form == "constant":
        return f"{pattern.subject[0]} = {figure(pattern.constant)}"
    if pattern.form == "linear":
        return _sum(pattern.terms, pattern.constant)
    return _product(pattern.terms, pattern.constant)


def relation(pattern: CorrelationPattern) -> str:
    """Say how two metrics move together, and how closely."""
    leader, follower = pattern.subject
    lag = f", {leader} {tasks(abs(pattern.lag))} ahead" if pattern.lag else ""
    r = f"{pattern.r:.2f}"
    if pattern.form == "nonlinear":
        return f"{leader} and {follower} depend on each other along a curve (xi = {r}{lag})"
    together = "move together" if pattern.r >= 0 else "move against each other"
    measure = "r" if pattern.form == "linear" else "rank r"
    why = "" if pattern.explained_by is None else f", which {pattern.explained_by} explains"
    return f"{leader} and {follower} {together} ({measure} = {r}{lag}){why}"


def _sentence(pattern: Pattern) -> str:
    if isinstance(pattern, ClusteringPattern):
        return _group(pattern)
    if isinstance(pattern, ConservationPattern):
        return _held(pattern)
    if isinstance(pattern, CorrelationPattern):
        return relation(pattern)
    what = pattern.claim if isinstance(pattern, CustomPattern) else movement(pattern)
    return what if pattern.at is None else f"{what} at {place_of(pattern)}"


def _group(pattern: ClusteringPattern) -> str:
    middle = listed([f"{name} about {figure(x)}" for name, x in sorted(pattern.center.items())])
    return f"{pattern.size} of {tasks(pattern.window.n)} form a group: {middle}"


def _held(pattern: ConservationPattern) -> str:
    within = f" (within {figure(pattern.residual)})" if pattern.residual else ""
    if pattern.broke_at is not None:
        return f"{law(pattern)}{within} held until {place_of(pattern)}, and no longer"
    broken = pattern.exception_count or 0
    but = f", but for {tasks(broken)}" if broken else ""
    return f"{law(pattern)}{within} holds over {tasks(reach(pattern))}{but}"


def reach(pattern: ConservationPattern) -> int:
    """Count the tasks of the stretch that a law is about: those that have all its metrics."""
    return int(pattern.metrics.get("rows", pattern.window.n))


def _direction(before: float, after: float) -> str:
    return "rose" if after > before else "fell"


def _relative(pattern: PhaseTransitionPattern) -> str:
    """Say by which part of its level before, where a percentage tells something."""
    change = pattern.metrics.get("relative_change", 0.0)
    return f" ({change:+.0%})" if 0.005 <= abs(change) <= LARGEST_RELATIVE else ""


def _scatter(before: float, after: float) -> str:
    more = "more" if after > before else "less"
    return f"scatters {more} (standard deviation from {figure(before)} to {figure(after)})"


def _sum(terms: dict[str, float], constant: float) -> str:
    """Put positive terms left and negative ones right, so that a balance reads as one.

    A conversion is read off the side of the metric that stands without a factor.
    """
    left = [_scaled(name, x) for name, x in terms.items() if x > 0]
    right = [_scaled(name, -x) for name, x in terms.items() if x < 0]
    converts = len(left) == len(right) == 1 and right[0] in terms and left[0] not in terms
    if constant > 0 or not right:
        right.append(figure(constant))
    elif constant < 0:
        left.append(figure(-constant))
    sides = " + ".join(left) or "0", " + ".join(right)
    return " = ".join(reversed(sides) if converts else sides)


def _scaled(name: str, coefficient: float) -> str:
    return name if coefficient == 1 else f"{figure(coefficient)} {name}"


def _product(terms: dict[str, float], constant: float) -> str:
    """Put positive exponents left and negative ones right; a factor of one is not written."""
    left = [_raised(name, x) for name, x in terms.items() if x > 0]
    right = [_raised(name, -x) for name, x in terms.items() if x < 0]
    converts = len(left) == len(right) == 1 and sorted(terms.values()) == [-1, 1] and constant < 1
    if left and right and constant > 0 and (converts or _shorter(1 / constant, constant)):
        left, right, constant = right, left, 1 / constant
    if figure(constant) != "1" or not right:
        right.insert(0, figure(constant))
    return f"{' * '.join(left) or '1'} = {' * '.join(right)}"


def _shorter(number: float, other: float) -> bool:
    """Whether a number is whole in the digits it is written in, and the other is not."""
    near, far = (abs(float(figure(x)) / x - 1) <= 1e-12 for x in (number, other))
    return near and not far


def _raised(name: str, exponent: float) -> str:
    return name if exponent == 1 else f"{name}^{figure(exponent)}"
