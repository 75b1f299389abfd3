"""Compaction of a sealed segment: many small blocks become few, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from crackle_stream.event import ANONYMOUS, EventBatch, MetricMatrix
from crackle_stream.log.block import (
    decode_batch,
    decode_payload,
    decode_rejections,
    encode_block,
)
from crackle_stream.log.disk import Disk
from crackle_stream.log.files import in_chain, replace_segment
from crackle_stream.log.frame import HEADER_SIZE, PAYLOAD_LIMIT, Header
from crackle_stream.log.segment import Place, Segment

T = TypeVar("T")

MERGED_EVENTS: Final = 8_192
"""Blocks are merged while together they hold no more events than this."""


def compact(disk: Disk, segment: Segment) -> None:
    """Merge runs of small blocks of a sealed segment, where that makes at most half as many.

    Positions, source positions, rejections and arrivals stay what they were. The new file takes
    the old one's place at once; who has the old one open goes on reading it.
    """
    runs = list(_runs(segment))
    if 2 * len(runs) <= sum(len(run) for run in runs):
        replace_segment(disk, segment.name, _frames(segment, runs))


def merge_batches(batches: Sequence[EventBatch]) -> EventBatch:
    """Put batches one after the other; a column is there when one of them has it."""
    rows = [len(batch) for batch in batches]
    matrices, set_of, row_of = _merge_metrics(batches)
    return EventBatch(
        matrices=matrices,
        set_of=set_of,
        row_of=row_of,
        times=np.concatenate([batch.times for batch in batches]),
        labels=_join([batch.labels for batch in batches], rows, ANONYMOUS),
        ids=_join([batch.ids for batch in batches], rows, None),
        durations=_stack([batch.durations for batch in batches], rows, np.nan),
        outcomes=_stack([batch.outcomes for batch in batches], rows, 0),
        errors=_join([batch.errors for batch in batches], rows, None),
        attributes=_join([batch.attributes for batch in batches], rows, None),
        values=_join([batch.values for batch in batches], rows, None),
    )


def _runs(segment: Segment) -> Iterator[list[Place]]:
    """Give the blocks in runs that each become one block; parts of an append stay by themselves."""
    run: list[Place] = []
    events = size = 0
    apart = False
    for place in segment.places():
        apart = apart or place.header.continued
        events += place.header.count
        size += place.header.length
        if run and (apart or events > MERGED_EVENTS or size > PAYLOAD_LIMIT // 2):
            yield run
            run, events, size = [], place.header.count, place.header.length
        run.append(place)
        if apart:
            yield run
            run, events, size = [], 0, 0
        apart = place.header.continued
    if run:
        yield run


def _frames(segment: Segment, runs: Sequence[list[Place]]) -> Iterator[bytes]:
    """Give the frames of the new file; each says that all before it is durable, as it will be."""
    head, seal = segment.frame_at(0), segment.frame_at(segment.end - HEADER_SIZE)
    parts = chain(
        [(head.header, segment.checked_payload(head))],
        chain.from_iterable(_merged(segment, run) for run in runs),
        [(seal.header, b"")],
    )
    return in_chain(parts)


def _merged(segment: Segment, run: list[Place]) -> list[tuple[Header, bytes | memoryview]]:
    as_they_are: list[tuple[Header, bytes | memoryview]] = [
        (place.header, segment.checked_payload(place)) for place in run
    ]
    if len(run) == 1:
        return as_they_are
    payloads = [decode_payload(memoryview(data)) for _, data in as_they_are]
    block = encode_block(
        merge_batches([decode_batch(payload) for payload in payloads]),
        [rejection for payload in payloads for rejection in decode_rejections(payload)],
        [origin for payload in payloads for origin in payload.origins],
        [gap for payload in payloads for gap in payload.gaps],
    )
    # Text that a dictionary held once may be written out in the merged block.
    if len(block.data) - HEADER_SIZE > PAYLOAD_LIMIT:
        return as_they_are
    return [(block.header(run[0].header), memoryview(block.data)[HEADER_SIZE:])]


def _merge_metrics(
    batches: Sequence[EventBatch],
) -> tuple[tuple[MetricMatrix, ...], NDArray[np.uint32], NDArray[np.uint32]]:
    parts: dict[tuple[str, ...], list[NDArray[np.float64]]] = {}
    rows: dict[tuple[str, ...], int] = {}
    sets: list[NDArray[np.uint32]] = []
    ranks: list[NDArray[np.uint32]] = []
    for batch in batches:
        names = [matrix.names for matrix in batch.matrices]
        before = np.array([rows.get(name, 0) for name in names], np.uint32)
        for matrix in batch.matrices:
            parts.setdefault(matrix.names, []).append(matrix.values)
            rows[matrix.names] = rows.get(matrix.names, 0) + len(matrix.values)
        place = {name: i for i, name in enumerate(rows)}
        index = np.array([place[name] for name in names], np.uint32)
        sets.append(index[batch.set_of])
        ranks.append(batch.row_of + before[batch.set_of])
    matrices = tuple(
        MetricMatrix(names, np.asfortranarray(np.concatenate(values)))
        for names, values in parts.items()
    )
    return matrices, np.concatenate(sets), np.concatenate(ranks)


def _join(columns: Sequence[list[T] | None], rows: Sequence[int], absent: T) -> list[T] | None:
    if all(column is None for column in columns):
        return None
    filled = ([absent] * n if c is None else c for c, n in zip(columns, rows, strict=True))
    return list(chain.from_iterable(filled))


def _stack(
    columns: Sequence[NDArray[Any] | None], rows: Sequence[int], absent: float
) -> NDArray[Any] | None:
    kinds = [column.dtype for column in columns if column is not None]
    if not kinds:
        return None
    filled = (
        np.full(n, absent, kinds[0]) if c is None else c for c, n in zip(columns, rows, strict=True)
    )
    return np.concatenate(list(filled))
