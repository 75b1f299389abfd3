"""Metrics that are reported no more, or only from some task on: renamed, lost, or new."""

from __future__ import annotations

from typing import Final

import numpy as np

from crackle_stream.detect.describe import listed
from crackle_stream.detect.view import View
from crackle_stream.pattern import Note

DENSE: Final = 0.9
"""A metric that so large a share of tasks reports is missed when it is absent."""
LONG: Final = 30
"""For fewer tasks it may be absent by chance, or was not long there: .1^30 is far below chance."""


def find_coverage(view: View) -> tuple[Note, ...]:
    """Say which metrics end or begin within a window, those at one task together.

    A metric counts that nearly all tasks report between its first and its last, at least `LONG` of
    them, and none of at least as many after it, or before it. Only windows whose rows are all at
    hand are looked at.

    Returns
    -------
    tuple of Note
        With the log position of the first task that is different; the place is added to the text.
    """
    ends: dict[int, list[str]] = {}
    begins: dict[int, list[str]] = {}
    for name in view.names if view.exact else ():
        rows = np.flatnonzero(~np.isnan(view.sample.column(name)))
        if len(rows) < LONG or len(rows) < DENSE * (rows[-1] - rows[0] + 1):
            continue
        if view.span.n - 1 - rows[-1] >= LONG:
            ends.setdefault(int(rows[-1]) + 1, []).append(name)
        if rows[0] >= LONG:
            begins.setdefault(int(rows[0]), []).append(name)
    return tuple(
        _note(view, row, ends.get(row, []), begins.get(row, [])) for row in sorted({*ends, *begins})
    )


def _note(view: View, row: int, ends: list[str], begins: list[str]) -> Note:
    gone = f"{listed(ends)} {'is' if len(ends) == 1 else 'are'} reported no more"
    new = f"{listed(begins)} {'is' if len(begins) == 1 else 'are'} reported"
    instead = f"{gone}, and {listed(begins)} instead," if begins else gone
    text = instead if ends else new
    group = "" if view.group is None else f"in {view.group}: "
    at = int(view.sample.positions[row])
    return Note("coverage", f"{group}{text}", tuple(sorted([*ends, *begins])), at)
