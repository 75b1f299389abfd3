"""Whether a pattern is still found in fewer of its tasks: looked for again, in half after half."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from msgspec.structs import replace

from crackle_stream.cooling.explanation import Fewer
from crackle_stream.cooling.opened import Opened
from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.clustering.clusters import find_clusters
from crackle_stream.detect.conservation.laws import find_laws
from crackle_stream.detect.correlation.correlations import find_correlations
from crackle_stream.detect.kinship import NEAR
from crackle_stream.detect.phase.phases import find_phases
from crackle_stream.detect.significance import is_large
from crackle_stream.detect.view import view_table
from crackle_stream.pattern import (
    ClusteringPattern,
    ConservationPattern,
    CorrelationPattern,
    Pattern,
    PhaseTransitionPattern,
)
from crackle_stream.profile import CoolingRate
from crackle_stream.table import Table

LEAST: Final = 8
"""Fewer tasks are not tried."""
CLOSE: Final = 10
"""A place this part of the shorter piece away is the same, where no interval says otherwise."""
ALIKE: Final = 2.0
"""Spreads that the centres of the same group may lie apart."""


def find_in_fewer(
    opened: Opened, draft: Candidate, rows: dict[int, int], rate: CoolingRate, largest_p: float
) -> tuple[str | None, tuple[Fewer, ...]]:
    """Look for a pattern again among half of its tasks, a quarter, and so on until it is gone.

    It must come up with an effect that passes the rate's gate, and a p-value that would pass in
    place of its own.

    Parameters
    ----------
    opened
        Its window.
    draft
        Its candidate, as the detector gave it.
    rows
        Window rows of the positions that it names.
    rate, largest_p
        Its gates.

    Returns
    -------
    which, fewer
        Which tasks those are, in words, and what came of each attempt. Nothing for drift and
        near-constant metrics, and for changes in windows that are too long to be held.
    """
    search = _search(opened, draft.pattern, rows)
    if search is None:
        return None, ()
    which, sample, detect = search
    if opened.view.exact:  # Where a change is found again, it may be at any of the tasks.
        every = opened.view.sample
        rows = dict(zip(every.positions.tolist(), every.rows.tolist(), strict=True))
    found = []
    for part in _halves(sample, draft.pattern, rows):
        again = (
            other
            for other in detect(part).candidates
            if other.p_value <= largest_p
            and is_large(other, rate)
            and same(other.pattern, draft.pattern, rows)
        )
        found.append(Fewer(len(part), next(again, None) is not None))
        if not found[-1].found:
            break
    return which, tuple(found)


def _search(
    opened: Opened, pattern: Pattern, rows: dict[int, int]
) -> tuple[str, Table, Callable[[Table], Detection]] | None:
    """Say which tasks are tried, give all of them, and how a pattern is looked for in some."""
    view, roles = opened.view, opened.roles
    last = "the last" if view.exact else "the last sampled"
    if isinstance(pattern, PhaseTransitionPattern):
        if pattern.at is None or not view.exact:
            return None
        column = view.sample.with_names(pattern.subject)
        present = column.take(np.flatnonzero(~np.isnan(column.values[:, 0])))
        return "the nearest", present, lambda t: find_phases(view_table(t), roles).detection
    if isinstance(pattern, CorrelationPattern):
        pair = view.sample.with_names(tuple(sorted(pattern.subject)))
        both = pair.take(np.flatnonzero(~np.isnan(pair.values).any(axis=1)))
        return (
            last,
            both,
            lambda t: find_correlations(replace(view, sample=t), roles, opened.phases),
        )
    if isinstance(pattern, ConservationPattern):
        if pattern.form == "constant":
            return None
        begin, end = (rows[at] for at in (pattern.holds.first, pattern.holds.last))
        inside = slice(*np.searchsorted(view.sample.rows, (begin, end + 1)).tolist())
        return (
            last,
            view.sample.take(inside),
            lambda t: find_laws(view_table(t), roles, opened.phases),
        )
    if any(roles.role.get(name) == "counter" for name in pattern.subject):
        return None  # Without the tasks between, steps are others.
    return (
        "an even choice of",
        view.sample,
        lambda t: find_clusters(view_table(t), roles, opened.phases),
    )


def _halves(sample: Table, pattern: Pattern, rows: dict[int, int]) -> Iterator[Table]:
    """Give half of the tasks, a quarter, and so on."""
    for power in range(1, len(sample).bit_length()):
        part = _part(sample, pattern, rows, 1 << power)
        if len(part) < LEAST:
            return
        yield part


def _part(sample: Table, pattern: Pattern, rows: dict[int, int], share: int) -> Table:
    if isinstance(pattern, ClusteringPattern):
        return sample.take(slice(0, None, share))
    if not isinstance(pattern, PhaseTransitionPattern):
        return sample.take(slice(len(sample) - len(sample) // share, None))
    before, after = pattern.before, pattern.after
    if pattern.at is None or before is None or after is None:
        return sample.take(slice(0, 0))
    split = int(np.searchsorted(sample.rows, rows[pattern.at]))
    near = slice(max(split - before.n // share, 0), split + after.n // share)
    return _by_itself(sample.take(near))


def _by_itself(part: Table) -> Table:
    """Number rows as if there were no others, also where tasks between them lack the metric."""
    return replace(part, rows=np.arange(len(part)))


def same(one: Pattern, other: Pattern, rows: dict[int, int]) -> bool:
    """Whether what was found among fewer tasks is the pattern."""
    if one.subject != other.subject:
        return False
    if isinstance(one, PhaseTransitionPattern) and isinstance(other, PhaseTransitionPattern):
        return one.form == other.form and _near(one, other, rows)
    if isinstance(one, CorrelationPattern) and isinstance(other, CorrelationPattern):
        return one.lag == other.lag and (one.r < 0) == (other.r < 0)
    if isinstance(one, ConservationPattern) and isinstance(other, ConservationPattern):
        return one.form == other.form and one.terms == other.terms
    if isinstance(one, ClusteringPattern) and isinstance(other, ClusteringPattern):
        return all(_close(one, other, name) for name in other.center)
    return False


def _near(one: PhaseTransitionPattern, other: PhaseTransitionPattern, rows: dict[int, int]) -> bool:
    """Whether one change is in the other's interval, or as near as a place among fewer tasks is."""
    low, at, high = (
        rows.get(-1 if p is None else p) for p in (other.at_low, other.at, other.at_high)
    )
    here = None if one.at is None else rows.get(one.at)
    if here is None or at is None or other.before is None or other.after is None:
        return False
    reach = max(NEAR, min(other.before.n, other.after.n) // CLOSE)
    low, high = at if low is None else low, at if high is None else high
    return min(low, at - reach) <= here <= max(high, at + reach)


def _close(one: ClusteringPattern, other: ClusteringPattern, name: str) -> bool:
    spread = max(one.spread.get(name, 0.0), other.spread.get(name, 0.0))
    apart = abs(one.center.get(name, np.inf) - other.center[name])
    return bool(apart <= ALIKE * spread + 1e-9 * abs(other.center[name]))
