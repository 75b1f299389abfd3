"""Quarantine: the lines that were refused, and which of them an event has taken the place of."""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from crackle_stream.log.block import decode_rejections
from crackle_stream.log.frame import RESOLVES
from crackle_stream.log.reader import LogReader
from crackle_stream.log.segment import Place, Segment
from crackle_stream.source import Rejection

KEY_DIGITS: Final = 32

_Where: TypeAlias = tuple[int, int]
"""A frame: first position of its segment, offset in it."""


class Quarantined(Struct, frozen=True):
    """A line that was refused.

    Parameters
    ----------
    key
        By which it is named: stable, and the same for the same line at the same place.
    rejection
        The line, and why it was refused.
    resolved
        Whether a later append took its place.
    """

    key: str
    rejection: Rejection
    resolved: bool


def key_of(rejection: Rejection) -> str:
    """Name a refused line by its source, its place there and its bytes.

    Examples
    --------
    >>> key_of(Rejection(3, 40, "invalid_json", "…", None, b"no json", "7d4f…", "a.jsonl"))
    '4488675988f1dd4b0d39156b92a698f4'
    """
    name = (rejection.source, rejection.offset, rejection.line, rejection.sha256)
    return hashlib.sha256(msgspec.msgpack.encode(name)).hexdigest()[:KEY_DIGITS]


def quarantined(reader: LogReader) -> Iterator[Quarantined]:
    """Give all lines that were refused, in the order in which they were met.

    A pipe that is read twice may bring the same line to the same place again: it has the same
    key, and an append resolves the first of them that stands before it and is not resolved yet.
    What is held meanwhile are the keys that were resolved, not the lines.
    """
    resolving = _resolving(reader)
    for segment, place in _places(reader):
        if place.header.rejections:
            where = (segment.first, place.offset)
            for rejection in decode_rejections(segment.payload(place)):
                key = key_of(rejection)
                yield Quarantined(key, rejection, _is_resolved(resolving, key, where))


def resolved_keys(reader: LogReader) -> Iterator[tuple[_Where, str]]:
    """Give the keys that appends resolve; frames whose header tells of none are stepped over."""
    for segment, place in _places(reader):
        if place.header.flags & RESOLVES:
            for origin in segment.payload(place).origins:
                for key in origin.resolved:
                    yield (segment.first, place.offset), key


def _resolving(reader: LogReader) -> dict[str, deque[_Where]]:
    """Find for each key the frames that resolve it, in order."""
    resolving: defaultdict[str, deque[_Where]] = defaultdict(deque)
    for where, key in resolved_keys(reader):
        resolving[key].append(where)
    return dict(resolving)


def _is_resolved(resolving: dict[str, deque[_Where]], key: str, where: _Where) -> bool:
    """Use up the first resolution at or behind a refused line.

    One before it belongs to a line that was removed with its segment. (A block that was compacted
    holds both.)
    """
    frames = resolving.get(key)
    while frames:
        if frames.popleft() >= where:
            return True
    return False


def _places(reader: LogReader) -> Iterator[tuple[Segment, Place]]:
    for segment in reader.segments():
        for place in segment.places():
            yield segment, place
