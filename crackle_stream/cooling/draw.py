"""Choose what a plot shows of a pattern, and read it from its window in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crackle_stream.cooling.draw_change import change_picture
from crackle_stream.cooling.draw_law import residual_picture
from crackle_stream.cooling.draw_relation import group_picture, pair_picture
from crackle_stream.cooling.opened import Opened
from crackle_stream.cooling.picture import (
    Picture,
)
from crackle_stream.detect.view import View
from crackle_stream.pattern import (
    ClusteringPattern,
    ConservationPattern,
    CorrelationPattern,
    Pattern,
    PhaseTransitionPattern,
)
from crackle_stream.table import Table, concatenate


def draw(opened: Opened, pattern: Pattern, rows: dict[int, int], *, raw: bool) -> Picture | None:
    """Give the picture of a pattern.

    Parameters
    ----------
    opened
        Its window.
    pattern
        As the detector gave it.
    rows
        Window rows of the log positions that the pattern names.
    raw
        Whether values were looked at as they are, as of a handful of tasks.
    """
    if isinstance(pattern, PhaseTransitionPattern):
        return change_picture(opened, pattern, rows, raw=raw)
    if isinstance(pattern, CorrelationPattern):
        return pair_picture(opened, pattern, raw=raw)
    if isinstance(pattern, ConservationPattern):
        return residual_picture(opened, pattern, rows)
    if isinstance(pattern, ClusteringPattern):
        return group_picture(opened, pattern, raw=raw)
    return None  # only its own detector knows what would show it


def named_positions(pattern: Pattern) -> tuple[int, ...]:
    """Give the log positions that a picture of a pattern marks."""
    if isinstance(pattern, PhaseTransitionPattern):
        return tuple(at for at in (pattern.at, pattern.at_low, pattern.at_high) if at is not None)
    if isinstance(pattern, ConservationPattern):
        broke = () if pattern.broke_at is None else (pattern.broke_at,)
        return (pattern.holds.first, pattern.holds.last, *broke, *(pattern.exceptions or ()))
    return ()


def read_positions(view: View, positions: Sequence[int]) -> Table:
    """Read the rows of some log positions, in one pass over the window."""
    wanted = np.unique(np.array(positions, np.int64))
    found = [t.take(np.isin(t.positions, wanted)) for t in view.scan(0, view.span.n)]
    return concatenate([table for table in found if len(table)])
