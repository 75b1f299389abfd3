"""Whole frames wherever they stand in a segment, and what stands between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import Final

from msgspec import Struct

from crackle_stream.errors import LogDamagedError, LogFormatError
from crackle_stream.log.block import decode_blocks, decode_rejections
from crackle_stream.log.disk import storage_errors
from crackle_stream.log.files import decode_head
from crackle_stream.log.frame import BLOCK, HEAD, MAGIC, MARK
from crackle_stream.log.segment import Place, Segment

_CHUNK: Final = 1 << 20
_NEAR: Final = 256
"""Read first, where hostile bytes have magic everywhere: a chunk for each would never end."""
_LOOK_BACK: Final = 1_000


class Sighting(Struct, frozen=True):
    """A frame whose header is whole.

    Parameters
    ----------
    place
        Where it stands.
    fault
        What is wrong with its payload; empty where it is whole and can be read.
    """

    place: Place
    fault: str


def sight(segment: Segment, offset: int = 0) -> Iterator[Sighting]:
    """Give the frames of a segment from an offset on, found by their magic.

    Frames are looked for behind a frame, never inside it: a rejected line may hold bytes that look
    like one. Only where no header follows a broken frame is its length not believed.
    """
    size = segment.size()
    at: int | None = offset
    while at is not None and at < size:
        place = segment.header_at(at)
        if place is None:
            at = next_magic(segment, at + 1, size)
            continue
        fault = fault_of(segment, place)
        yield Sighting(place, fault)
        believed = not fault or place.end == size or segment.header_at(place.end) is not None
        at = place.end if believed else next_magic(segment, at + 1, size)


def fault_of(segment: Segment, place: Place) -> str:
    """Say what is wrong with a frame's payload; empty where it can be read."""
    try:
        if place.header.kind == BLOCK:
            payload = segment.payload(place)
            decode_rejections(payload)
            for _ in decode_blocks(payload, place.header):
                pass
        else:
            data = segment.checked_payload(place)
            if place.header.kind == HEAD:
                decode_head(data)
    except LogDamagedError:
        return "its payload has another CRC"
    except LogFormatError as error:
        return f"its payload cannot be read ({error.__cause__ or error})"
    return ""


def best_chain(places: Iterable[Place]) -> list[Place]:
    """Choose the frames of a segment that can have been written one after the other.

    Frames that continue each other exactly make runs; of the runs that fit behind one another,
    those that hold most are taken. So what is there twice, or left from another time, falls out.
    """
    runs = sorted(_runs(places), key=lambda run: (run[0].header.first, run[0].header.sequence))
    if not all(_follows(one[-1], other[0]) for one, other in pairwise(runs)):
        runs = _heaviest(runs)
    return list(chain.from_iterable(runs))


def _heaviest(runs: Sequence[list[Place]]) -> list[list[Place]]:
    """Choose, of runs in order, those that follow each other and weigh most together."""
    best: list[tuple[int, int]] = []  # what a choice that ends with this run weighs; the run before
    for i, run in enumerate(runs):
        near = range(max(i - _LOOK_BACK, 0), i)
        before = [(best[j][0], j) for j in near if _follows(runs[j][-1], run[0])]
        weight, last = max(before, default=(0, -1))
        best.append((weight + sum(1 + place.header.count for place in run), last))
    at = max(range(len(best)), key=lambda i: best[i][0])
    chosen: list[list[Place]] = []
    while at >= 0:
        chosen.append(runs[at])
        at = best[at][1]
    return chosen[::-1]


def continues(before: Place, place: Place) -> bool:
    """Whether a frame is the one that was written next."""
    return _key_after(before) == (place.header.sequence, place.header.first)


def _runs(places: Iterable[Place]) -> list[list[Place]]:
    runs: list[list[Place]] = []
    ends: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place in places:
        if place.header.kind == MARK:
            continue
        waiting = ends.get((place.header.sequence, place.header.first))
        if waiting:
            number = waiting.pop()
            runs[number].append(place)
        else:
            number = len(runs)
            runs.append([place])
        ends[_key_after(place)].append(number)
    return runs


def _key_after(place: Place) -> tuple[int, int]:
    return place.header.sequence + 1, place.header.first + place.header.count


def _follows(before: Place, place: Place) -> bool:
    sequence, first = _key_after(before)
    return place.header.sequence >= sequence and place.header.first >= first


def next_magic(segment: Segment, offset: int, size: int) -> int | None:
    """Find where a frame may begin, at an offset or behind it; None where there is none."""
    piece = _NEAR
    with storage_errors(f"reading {segment.where}"):
        while offset < size:
            found = segment.file.pread(piece, offset).find(MAGIC)
            if found >= 0:
                return offset + found
            offset += piece - len(MAGIC) + 1
            piece = min(4 * piece, _CHUNK)
    return None
