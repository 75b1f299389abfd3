"""What a log holds, and in what state its bytes are."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from crackle_stream.errors import LogDamagedError
from crackle_stream.event import ANONYMOUS
from crackle_stream.log.block import decode_batch
from crackle_stream.log.frame import FORMAT
from crackle_stream.log.reader import LogReader
from crackle_stream.log.recovery import examine
from crackle_stream.source import SourcePosition
from crackle_stream.timestamp import NO_TIME

LogState: TypeAlias = Literal["clean", "unclosed", "torn", "uncertain", "damaged"]


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
        How many.
    segments, bytes
        How many files, and their size together.
    first_time, last_time
        Earliest and latest, in nanoseconds since 1970 UTC; None where no event has a time.
    metrics
        Names of all metrics, sorted.
    labels
        How many distinct ones.
    sources
        How far each source was read.
    """

    log_id: str
    format: int
    closed: bool
    events: int
    rejections: int
    segments: int
    bytes: int
    first_time: int | None
    last_time: int | None
    metrics: tuple[str, ...]
    labels: int
    sources: tuple[SourcePosition, ...]


class Verdict(Struct, frozen=True, kw_only=True):
    """In what state the bytes of a log are.

    Parameters
    ----------
    state
        ``clean``, ``unclosed`` (whole, but the writer is at work or was killed), ``torn`` (a
        write that a crash cut short, cut by the next writer), ``uncertain`` or ``damaged``.
    summary
        What, where, and what to do, in a line.
    events
        How many can be read from the start.
    segment, offset
        Where the trouble begins; None where there is none.
    """

    state: LogState
    summary: str
    events: int
    segment: str | None = None
    offset: int | None = None


def log_info(reader: LogReader) -> LogInfo:
    """Read all of a log and describe it."""
    names: set[str] = set()
    labels: set[str] = set()
    spans: list[int] = []
    size = rejections = 0
    for segment in reader.segments():
        size += segment.size()
        rejections += segment.rejections
        if segment.order.latest != NO_TIME:
            spans += [segment.order.earliest, segment.order.latest]
        for place in segment.places():
            payload = segment.payload(place)
            names.update(*(matrix.names for matrix in payload.matrices))
            if payload.count:
                labels.update(decode_batch(payload, {"labels"}).labels or [ANONYMOUS])
    tail = reader.tail
    return LogInfo(
        log_id=f"{0 if tail is None else tail.log_id or 0:016x}",
        format=FORMAT,
        closed=tail is not None and tail.closed,
        events=reader.count,
        rejections=rejections,
        segments=len(reader.firsts),
        bytes=size,
        first_time=min(spans, default=None),
        last_time=max(spans, default=None),
        metrics=tuple(sorted(names)),
        labels=len(labels),
        sources=() if tail is None else tuple(tail.positions().values()),
    )


def verify_log(reader: LogReader) -> Verdict:
    """Check every frame of a log, and judge its end."""
    try:
        for segment in reader.segments():
            segment.positions()
    except LogDamagedError as error:
        return Verdict(
            state="damaged",
            summary=str(error),
            events=error.first,
            segment=error.segment,
            offset=error.offset,
        )
    return _judge_end(reader)


def _judge_end(reader: LogReader) -> Verdict:
    tail = reader.tail
    if tail is None:
        return Verdict(state="unclosed", summary="the log holds no segment yet", events=0)
    found = examine(tail)
    if found.state == "whole":
        state: LogState = "clean" if tail.closed else "unclosed"
        return Verdict(state=state, summary=_WHOLE[state], events=reader.count)
    return Verdict(
        state=found.state,
        summary=f"{tail.where}, from byte {found.offset} on ({found.size} bytes): "
        f"{_END[found.state]}",
        events=reader.count,
        segment=tail.name,
        offset=found.offset,
    )


_WHOLE = {
    "clean": "every frame is whole, and the log was closed in order",
    "unclosed": "every frame is whole; a writer is at work or was killed, or the last file is gone",
}
_END = {
    "torn": "a write that a crash cut short and that was never acknowledged; the next writer "
    "keeps these bytes in torn/ and goes on",
    "uncertain": "whole frames stand behind a gap, and it cannot be told whether it was synced; "
    "a writer goes on with --accept-loss",
    "damaged": "bytes that were synced are not what they were; what stands before them can still "
    "be read",
}
