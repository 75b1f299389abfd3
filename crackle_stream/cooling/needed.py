"""Which part of a log checkpoints still need: retention leaves it."""

from __future__ import annotations

from msgspec import Struct

from crackle_stream.cooling.decisions import Decisions


class Need(Struct, frozen=True):
    """Everything from a position on is still needed.

    Parameters
    ----------
    position
        The position.
    why
        What needs it, in words.
    """

    position: int
    why: str


def needed_from(decisions: Decisions) -> Need | None:
    """Give from where on a log is needed by what was decided about it; None where nothing was.

    The present cycle begins at the last reset. What stands behind the last marker was not looked
    at by a checkpoint at a later one.

    Examples
    --------
    >>> decisions = Decisions(None)
    >>> needed_from(decisions) is None
    True
    >>> decisions.reset(40)
    >>> decisions.mark("release", 30)
    30
    >>> needed_from(decisions)
    Need(position=30, why="the last marker, 'release', stands there")
    """
    needs = []
    resets, markers = decisions.resets(), decisions.markers()
    if resets:
        needs.append(Need(max(resets), "the present cycle began there"))
    if markers:
        last = max(markers)
        needs.append(Need(last, f"the last marker, {markers[last][-1]!r}, stands there"))
    return min(needs, key=lambda need: need.position, default=None)
