"""The times of a segment's blocks, by their headers alone: their span, and whether they rise."""

from __future__ import annotations

from crackle_stream.log.frame import ALL_TIMED, RISING, Header
from crackle_stream.timestamp import NO_TIME


class TimeOrder:
    """Running facts about times, from one header after the other.

    Attributes
    ----------
    earliest, latest
        Of all times; `NO_TIME` where there are none.
    opening
        Earliest time of the first block; None before it.
    turn
        Position of the first block in which times go back, or some are absent, or which begins
        before the latest time of those before it; None where there is none.
    before
        Latest time before the turn.
    """

    def __init__(self) -> None:
        self.earliest = self.latest = NO_TIME
        self.opening: int | None = None
        self.turn: int | None = None
        self.before = NO_TIME

    def observe(self, header: Header) -> None:
        """Take in the header of a block; one whose positions are all in gaps has no times."""
        if header.flags & ALL_TIMED and header.latest == NO_TIME:
            return
        if self.opening is None:
            self.opening = header.earliest
        ordered = header.flags & ALL_TIMED and header.flags & RISING
        if self.turn is None and not (ordered and header.earliest >= self.latest):
            self.turn, self.before = header.first, self.latest
        if header.latest != NO_TIME:
            known = self.earliest != NO_TIME
            self.earliest = min(self.earliest, header.earliest) if known else header.earliest
            self.latest = max(self.latest, header.latest)
