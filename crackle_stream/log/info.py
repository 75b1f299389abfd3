"""What a log holds, and in what state its bytes are."""

from __future__ import annotations

from itertools import islice
from typing import Final

from msgspec import Struct

from crackle_stream.event import ANONYMOUS
from crackle_stream.log.block import decode_batch
from crackle_stream.log.frame import FORMAT
from crackle_stream.log.gap import Gap, GapReason
from crackle_stream.log.reader import LogReader
from crackle_stream.source import SourcePosition
from crackle_stream.timestamp import NO_TIME

MOST_LABELS: Final = 100_000
"""Distinct labels are counted up to here."""

MOST_METRICS: Final = 10_000
"""Distinct metric names are listed up to here: the first in the log."""


class Missing(Struct, frozen=True):
    """Positions that have no event any more, for one reason.

    Parameters
    ----------
    reason
        ``forgotten`` or ``damaged``.
    positions, gaps
        How many, and in how many stretches.
    latest
        When the last of them was made, in nanoseconds since 1970 UTC.
    """

    reason: GapReason
    positions: int
    gaps: int
    latest: int


class LogInfo(Struct, frozen=True, kw_only=True):
    """What a log holds.

    Parameters
    ----------
    log_id
        Drawn when the log was made, in hex.
    format
        Of its bytes.
    closed
        Whether its writer stopped in order.
    events, rejections
        How many there are.
    first, next
        Position at which the log begins, and the one that the next event gets.
    removed
        How many events were removed before the first position.
    missing
        Positions in between without an event, by reason.
    segments, bytes
        How many files, and their size together.
    first_time, last_time
        Earliest and latest, in nanoseconds since 1970 UTC; None where no event has a time.
    metrics
        Names of metrics, sorted; of the first 10,000 of them.
    more_metrics
        Whether there are more.
    labels
        How many distinct ones, counted up to 100,000.
    more_labels
        Whether there are more.
    sources
        How far each source was read.
    """

    log_id: str
    format: int
    closed: bool
    events: int
    first: int
    next: int
    removed: int
    missing: tuple[Missing, ...]
    rejections: int
    segments: int
    bytes: int
    first_time: int | None
    last_time: int | None
    metrics: tuple[str, ...]
    more_metrics: bool
    labels: int
    more_labels: bool
    sources: tuple[SourcePosition, ...]


def log_info(reader: LogReader) -> LogInfo:
    """Read all of a log and describe it."""
    names: dict[str, None] = {}
    labels: set[str] = set()
    spans: list[int] = []
    gaps = _Tally()
    size = events = rejections = 0
    for segment in reader.segments():
        size += segment.size()
        rejections += segment.rejections
        if segment.order.latest != NO_TIME:
            spans += [segment.order.earliest, segment.order.latest]
        for place in segment.places():
            payload = segment.payload(place)
            for matrix in payload.matrices if len(names) <= MOST_METRICS else ():
                names.update(dict.fromkeys(matrix.names))
            for gap in payload.gaps:
                gaps.add(gap)
            events += payload.count
            if payload.count and len(labels) <= MOST_LABELS:
                labels.update(decode_batch(payload, {"labels"}).labels or [ANONYMOUS])
    tail = reader.tail
    return LogInfo(
        log_id=f"{0 if tail is None else tail.log_id or 0:016x}",
        format=FORMAT,
        closed=tail is not None and tail.closed,
        events=events,
        first=reader.first,
        next=reader.count,
        removed=0 if reader.start is None else reader.start.events,
        missing=gaps.all(),
        rejections=rejections,
        segments=len(reader.firsts),
        bytes=size,
        first_time=min(spans, default=None),
        last_time=max(spans, default=None),
        metrics=tuple(sorted(islice(names, MOST_METRICS))),
        more_metrics=len(names) > MOST_METRICS,
        labels=min(len(labels), MOST_LABELS),
        more_labels=len(labels) > MOST_LABELS,
        sources=() if tail is None else tuple(tail.positions().values()),
    )


class _Tally:
    """Counts gaps by reason."""

    def __init__(self) -> None:
        self._found: dict[GapReason, Missing] = {}

    def add(self, gap: Gap) -> None:
        last = self._found.get(gap.reason, Missing(gap.reason, 0, 0, gap.when))
        self._found[gap.reason] = Missing(
            gap.reason, last.positions + gap.count, last.gaps + 1, max(last.latest, gap.when)
        )

    def all(self) -> tuple[Missing, ...]:
        return tuple(self._found[reason] for reason in sorted(self._found))
