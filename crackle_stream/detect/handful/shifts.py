"""Shifts among a few tasks: the split of least squares, where nearly all pairs are in order."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb
from typing import Final

import numpy as np
from scipy import special

from crackle_stream.detect.candidate import Candidate
from crackle_stream.detect.handful.measure import (
    LARGEST,
    Measure,
    Values,
    evidence_of,
    first_of,
    span_of,
)
from crackle_stream.pattern import Level, PhaseTransitionPattern, pattern_id
from crackle_stream.table import Table

_APART: Final = 0.95
"""Least share of pairs, one task before and one after, that a shift must put in order: the best
of all splits differs by a standard deviation or two even where nothing happened."""


def find_shifts(table: Table, measures: list[Measure], threshold: float) -> Iterator[Candidate]:
    """Find metrics that shift by at least `threshold` standard deviations within both sides.

    The p-value is that of the t-test times the number of splits, but never below the share of
    orders of the tasks that put the same ones first or last.
    """
    for measure in measures:
        if len(measure.values) < 3:
            continue
        at = _best_split(measure.values)
        before, after = measure.values[:at], measure.values[at:]
        size = abs(after.mean() - before.mean()) / _within(before, after)
        if size >= threshold and _in_order(before, after) >= _APART:
            yield _shift(table, measure, at, float(min(size, LARGEST)), len(measures))


def _best_split(values: Values) -> int:
    """Give the first index after the split that explains most of the sum of squares."""
    deviations = values - values.mean()
    left = np.arange(1, len(values))
    explained = np.cumsum(deviations)[:-1] ** 2 / (left * (len(values) - left))
    return int(np.argmax(explained)) + 1


def _within(before: Values, after: Values) -> float:
    squares = ((before - before.mean()) ** 2).sum() + ((after - after.mean()) ** 2).sum()
    spread = float(np.sqrt(squares / (len(before) + len(after) - 2)))
    return max(spread, abs(float(after.mean() - before.mean())) / LARGEST)


def _in_order(before: Values, after: Values) -> float:
    """Give the share of pairs (before, after) that lie in the order most of them lie in."""
    signs = np.sign(after[None, :] - before[:, None])
    return float(max((signs > 0).mean(), (signs < 0).mean()))


def _shift(table: Table, measure: Measure, at: int, size: float, tested: int) -> Candidate:
    before, after = measure.values[:at], measure.values[at:]
    n = len(measure.values)
    positions = table.positions[measure.where]
    t = size / np.sqrt(1 / len(before) + 1 / len(after))
    p_value = min(1.0, 2 * float(special.stdtr(n - 2, -t)) * (n - 1))
    p_value = max(p_value, min(1.0, 2 / comb(n, at)))
    place = int(positions[at])
    nearest = np.argsort(np.abs(np.arange(n) - at + 0.5), kind="stable")
    pattern = PhaseTransitionPattern(
        id=pattern_id("phase_transition", measure.name, "level", place),
        description="",
        confidence=0.0,
        subject=(measure.name,),
        metrics={"shift": size, "change": float(after.mean() - before.mean())},
        involved_tasks=(),
        involved_count=n,
        window=span_of(table),
        evidence=evidence_of(n, size, p_value, tested),
        form="level",
        at=place,
        at_low=place,
        at_high=place,
        before=_level(before),
        after=_level(after),
    )
    return Candidate(
        pattern=pattern,
        size=size,
        p_value=p_value,
        gate="shift",
        involved=first_of(positions[nearest]),
    )


def _level(values: Values) -> Level:
    std = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return Level(float(values.mean()), std, len(values))
