"""Verification: every byte of a log looked at, and every damage told."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from crackle_stream.errors import LogDamagedError
from crackle_stream.log.directory import LOCK
from crackle_stream.log.disk import storage_errors
from crackle_stream.log.files import UNFINISHED, segment_firsts, segment_name
from crackle_stream.log.frame import MARK, SEAL
from crackle_stream.log.reader import LogReader
from crackle_stream.log.recovery import TORN, examine
from crackle_stream.log.scan import fault_of, sight
from crackle_stream.log.segment import Segment
from crackle_stream.log.start import NAME as START
from crackle_stream.log.start import read_start

LogState: TypeAlias = Literal["clean", "unclosed", "torn", "uncertain", "damaged"]

KNOWN: Final = {LOCK, START, TORN, "decisions"}
"""What else there may be in a log's directory."""


class Damage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong with a log.

    Parameters
    ----------
    what
        In words.
    segment
        The file.
    offset
        The byte at which it begins; None where the file is missing.
    sequence
        Number of the frame, where it is known.
    first, last
        Positions affected; `last` is None where it is not known.
    """

    what: str
    segment: str
    offset: int | None = None
    sequence: int | None = None
    first: int | None = None
    last: int | None = None


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
        Position up to which everything can be read.
    segment, offset
        Where the trouble begins; None where there is none.
    damages
        All that was found.
    unknown
        Names in the directory that are not the log's.
    """

    state: LogState
    summary: str
    events: int
    segment: str | None = None
    offset: int | None = None
    damages: tuple[Damage, ...] = ()
    unknown: tuple[str, ...] = ()


def verify_log(reader: LogReader) -> Verdict:
    """Check every frame of a log, and judge its end."""
    with storage_errors(f"listing {reader.disk.path}"):
        names = reader.disk.names()
    verdict = _judge(reader, list(_damages(reader)))
    return replace(verdict, unknown=tuple(name for name in names if not _is_known(name)))


def told(damage: Damage) -> str:
    """Say in a line what is damaged: the file, the byte, the frame, the positions.

    Examples
    --------
    >>> told(Damage(what="is missing", segment="start", first=3, last=7))
    'start: is missing; events from 3 to 7'
    """
    where = damage.segment
    where += "" if damage.offset is None else f", byte {damage.offset}"
    where += "" if damage.sequence is None else f", frame {damage.sequence}"
    if damage.first is None:
        return f"{where}: {damage.what}"
    upto = "on" if damage.last is None else f"to {damage.last}"
    return f"{where}: {damage.what}; events from {damage.first} {upto}"


def _judge(reader: LogReader, damages: list[Damage]) -> Verdict:
    tail = reader.tail
    found = None if tail is None else examine(tail)
    if found is not None and found.state == "uncertain" and not damages:
        damages += _behind(reader.last_segment(), None)
    elif damages:
        return _damaged(reader, damages)
    if tail is None or found is None:
        return Verdict(state="unclosed", summary="the log holds no segment yet", events=0)
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
        damages=tuple(damages),
    )


def _damaged(reader: LogReader, damages: list[Damage]) -> Verdict:
    worst = damages[0]
    more = f" (and {len(damages) - 1} more damages)" if len(damages) > 1 else ""
    known = [damage.first for damage in damages if damage.first is not None]
    return Verdict(
        state="damaged",
        summary=f"{told(worst)}{more}; what stands before it can still be read, and `crackle log "
        "salvage` copies all that is whole",
        events=min(known, default=reader.count),
        segment=worst.segment,
        offset=worst.offset,
        damages=tuple(damages),
    )


def _is_known(name: str) -> bool:
    return name in KNOWN or bool(segment_firsts([name])) or name.endswith(UNFINISHED)


def _damages(reader: LogReader) -> Iterator[Damage]:
    yield from _of_start(reader)
    expected, firsts = reader.first, reader.firsts
    if not firsts and reader.first:
        yield Damage(what="is missing", segment=segment_name(expected), first=expected)
    for first, following in zip(firsts, [*firsts, None][1:], strict=True):
        if first > expected:
            name = segment_name(expected)
            yield Damage(what="is missing", segment=name, first=expected, last=first - 1)
        segment = reader.open(first)
        yield from _of_segment(segment, following)
        sealed_early = segment.sealed and following is not None and segment.next < following
        expected = segment.next if sealed_early or following is None else following


def _of_start(reader: LogReader) -> Iterator[Damage]:
    try:
        read_start(reader.disk, None if reader.tail is None else reader.tail.log_id)
    except LogDamagedError as error:
        yield Damage(what=f"the record of where the log begins is damaged ({error})", segment=START)


def _of_segment(segment: Segment, following: int | None) -> Iterator[Damage]:
    if segment.end:
        yield from _of_payloads(segment)
    if following is None:
        if examine(segment).state == "damaged":
            yield from _behind(segment, None)
    elif not segment.sealed or segment.next > following:
        yield from _behind(segment, following)
    elif segment.size() > segment.end:
        yield Damage(what="bytes follow the seal", segment=segment.name, offset=segment.end)


def _of_payloads(segment: Segment) -> Iterator[Damage]:
    """Check the chain that headers make, of which what was synced was believed so far."""
    for place in chain([segment.frame_at(0)], segment.places()):
        fault = fault_of(segment, place)
        if fault:
            header = place.header
            yield _damage(segment, fault, place.offset, header.sequence, header.first, header.count)


def _behind(segment: Segment, following: int | None) -> Iterator[Damage]:
    """Find where the chain breaks behind the last whole append, and where it goes on."""
    at, sequence, position = segment.end, segment.sequence, segment.next
    sealed = False
    for sighting in sight(segment, at):
        place, header = sighting.place, sighting.place.header
        stale = header.sequence < sequence or header.first < position
        if sighting.fault or stale or header.kind == MARK:
            continue
        if place.offset != at or header.first != position:
            what = _what_is(segment, at)
            yield _damage(segment, what, at, sequence, position, header.first - position)
        at, sequence, position = place.end, header.sequence + 1, header.first + header.count
        sealed = header.kind == SEAL
    if following is None or not sealed or position != following:
        lost = None if following is None else following - position
        yield _damage(segment, _what_is(segment, at), at, sequence, position, lost)


def _what_is(segment: Segment, offset: int) -> str:
    """Say what is wrong where a frame should stand."""
    if offset >= segment.size():
        return "the file ends early"
    stranger = Segment(segment.disk, segment.first).header_at(offset)
    if stranger is None:
        return "no whole frame stands here"
    if stranger.header.log_id != segment.log_id:
        return f"a frame of another log stands here ({stranger.header.log_id:016x})"
    return fault_of(segment, stranger) or "this frame does not follow the one before it"


def _damage(
    segment: Segment, what: str, offset: int, sequence: int, first: int, count: int | None
) -> Damage:
    return Damage(
        what=what,
        segment=segment.name,
        offset=offset,
        sequence=sequence,
        first=None if count is not None and count <= 0 else first,
        last=None if count is None or count <= 0 else first + count - 1,
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
}
