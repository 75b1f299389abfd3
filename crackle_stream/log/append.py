"""What one append writes: its blocks, split where a frame would grow too large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import numpy as np

from crackle_stream.errors import UsageError
from crackle_stream.event import EventBatch
from crackle_stream.log.block import EncodedBlock, Origin, encode_block
from crackle_stream.log.frame import CONTINUED, HEADER_SIZE, PAYLOAD_LIMIT
from crackle_stream.source import Rejection, SourcePosition

BLOCK_EVENTS: Final = 16_384
"""Most events of a block."""


def encode_append(
    batch: EventBatch,
    rejections: Sequence[Rejection],
    position: SourcePosition | None,
    arrival: int,
    resolved: tuple[str, ...] = (),
) -> list[EncodedBlock]:
    """Encode an append; all blocks but the last are continued.

    The last has the source position, and the keys of the quarantined lines that are resolved.

    Raises
    ------
    UsageError
        When a single event does not fit into a frame.
    """
    blocks: list[EncodedBlock] = []
    pieces = list(_pieces(batch, rejections))
    while pieces:
        rows, refused = pieces.pop(0)
        origin = Origin(len(rows), arrival)
        if not pieces:
            origin = Origin(len(rows), arrival, position, resolved)
        block = encode_block(rows, refused, [origin])
        if len(block.data) - HEADER_SIZE <= PAYLOAD_LIMIT:
            blocks.append(_continued(block) if pieces else block)
        else:
            pieces[:0] = _halves(rows, refused)
    return blocks


def _continued(block: EncodedBlock) -> EncodedBlock:
    summary = msgspec.structs.replace(block.summary, flags=block.summary.flags | CONTINUED)
    return msgspec.structs.replace(block, summary=summary)


def _pieces(
    batch: EventBatch, rejections: Sequence[Rejection]
) -> Iterator[tuple[EventBatch, Sequence[Rejection]]]:
    count = max(len(batch), len(rejections))
    if count <= BLOCK_EVENTS:
        yield batch, rejections
        return
    for start in range(0, count, BLOCK_EVENTS):
        stop = start + BLOCK_EVENTS
        yield _rows(batch, start, stop), rejections[start:stop]


def _halves(
    batch: EventBatch, rejections: Sequence[Rejection]
) -> list[tuple[EventBatch, Sequence[Rejection]]]:
    if len(batch) < 2 and len(rejections) < 2:
        raise UsageError(
            f"an event with its source position needs more than {PAYLOAD_LIMIT >> 20} MiB: "
            "report less in it"
        )
    row, line = (len(batch) + 1) // 2, (len(rejections) + 1) // 2
    return [
        (_rows(batch, 0, row), rejections[:line]),
        (_rows(batch, row, len(batch)), rejections[line:]),
    ]


def _rows(batch: EventBatch, start: int, stop: int) -> EventBatch:
    return batch.take(np.arange(min(start, len(batch)), min(stop, len(batch))))
