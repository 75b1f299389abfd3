"""What a layer of the torture tests has to say when it ends."""

from __future__ import annotations

from collections.abc import Iterable

import click
from msgspec import Struct


class Outcome(Struct, frozen=True, kw_only=True):
    """One layer's run.

    Parameters
    ----------
    layer
        Its name.
    ran
        What was done and how often, such as ``20,000 lives``.
    lost
        What was lost or went wrong, a line for each, with what it takes to see it again.
    skipped
        What could not run here, and why.
    """

    layer: str
    ran: str
    lost: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


def report(outcomes: Iterable[Outcome], *, allow_skips: bool) -> int:
    """Print outcomes as they come, as rows of a table; give the exit code."""
    code = 0
    for outcome in outcomes:
        click.echo(f"{outcome.layer:<9} {outcome.ran:<60} lost: {len(outcome.lost)}")
        for line in (*outcome.lost, *(f"skipped: {reason}" for reason in outcome.skipped)):
            click.echo(f"  {line}")
        if outcome.lost or (outcome.skipped and not allow_skips):
            code = 1
    return code
