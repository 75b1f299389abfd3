"""Places of the events that are there: log positions with the gaps closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from crackle_stream.log.gap import Gap
from crackle_stream.pattern import Note


class Places:
    """Counts the events of a log from a position on, leaving out gaps.

    Parameters
    ----------
    start
        Log position at which counting begins.
    gaps
        At and behind it, in order.

    Examples
    --------
    >>> places = Places(10, [Gap(12, 3, "forgotten", 0)])
    >>> places.before(11), places.before(13), places.before(16)
    (1, 2, 3)
    >>> places.positions(np.arange(4)).tolist()
    [10, 11, 15, 16]
    """

    def __init__(self, start: int, gaps: Sequence[Gap]) -> None:
        self.start = start
        self.gaps = tuple(gaps)
        counts = np.array([gap.count for gap in gaps], np.int64)
        self._starts = np.array([gap.start for gap in gaps], np.int64)
        self._missing = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        self._places = self._starts - start - self._missing[:-1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Places) and (self.start, self.gaps) == (other.start, other.gaps)

    __hash__ = None  # type: ignore[assignment]

    def below(self, position: int) -> Places:
        """Give the same as it is known from the positions below one alone."""
        known = [gap for gap in self.gaps if gap.start < position]
        return Places(self.start, [_until(gap, position) for gap in known])

    def before(self, position: int) -> int:
        """Count the events below a position."""
        known = int(np.searchsorted(self._starts, position))
        missing = int(self._missing[known])
        if known:
            missing -= max(self.gaps[known - 1].stop - position, 0)
        return max(position - self.start - missing, 0)

    def position(self, place: int) -> int:
        """Give the log position of the event at a place."""
        return int(self.positions(np.array([place]))[0])

    def positions(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the log positions of the events at some places; int64."""
        missing = self._missing[np.searchsorted(self._places, places, side="right")]
        positions: NDArray[np.int64] = places + self.start + missing
        return positions


def gap_notes(places: Places, asked_from: int) -> tuple[Note, ...]:
    """Say which events of those asked for are not there any more, if any."""
    notes = []
    if places.start > asked_from:
        text = f"the log begins at position {places.start:,}: what was before it was removed"
        notes.append(Note("start", text))
    missing: Counter[str] = Counter()
    for gap in places.gaps:
        missing[gap.reason] += gap.count
    if missing:
        told = " and ".join(f"{count:,} {_FATE[why]}" for why, count in sorted(missing.items()))
        notes.append(Note("gaps", f"events that are not there any more: {told}"))
    return tuple(notes)


_FATE = {"forgotten": "forgotten", "damaged": "lost to damage"}


def _until(gap: Gap, position: int) -> Gap:
    return replace(gap, count=min(gap.stop, position) - gap.start)
