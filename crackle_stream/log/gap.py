"""Gaps: positions of a log at which there is no event any more, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

from msgspec import Struct

GapReason: TypeAlias = Literal["forgotten", "damaged"]


class Gap(Struct, frozen=True, array_like=True):
    """Consecutive positions without an event; those behind them keep their numbers.

    Parameters
    ----------
    start
        Log position of the first one.
    count
        How many.
    reason
        ``forgotten``: removed because somebody asked for it; ``damaged``: lost, and found to be
        so when the log was salvaged.
    when
        When the gap was made, in nanoseconds since 1970 UTC.
    detail
        Of what was lost: where its bytes stood.
    """

    start: int
    count: int
    reason: GapReason
    when: int
    detail: str = ""

    @property
    def stop(self) -> int:
        """Position behind the gap."""
        return self.start + self.count


def stretches(first: int, stop: int, gaps: Sequence[Gap]) -> Iterator[tuple[int, int]]:
    """Give the stretches of a range that lie between gaps, as first position and number.

    Examples
    --------
    >>> list(stretches(10, 20, [Gap(10, 2, "forgotten", 0), Gap(15, 1, "forgotten", 0)]))
    [(12, 3), (16, 4)]
    """
    edges = [first, *(edge for gap in gaps for edge in (gap.start, gap.stop)), stop]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if start < end:
            yield start, end - start


def are_sound(first: int, stop: int, gaps: Sequence[Gap]) -> bool:
    """Whether gaps lie in a range, in order, and none over another."""
    edges = [first, *(edge for gap in gaps for edge in (gap.start, gap.stop)), stop]
    return all(gap.count > 0 for gap in gaps) and all(a <= b for a, b in pairwise(edges))


def join(gaps: Iterable[Gap]) -> list[Gap]:
    """Put gaps in order, and make one of those that touch and have all else in common."""
    joined: list[Gap] = []
    for gap in sorted(gaps, key=lambda gap: gap.start):
        last = joined[-1] if joined else None
        if last is not None and last.stop == gap.start and _origin(last) == _origin(gap):
            joined[-1] = Gap(last.start, last.count + gap.count, *_origin(last))
        else:
            joined.append(gap)
    return joined


def _origin(gap: Gap) -> tuple[GapReason, int, str]:
    return gap.reason, gap.when, gap.detail
