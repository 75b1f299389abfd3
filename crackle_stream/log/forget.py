"""Forgetting: segments written anew without the tasks of some labels, for those who must delete."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase, translate
from itertools import chain
from typing import Protocol

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from crackle_stream.errors import LogError
from crackle_stream.event import ANONYMOUS, EventBatch
from crackle_stream.log.block import (
    Payload,
    decode_batch,
    decode_rejections,
    encode_block,
)
from crackle_stream.log.disk import Disk, storage_errors
from crackle_stream.log.files import in_chain, replace_segment
from crackle_stream.log.frame import CLOSE, CONTINUED, HEADER_SIZE, PAYLOAD_LIMIT, SEAL, Header
from crackle_stream.log.gap import Gap, join, stretches
from crackle_stream.log.maintenance import maintained, seal_last
from crackle_stream.log.reader import LogReader
from crackle_stream.log.recovery import TORN
from crackle_stream.log.segment import Place, Segment
from crackle_stream.source import Rejection


class Forgotten(Struct, frozen=True, kw_only=True):
    """What was forgotten, or would be.

    Parameters
    ----------
    events
        Tasks whose label matched.
    rejections
        Refused lines whose excerpt was blanked, as it may be of such a task.
    segments
        How many were written anew.
    torn
        Files of cut-off bytes that were removed, since they may hold such tasks.
    positions
        Of the events, as first position and number.
    """

    events: int = 0
    rejections: int = 0
    segments: int = 0
    torn: int = 0
    positions: tuple[tuple[int, int], ...] = ()


class Choice(Protocol):
    """What is to be forgotten."""

    columns: frozenset[str]
    """Columns that must be decoded to choose."""

    def rows(self, batch: EventBatch) -> NDArray[np.bool_]:
        """Tell of each event whether it is meant."""

    def line(self, rejection: Rejection) -> bool:
        """Tell whether a refused line is to lose its text."""


class Labels:
    """Forget the tasks whose labels match.

    Parameters
    ----------
    globs
        Shell patterns, as of `--group-by`; a label that matches one of them is meant.

    Examples
    --------
    >>> labels = Labels(["user-1*"])
    >>> labels.match("user-17"), labels.match("a user-17"), labels.stand_in(b"a user-17")
    (True, False, True)
    """

    columns = frozenset({"labels"})

    def __init__(self, globs: Sequence[str]) -> None:
        self._globs = tuple(globs)
        inner = (translate(glob).removesuffix(r"\Z") for glob in globs)
        self._anywhere = re.compile("|".join(inner))

    def match(self, label: str) -> bool:
        """Whether a label is meant."""
        return any(fnmatchcase(label, glob) for glob in self._globs)

    def rows(self, batch: EventBatch) -> NDArray[np.bool_]:
        """Tell of each event whether it is meant."""
        if batch.labels is None:
            return np.full(len(batch), self.match(ANONYMOUS))
        known = {label: self.match(label) for label in set(batch.labels)}
        return np.array([known[label] for label in batch.labels], np.bool_)

    def line(self, rejection: Rejection) -> bool:
        """Tell whether what is kept of a refused line may be about a task that is meant.

        It may where such a label stands in it, and where a part only is kept: the label may
        stand in the rest.
        """
        texts = (rejection.excerpt, rejection.detail.encode(), (rejection.path or "").encode())
        return _is_part(rejection) or any(text and self.stand_in(text) for text in texts)

    def stand_in(self, text: bytes) -> bool:
        """Whether a label that is meant may stand in a text, plain or as a JSON string."""
        plain = text.decode("utf-8", "replace")
        return any(self._anywhere.search(words) for words in (plain, _unescaped(plain)))


def forget(disk: Disk, choice: Choice, now: int, *, dry_run: bool = False) -> Forgotten:
    """Write every segment that holds such events anew without them; needs the log's lock.

    Their positions become gaps. A crash leaves each segment as it was or as it is to be, and
    forgetting again finishes the work.

    Parameters
    ----------
    disk
        Where the log lives.
    choice
        Which events, and which refused lines lose their text.
    now
        When, as the gaps will say.
    dry_run
        Only tell what would be forgotten.

    Raises
    ------
    LogDamagedError
        When what there is cannot be read; what was rewritten before stays so.
    """
    if dry_run:
        return _forget_all(LogReader(disk), choice, now, dry_run=True)
    with maintained(disk) as reader:
        if _forget_all(reader, choice, now, dry_run=True) != Forgotten():
            seal_last(reader)
        return _forget_all(reader, choice, now, dry_run=False)


def _forget_all(reader: LogReader, choice: Choice, now: int, *, dry_run: bool) -> Forgotten:
    total = Forgotten()
    for segment in reader.segments():
        found = _look(segment, choice)
        if found.segments and not dry_run:
            replace_segment(reader.disk, segment.name, _frames(segment, choice, now))
        total = _sum(total, found)
    return replace(total, torn=_remove_torn(reader.disk, dry_run=dry_run))


def _sum(one: Forgotten, other: Forgotten) -> Forgotten:
    return Forgotten(
        events=one.events + other.events,
        rejections=one.rejections + other.rejections,
        segments=one.segments + other.segments,
        positions=one.positions + other.positions,
    )


def _look(segment: Segment, choice: Choice) -> Forgotten:
    """Find what a segment holds of what is to be forgotten."""
    gaps: list[Gap] = []
    lines = 0
    for place in segment.places():
        payload = segment.payload(place)
        gaps += _new_gaps(payload, place.header, choice, 0)
        lines += sum(choice.line(rejection) for rejection in decode_rejections(payload))
    return Forgotten(
        events=sum(gap.count for gap in gaps),
        rejections=lines,
        segments=int(bool(gaps or lines)),
        positions=tuple((gap.start, gap.count) for gap in join(gaps)),
    )


def _frames(segment: Segment, choice: Choice, now: int) -> Iterator[bytes]:
    """Give the frames of the new file, which ends sealed as the old one, or closed in order."""
    head = segment.frame_at(0)
    blocks = (_without(segment, place, choice, now) for place in segment.places())
    last = segment.frame_at(segment.end - HEADER_SIZE).header if segment.sealed else None
    end = Header(
        kind=CLOSE if last is None else SEAL,
        log_id=head.header.log_id,
        sequence=0,
        first=segment.next,
        durable=0,
        arrival=now if last is None else last.arrival,
    )
    return in_chain(chain([(head.header, segment.checked_payload(head))], blocks, [(end, b"")]))


def _without(
    segment: Segment, place: Place, choice: Choice, now: int
) -> tuple[Header, bytes | memoryview]:
    """Give a block without the events and texts that are to be forgotten."""
    header, payload = place.header, segment.payload(place)
    rejections = decode_rejections(payload)
    gone = _new_gaps(payload, header, choice, now)
    if not gone and not any(choice.line(rejection) for rejection in rejections):
        return header, segment.checked_payload(place)
    batch = decode_batch(payload)
    block = encode_block(
        batch.take(np.flatnonzero(~choice.rows(batch))),
        [_blanked(r) if choice.line(r) else r for r in rejections],
        payload.origins,
        join([*payload.gaps, *gone]),
    )
    placed = block.header(header)
    if placed.length > PAYLOAD_LIMIT:
        raise LogError(f"{segment.where}: what is left of the block at {place.offset} is too large")
    flags = placed.flags | header.flags & CONTINUED
    return replace(placed, flags=flags), memoryview(block.data)[HEADER_SIZE:]


def _new_gaps(payload: Payload, header: Header, choice: Choice, now: int) -> list[Gap]:
    """Give the gaps that the events to be forgotten leave."""
    meant = choice.rows(decode_batch(payload, choice.columns))
    if not meant.any():
        return []
    positions = _positions(payload, header)[meant]
    return join(Gap(position, 1, "forgotten", now) for position in positions.tolist())


def _positions(payload: Payload, header: Header) -> NDArray[np.int64]:
    runs = stretches(header.first, header.first + header.count, payload.gaps)
    return np.concatenate([np.arange(first, first + count) for first, count in runs])


def _blanked(rejection: Rejection) -> Rejection:
    """Give a refused line without its text, so that forgetting again finds nothing in it."""
    return replace(rejection, excerpt=b"", detail="", path=None)


def _is_part(rejection: Rejection) -> bool:
    kept = rejection.excerpt
    return bool(kept) and hashlib.sha256(kept).hexdigest() != rejection.sha256


def _unescaped(text: str) -> str:
    """Give the JSON strings in a text as what they stand for, one a line."""
    return "\n".join(_string(token) for token in _JSON_STRING.findall(text))


_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _string(token: str) -> str:
    try:
        return str(json.loads(token, strict=False))
    except ValueError:
        return token


def _remove_torn(disk: Disk, *, dry_run: bool) -> int:
    """Remove the bytes that recovery once kept aside; give how many files of them there were."""
    with storage_errors(f"removing {disk.path}/{TORN}"):
        names = disk.names(TORN) if TORN in disk.names() else []
        if names and not dry_run:
            for name in names:
                disk.unlink(f"{TORN}/{name}")
            disk.fsync_directory(TORN)
    return len(names)
