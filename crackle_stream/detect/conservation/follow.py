"""Follow laws through every row of a window: stretches, exceptions and breaks, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct

from crackle_stream.detect.conservation.law import (
    Law,
    level_columns,
    log_columns,
    metric_of,
    residuals,
)
from crackle_stream.detect.conservation.track import Course, Judged, Track
from crackle_stream.detect.resolution import Rounding
from crackle_stream.detect.view import View
from crackle_stream.table import Table, concatenate


class Claim(Struct, frozen=True):
    """An equation to follow.

    Parameters
    ----------
    names
        Columns that the law's places mean.
    logs
        Whether it is about logarithms.
    law, constant
        The equation.
    weight
        What a failure costs a stretch (see `find_validity`).
    """

    names: tuple[str, ...]
    logs: bool
    law: Law
    constant: float
    weight: float


def follow(view: View, claims: Sequence[Claim], rounding: Rounding) -> list[Course | None]:
    """Follow laws through a window in one pass and bounded memory.

    Parameters
    ----------
    view
        The window; its rows are read by `View.scan`.
    claims
        Equations.
    rounding
        How metrics were rounded.

    Returns
    -------
    list of Course or None
        None for a law that no row keeps.
    """
    tracks = [Track(claim.weight) for claim in claims]
    for table, late in _panes(view) if claims else ():
        for claim, track in zip(claims, tracks, strict=True):
            track.observe(_judge(claim, table, late, rounding))
    return [track.course() for track in tracks]


def _panes(view: View) -> Iterator[tuple[Table, int]]:
    """Give the window's tables, each with the row before it in front (that many extra rows)."""
    tail: Table | None = None
    for table in view.scan(0, view.span.n):
        yield (table, 0) if tail is None else (concatenate([tail, table]), 1)
        tail = table.take(slice(len(table) - 1, None))


def _judge(claim: Claim, table: Table, late: int, rounding: Rounding) -> Judged:
    metrics = tuple(sorted({metric_of(claim.names[place]) for place in claim.law.places}))
    columns = (log_columns if claim.logs else level_columns)(table, metrics, rounding)
    places = tuple(columns.names.index(claim.names[place]) for place in claim.law.places)
    law = claim.law
    found = residuals(columns, Law(places, law.weights, law.rounded, law.noise))
    counted = found.rows >= late
    away = np.abs(found.sums - claim.constant)
    holds = away <= found.slack
    return Judged(table.positions[found.rows[counted]], away[counted], holds[counted])
