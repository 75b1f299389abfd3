"""What the rules for a handful of tasks share: the metrics that vary, and drafts of evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.pattern import Evidence, Span
from crackle_stream.table import Table

Values = NDArray[np.float64]

LARGEST: Final = 1_000.0
"""What a ratio over a spread of zero counts as."""

FINEST: Final = 1e-150
"""A range below this is none: its square would be zero."""


class Measure(Struct, frozen=True):
    """One metric that varies: the rows that report it, and its values there."""

    name: str
    where: NDArray[np.intp]
    values: Values


def measures_of(table: Table) -> Iterator[Measure]:
    """Give the metrics that at least two tasks report and that vary."""
    for column, name in enumerate(table.names):
        where = np.flatnonzero(~np.isnan(table.values[:, column]))
        values = table.values[where, column]
        if len(values) >= 2 and np.ptp(values) > FINEST:
            yield Measure(name, where, values)


def evenly_spaced(values: Values) -> bool:
    """Tell whether values only count or date the tasks."""
    steps = np.diff(values)
    return len(steps) >= 2 and bool(np.ptp(steps) <= 1e-9 * np.abs(steps).max())


def span_of(table: Table) -> Span:
    """Give the window of a table that holds all of it."""
    return Span(int(table.positions[0]), int(table.positions[-1]), len(table))


def evidence_of(n: int, effect: float, p_value: float, tested: int) -> Evidence:
    """Draft the evidence of a candidate, whose correction comes later."""
    return Evidence(n=n, effect=effect, p_value=p_value, q_value=1.0, tested=tested)


def first_of(positions: NDArray[np.int64]) -> tuple[int, ...]:
    """Give the positions that a candidate shows."""
    return tuple(positions[:20].tolist())
