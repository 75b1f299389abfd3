"""Retention: whole leading segments are removed once they are old, or there is enough without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from crackle_stream.log.disk import Disk, storage_errors
from crackle_stream.log.files import segment_firsts, segment_name
from crackle_stream.log.frame import ALL_TIMED, HEADER_SIZE
from crackle_stream.log.reader import LogReader
from crackle_stream.log.segment import Segment
from crackle_stream.log.start import Start, read_start, settle_start, write_start

AgeBy: TypeAlias = Literal["time", "arrival"]


class Retention(Struct, frozen=True, kw_only=True):
    """What is kept; a segment goes when any of these lets it go.

    Parameters
    ----------
    max_age
        Nanoseconds: a segment goes when all its events are older.
    max_bytes, max_events
        A segment goes when the later ones together are at least so large, or have at least so
        many events.
    """

    max_age: int | None = None
    max_bytes: int | None = None
    max_events: int | None = None


class Retained(Struct, frozen=True, kw_only=True):
    """What retention removed, or would remove.

    Parameters
    ----------
    first
        Position at which the log begins.
    segments, events, rejections, bytes
        How many were removed.
    age_by
        Whether ages were told by the events' own times, which needs that all have one, or by when
        they arrived.
    held, held_events
        Segments, and events in them, that were to go and stayed because they are still needed.
    """

    first: int
    segments: int = 0
    events: int = 0
    rejections: int = 0
    bytes: int = 0
    age_by: AgeBy = "time"
    held: int = 0
    held_events: int = 0


class _Weight(Struct, frozen=True, kw_only=True):
    """What counts of one segment."""

    first: int
    stop: int
    events: int
    rejections: int
    bytes: int
    timed: bool
    latest: int
    sealed_at: int


def retain(
    reader: LogReader, rule: Retention, needed_from: int | None, now: int, *, dry_run: bool = False
) -> Retained:
    """Remove leading segments that a rule lets go; the last one, which is written to, stays.

    Parameters
    ----------
    reader
        The log; its writer's lock is held, and nothing is appended meanwhile.
    rule
        What is kept.
    needed_from
        Nothing at or above this position is removed; None: nothing is needed.
    now
        The moment from which ages count.
    dry_run
        Only tell what would be removed.
    """
    weights = [_weigh(segment) for segment in reader.segments()]
    age_by: AgeBy = "time" if all(weight.timed for weight in weights) else "arrival"
    going = weights[: _number_going(weights, rule, now, age_by)]
    free = [w for w in going if needed_from is None or w.stop <= needed_from]
    if free and not dry_run:
        _remove(reader, free, now)
    return Retained(
        first=free[-1].stop if free else reader.first,
        segments=len(free),
        events=sum(weight.events for weight in free),
        rejections=sum(weight.rejections for weight in free),
        bytes=sum(weight.bytes for weight in free),
        age_by=age_by,
        held=len(going) - len(free),
        held_events=sum(weight.events for weight in going[len(free) :]),
    )


def finish_removal(disk: Disk) -> None:
    """Remove what a crash left of segments that the record of the log's beginning explains."""
    start = read_start(disk)
    if start is not None and (old := _segments_before(disk, start.first)):
        settle_start(disk)
        _unlink(disk, old)


def _remove(reader: LogReader, weights: Sequence[_Weight], now: int) -> None:
    before = reader.start or Start(first=0, when=0)
    start = Start(
        first=weights[-1].stop,
        when=now,
        segments=before.segments + len(weights),
        events=before.events + sum(weight.events for weight in weights),
        rejections=before.rejections + sum(weight.rejections for weight in weights),
    )
    write_start(reader.disk, start, reader.last_segment().log_id or 0)
    _unlink(reader.disk, _segments_before(reader.disk, start.first))
    reader.look_again()


def _segments_before(disk: Disk, first: int) -> list[str]:
    with storage_errors(f"listing {disk.path}"):
        return [segment_name(at) for at in segment_firsts(disk.names()) if at < first]


def _unlink(disk: Disk, segments: Sequence[str]) -> None:
    with storage_errors(f"removing old segments of {disk.path}"):
        for name in segments:
            disk.unlink(name)
        disk.fsync_directory()


def _weigh(segment: Segment) -> _Weight:
    headers = [place.header for place in segment.places()]
    last = segment.frame_at(segment.end - HEADER_SIZE).header if segment.sealed else None
    return _Weight(
        first=segment.first,
        stop=segment.next,
        events=segment.next - segment.first - sum(gap.count for gap in segment.gaps()),
        rejections=segment.rejections,
        bytes=segment.size(),
        timed=all(header.flags & ALL_TIMED for header in headers),
        latest=segment.order.latest,
        sealed_at=0 if last is None else last.arrival,
    )


def _number_going(weights: Sequence[_Weight], rule: Retention, now: int, age_by: AgeBy) -> int:
    """Count the leading segments that the rule lets go; the last segment never does."""
    size, events = sum(weight.bytes for weight in weights), sum(weight.events for weight in weights)
    for number, weight in enumerate(weights[:-1]):
        size, events = size - weight.bytes, events - weight.events
        old = rule.max_age is not None and now - _age_mark(weight, age_by) > rule.max_age
        heavy = rule.max_bytes is not None and size >= rule.max_bytes
        many = rule.max_events is not None and events >= rule.max_events
        if not (old or heavy or many):
            return number
    return max(len(weights) - 1, 0)


def _age_mark(weight: _Weight, age_by: AgeBy) -> int:
    """Give a moment that no event of a segment is younger than."""
    return weight.latest if age_by == "time" else weight.sealed_at
