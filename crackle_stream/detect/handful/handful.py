"""Fewer than thirty tasks at fast cooling: simple rules of size, where no test can have power.

The thresholds of the rate gate alone. A p-value is given for what it is worth, and is 1 where
no test can be made; whoever says these patterns keeps their confidence low.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from crackle_stream.detect.candidate import Candidate
from crackle_stream.detect.handful.correlations import find_correlations
from crackle_stream.detect.handful.groups import find_groups
from crackle_stream.detect.handful.measure import (
    Measure,
    evenly_spaced,
    evidence_of,
    first_of,
    measures_of,
    span_of,
)
from crackle_stream.detect.handful.shifts import find_shifts
from crackle_stream.pattern import ConservationPattern, Stretch, pattern_id
from crackle_stream.profile import CoolingRate
from crackle_stream.table import Table

HANDFUL: Final = 30
"""Windows of fewer tasks than this are a handful."""


def find_handful(table: Table, rate: CoolingRate) -> tuple[Candidate, ...]:
    """Find groups, shifts, near-constant and correlated metrics among a few tasks, by size alone.

    Groups are cut from a single-linkage tree at its widest jump; a shift stands at the split
    of least squares; near-constant is a small standard deviation against the mean; correlation
    is Pearson's, or Spearman's where that is larger. Constant and evenly numbered metrics
    (settings, identifiers, clocks) take no part.

    Parameters
    ----------
    table
        All rows of the window. Nothing is found in fewer than the rate's
        `min_tasks_for_detection` or in `HANDFUL` and more.
    rate
        Whose thresholds gate.

    Examples
    --------
    >>> from crackle_stream.detect.view import table_of
    >>> builds = table_of({"duration_s": [45.0, 42.0, 48.0, 95.0, 102.0]})
    >>> [found.pattern.kind for found in find_handful(builds, CoolingRate.fast())]
    ['clustering', 'clustering', 'phase_transition']
    """
    if not max(2, rate.min_tasks_for_detection) <= len(table) < HANDFUL:
        return ()
    measures = [measure for measure in measures_of(table) if not evenly_spaced(measure.values)]
    shifts = tuple(find_shifts(table, measures, rate.phase_transition_sensitivity))
    moved = {name for shift in shifts for name in shift.pattern.subject}
    steady = [measure for measure in measures if measure.name not in moved]
    return (
        *find_groups(table, measures, rate.cluster_threshold),
        *shifts,
        *find_near_constants(table, steady, rate.constant_variation),
        *find_correlations(table, measures, rate.correlation_threshold),
    )


def find_near_constants(
    table: Table, measures: list[Measure], threshold: float
) -> Iterator[Candidate]:
    """Find metrics whose standard deviation is at most `threshold` times their median's size."""
    for measure in measures:
        middle = float(np.median(measure.values))
        spread = float(measure.values.std(ddof=1))
        if middle == 0 or spread > threshold * abs(middle):
            continue
        variation = spread / abs(middle)
        positions = table.positions[measure.where]
        away = np.argsort(-np.abs(measure.values - middle), kind="stable")
        pattern = ConservationPattern(
            id=pattern_id("conservation", measure.name, "constant", int(positions[0])),
            description="",
            confidence=0.0,
            subject=(measure.name,),
            metrics={"variation": variation},
            involved_tasks=(),
            involved_count=len(positions),
            window=span_of(table),
            evidence=evidence_of(len(positions), variation, 1.0, len(measures)),
            form="constant",
            terms={measure.name: 1.0},
            constant=middle,
            residual=spread,
            holds=Stretch(int(positions[0]), int(positions[-1])),
        )
        yield Candidate(
            pattern=pattern,
            size=variation,
            p_value=1.0,
            gate="variation",
            involved=first_of(positions[away]),
        )
