"""Blocks: the events of one frame in columns, with source position and rejections beside them."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Any, Final, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta, Raw, Struct
from numpy.typing import NDArray

from crackle_stream.errors import LogFormatError
from crackle_stream.event import EventBatch, MetricMatrix, Scalar
from crackle_stream.log.column import (
    Array,
    Codes,
    Deltas,
    Dictionary,
    ItemList,
    array_bytes,
    decode_array,
    decode_codes,
    decode_list,
    decode_text,
    decode_times,
    encode_codes,
    encode_list,
    encode_text,
    encode_times,
)
from crackle_stream.log.frame import (
    ALL_TIMED,
    GAPPED,
    HEADER_SIZE,
    PLAIN,
    RESOLVES,
    RISING,
    Header,
    Summary,
)
from crackle_stream.log.gap import Gap, are_sound, stretches
from crackle_stream.log.sound import MOST_EVENTS, check_batch
from crackle_stream.source import Rejection, SourcePosition
from crackle_stream.timestamp import NO_TIME

COLUMNS: Final = frozenset(
    {"labels", "ids", "durations", "outcomes", "errors", "attributes", "values"}
)
"""Columns that a reader may leave out."""

_NO_REJECTIONS: Final = Raw(msgspec.msgpack.encode([]))

_UNREADABLE: Final = (
    msgspec.MsgspecError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RecursionError,
)
"""What decoding raises on bytes that nobody wrote so."""


class Block(Struct, frozen=True):
    """Consecutive events of a log.

    Parameters
    ----------
    first
        Log position of the first one.
    batch
        The events. Their arrays are read-only views of the frame, not aligned: numpy may sum such
        an array in another order than an aligned copy of it.
    """

    first: int
    batch: EventBatch


Moment: TypeAlias = Annotated[int, Meta(le=2**63 - 1)]


class Origin(Struct, frozen=True, array_like=True):
    """What one append brought to a block.

    Parameters
    ----------
    events
        How many of the block's positions.
    arrival
        When, in nanoseconds since 1970 UTC.
    position
        The source position that passes these events; None where the source gave none.
    resolved
        Keys of the quarantined lines that these events take the place of.
    """

    events: int
    arrival: Moment
    position: SourcePosition | None = None
    resolved: tuple[str, ...] = ()


class Matrix(Struct, frozen=True, array_like=True, tag="matrix"):
    """The float64 numbers of one set of metrics, column after column."""

    names: tuple[str, ...]
    rows: int
    data: memoryview


class Payload(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a block's frame holds, encoded; `count` are the events that are there."""

    count: int
    matrices: tuple[Matrix, ...] = ()
    sets: Codes | None = None
    times: Deltas | None = None
    labels: ItemList | Dictionary | None = None
    ids: ItemList | None = None
    durations: Array | None = None
    outcomes: Array | None = None
    errors: ItemList | None = None
    attributes: ItemList | None = None
    values: ItemList | None = None
    origins: tuple[Origin, ...] = ()
    rejections: Raw = _NO_REJECTIONS
    gaps: tuple[Gap, ...] = ()


class EncodedBlock(Struct, frozen=True):
    """A block ready to be written: room for the header, then the payload."""

    summary: Summary
    data: bytearray
    crc: int

    def header(self, frame: Header) -> Header:
        """Give the frame's header with what there is to tell of this block."""
        return msgspec.structs.replace(
            frame,
            **msgspec.structs.asdict(self.summary),
            length=len(self.data) - HEADER_SIZE,
            payload_crc=self.crc,
        )


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Payload)
_rejections_decoder = msgspec.msgpack.Decoder(tuple[Rejection, ...])


def encode_block(
    batch: EventBatch,
    rejections: Sequence[Rejection],
    origins: Sequence[Origin],
    gaps: Sequence[Gap] = (),
) -> EncodedBlock:
    """Put events into the bytes of a frame, which still lacks its header.

    Parameters
    ----------
    batch, rejections, origins
        What the block holds.
    gaps
        Where positions of the block have no event; the batch has the events of the others.
    """
    data = bytearray()
    payload = _payload(_in_rank_order(batch), rejections, origins, gaps)
    _encoder.encode_into(payload, data, HEADER_SIZE)
    crc = zlib.crc32(memoryview(data)[HEADER_SIZE:])
    return EncodedBlock(_summarise(batch, len(rejections), origins, gaps), data, crc)


def decode_payload(data: memoryview) -> Payload:
    """Read a payload's outline; columns stay encoded views of the data.

    Raises
    ------
    LogFormatError
        When it is whole but holds an encoding that this version does not know.
    """
    try:
        return _decoder.decode(data)
    except _UNREADABLE as error:
        raise LogFormatError(
            f"a block cannot be read by this version ({error}); install a newer crackle-stream"
        ) from error


def decode_rejections(payload: Payload) -> tuple[Rejection, ...]:
    """Read the rejections of a block; see `decode_batch`."""
    try:
        return _rejections_decoder.decode(payload.rejections)
    except _UNREADABLE as error:
        raise LogFormatError(f"the rejections of a block cannot be read: {error}") from error


def decode_batch(payload: Payload, columns: Collection[str] = COLUMNS) -> EventBatch:
    """Read the events of a block: metrics and times, and of the other columns those asked for.

    Raises
    ------
    LogFormatError
        When its columns are not what they should be.
    """
    try:
        batch = _decode_batch(payload, columns)
        check_batch(batch, payload.count)
    except _UNREADABLE as error:
        raise LogFormatError(f"the columns of a block cannot be read: {error}") from error
    return batch


def _decode_batch(payload: Payload, columns: Collection[str]) -> EventBatch:
    if not 0 <= payload.count <= MOST_EVENTS:
        raise ValueError(f"{payload.count} events where at most {MOST_EVENTS} are read")
    set_of, row_of = _row_map(payload)
    wanted = {name: _read(payload, name) for name in COLUMNS.intersection(columns)}
    return EventBatch(
        matrices=tuple(_read_matrix(matrix) for matrix in payload.matrices),
        set_of=set_of,
        row_of=row_of,
        times=decode_times(payload.times, payload.count),
        **wanted,
    )


def decode_blocks(
    payload: Payload, header: Header, columns: Collection[str] = COLUMNS
) -> Iterator[Block]:
    """Read the events of a frame: one block for each stretch of positions between gaps.

    Raises
    ------
    LogFormatError
        When what is in the payload does not fit together.
    """
    batch = decode_batch(payload, columns)
    if not payload.gaps:
        yield Block(header.first, batch)
        return
    row = 0
    for first, count in stretches(header.first, header.first + header.count, payload.gaps):
        yield Block(first, batch.take(np.arange(row, row + count)))
        row += count


def check_payload(payload: Payload, header: Header) -> None:
    """Raise LogFormatError when a payload has other positions than its header."""
    missing = sum(gap.count for gap in payload.gaps)
    sound = are_sound(header.first, header.first + header.count, payload.gaps)
    told = header.encoding == GAPPED or not payload.gaps
    if payload.count + missing != header.count or not sound or not told:
        raise LogFormatError(
            f"a block of {header.count} positions holds {payload.count} events and "
            f"{missing} in gaps, which do not fit together"
        )


def _payload(
    batch: EventBatch,
    rejections: Sequence[Rejection],
    origins: Sequence[Origin],
    gaps: Sequence[Gap],
) -> Payload:
    return Payload(
        count=len(batch),
        matrices=tuple(
            Matrix(m.names, len(m.values), array_bytes(m.values.T)) for m in batch.matrices
        ),
        sets=None if len(batch.matrices) < 2 else encode_codes(batch.set_of),
        times=encode_times(batch.times),
        labels=None if batch.labels is None else encode_text(batch.labels),
        ids=_list(batch.ids),
        durations=None if batch.durations is None else Array(array_bytes(batch.durations)),
        outcomes=None if batch.outcomes is None else Array(array_bytes(batch.outcomes)),
        errors=_list(batch.errors),
        attributes=_list(batch.attributes),
        values=_list(batch.values),
        origins=tuple(origins),
        rejections=Raw(_encoder.encode(rejections)) if rejections else _NO_REJECTIONS,
        gaps=tuple(gaps),
    )


def _list(items: list[Any] | None) -> ItemList | None:
    return None if items is None else encode_list(items)


def _in_rank_order(batch: EventBatch) -> EventBatch:
    """Give the batch with matrices whose rows stand in the order of the events, none unused.

    So the row map need not be stored: the k-th event of a set is row k.
    """
    rows = sum(len(matrix.values) for matrix in batch.matrices)
    if rows == len(batch) and np.array_equal(batch.row_of, _ranks(batch.set_of)):
        return batch
    return batch.take(np.arange(len(batch)))


def _ranks(set_of: NDArray[np.uint32]) -> NDArray[np.uint32]:
    if not set_of.any():
        return np.arange(len(set_of), dtype=np.uint32)
    order = np.argsort(set_of, kind="stable")
    starts = np.searchsorted(set_of[order], set_of)
    ranks = np.empty(len(set_of), np.uint32)
    ranks[order] = np.arange(len(set_of), dtype=np.uint32)
    return ranks - starts.astype(np.uint32)


def _row_map(payload: Payload) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    if payload.sets is None:
        set_of = np.zeros(payload.count, np.uint32)
    else:
        set_of = decode_codes(payload.sets.width, payload.sets.data)
    return set_of, _ranks(set_of)


def _read_matrix(matrix: Matrix) -> MetricMatrix:
    numbers = np.frombuffer(matrix.data, "<f8")
    if matrix.rows < 0:  # to numpy, as many as there are
        raise ValueError(f"a matrix of {matrix.rows} rows")
    return MetricMatrix(matrix.names, numbers.reshape(len(matrix.names), matrix.rows).T)


def _read(payload: Payload, name: str) -> Any:
    match name:
        case "labels":
            return decode_text(payload.labels)
        case "durations":
            return decode_array(payload.durations, "<f8")
        case "outcomes":
            return decode_array(payload.outcomes, "<u1")
        case "attributes":
            return decode_list(payload.attributes, list[dict[str, Scalar] | None])
        case "values":
            return decode_list(payload.values, list[bytes | None])
        case _:
            return decode_list(getattr(payload, name), list[str | None])


def _summarise(
    batch: EventBatch, rejections: int, origins: Sequence[Origin], gaps: Sequence[Gap]
) -> Summary:
    times = batch.times
    known = times[times != NO_TIME]
    flags = ALL_TIMED if len(known) == len(times) else 0
    if bool((times[1:] >= times[:-1]).all()):
        flags |= RISING
    if any(origin.resolved for origin in origins):
        flags |= RESOLVES
    return Summary(
        count=len(batch) + sum(gap.count for gap in gaps),
        rejections=rejections,
        flags=flags,
        arrival=origins[0].arrival if origins else 0,
        earliest=int(known.min()) if len(known) else NO_TIME,
        latest=int(known.max()) if len(known) else NO_TIME,
        encoding=GAPPED if gaps else PLAIN,
    )
