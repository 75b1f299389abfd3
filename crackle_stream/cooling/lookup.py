"""A pattern found again by its id, with those that belong together with it."""

from __future__ import annotations

from collections.abc import Iterable

from crackle_stream.cooling.inquiry import listing
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.errors import UsageError
from crackle_stream.pattern import Pattern


def look_up(reports: Iterable[CoolingReport], prefix: str, *, alone: bool) -> tuple[Pattern, ...]:
    """Give the patterns of the finding that holds a pattern, as the last checkpoint has them.

    Parameters
    ----------
    reports
        The checkpoints.
    prefix
        How the id of the pattern begins.
    alone
        Whether only that pattern is asked for.

    Raises
    ------
    UsageError
        When no id begins so, or several do.
    """
    found: tuple[Pattern, ...] = ()
    known: dict[str, str] = {}
    for report in reports:
        known |= {pattern.id: pattern.description for pattern in report.patterns}
        mine = [pattern for pattern in report.patterns if pattern.id.startswith(prefix)]
        if mine and alone:
            found = tuple(mine)
        elif mine:
            findings = {pattern.finding for pattern in mine}
            found = tuple(p for p in report.patterns if p.finding in findings)
    matching = {name: text for name, text in known.items() if name.startswith(prefix)}
    if len(matching) > 1:
        raise UsageError(f"several ids begin with {prefix!r}: give more of it\n{listing(matching)}")
    if not found:
        there = f"these are there:\n{listing(known)}" if known else "nothing was found"
        raise UsageError(f"no pattern's id begins with {prefix!r}: {there}")
    return found
