"""Changes that undo earlier ones: the end of an incident, a deploy that was rolled back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from crackle_stream.detect.describe import sides
from crackle_stream.pattern import Pattern, PhaseTransitionPattern

BACK: Final = 0.25
"""A level is what it was where no more than this share of the step back is missing."""

RECENT: Final = 2
"""So many changes back: of many levels some are alike by chance, but an incident may have two."""

Returns: TypeAlias = Mapping[str, PhaseTransitionPattern]
"""By id of a change, the earlier one that it undoes."""


def find_returns(patterns: Iterable[Pattern], rank: Callable[[int], int]) -> Returns:
    """Find the changes of level after which a metric is where it was before an earlier one.

    Parameters
    ----------
    patterns
        Of one checkpoint.
    rank
        Gives the place of a log position in the order of analysis.
    """
    series: dict[tuple[object, ...], list[PhaseTransitionPattern]] = {}
    for pattern in patterns:
        if isinstance(pattern, PhaseTransitionPattern) and pattern.form == "level":
            window = pattern.window
            scene = pattern.group, pattern.subject, window.first, window.last, window.n
            series.setdefault(scene, []).append(pattern)
    found: dict[str, PhaseTransitionPattern] = {}
    for changes in series.values():
        changes.sort(key=lambda change: rank(change.at or 0))
        for place, change in enumerate(changes):
            earlier = reversed(changes[max(place - RECENT, 0) : place])
            undone = next((before for before in earlier if _undoes(change, before)), None)
            if undone is not None:
                found[change.id] = undone
    return found


def _undoes(change: PhaseTransitionPattern, before: PhaseTransitionPattern) -> bool:
    low, (start, end) = sides(before)[0], sides(change)
    return abs(end - low) <= BACK * abs(end - start)
