"""A stream of JSON lines as chunks of validated events."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import BinaryIO, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from crackle_stream.event import EventBatch
from crackle_stream.ingest.limits import Limits
from crackle_stream.ingest.lines import (
    EXCERPT_BYTES,
    Block,
    cut_block,
    read_blocks,
    read_past,
)
from crackle_stream.ingest.mapped import MappedDecoder
from crackle_stream.ingest.mapping import FieldMapping, Understanding, first_record, understand
from crackle_stream.ingest.native import NativeDecoder
from crackle_stream.source import Rejection, SourcePosition

Decoder: TypeAlias = NativeDecoder | MappedDecoder


class Chunk(Struct, frozen=True):
    """Events that were read together, and the lines among them that were none.

    Parameters
    ----------
    batch, rejections
        Both in the order of the lines.
    read
        How many lines these are; blank ones are not counted.
    position
        The source's position behind them.
    stopped
        The line behind them that was one too many to reject; it is not counted as read.
    """

    batch: EventBatch
    rejections: tuple[Rejection, ...]
    read: int
    position: SourcePosition
    stopped: Rejection | None = None


def read_chunks(
    stream: BinaryIO,
    source: str,
    *,
    mapping: FieldMapping = FieldMapping(),  # noqa: B008
    limits: Limits = Limits(),  # noqa: B008
    start: SourcePosition | None = None,
    chunk_bytes: int = 1 << 20,
    most_rejects: int | None = None,
    understood: Callable[[Understanding], None] | None = None,
) -> Iterator[Chunk]:
    r"""Read a stream of JSON lines as events.

    Parameters
    ----------
    stream
        Read as far as bytes have arrived (``read1`` where it has one), so that the lines of a slow
        producer are given at once.
    source
        Its name in positions.
    mapping
        Where to find what, for lines that are no events yet; `understand` adds what the first
        line shows that is an object.
    limits
        Sizes beyond which a line is rejected.
    start
        Where to go on. The stream stands at its beginning: what lies before is read and compared.
    chunk_bytes
        About how much is read at once.
    most_rejects
        How many lines may be rejected; reading stops before the next one.
    understood
        Called once, before the first chunk that holds an object, with what the shape of the source
        was taken to be.

    Raises
    ------
    StorageError
        When the stream cannot be read.
    InputRejectedError
        When ``start`` is given and the bytes before it are others than then.

    Examples
    --------
    >>> import io
    >>> stream = io.BytesIO(b'{"metrics": {"seconds": 1.5}}\n{"metrics": {"seconds": NaN}}\n')
    >>> [(chunk.read, len(chunk.batch)) for chunk in read_chunks(stream, "example")]
    [(2, 1)]
    """
    head = b"" if start is None else read_past(stream, start)
    begin = start or SourcePosition(source, 0, 0, 0)
    decoder: Decoder | None = None
    rejected = 0
    for block in read_blocks(stream, begin, line_bytes=limits.line_bytes, block_bytes=chunk_bytes):
        if decoder is None:
            record = first_record(head) or first_record(block.text)
            understanding = understand(record, mapping)
            reader = decoder_for(understanding.mapping, limits)
        if decoder is None and record:
            decoder = reader
            if understood is not None:
                understood(understanding)
        chunk = _decode(block, reader)
        rejected += len(chunk.rejections)
        if most_rejects is not None and rejected > most_rejects:
            stopped = chunk.rejections[most_rejects - rejected]
            before = _decode(cut_block(block, begin, stopped.offset), reader)
            yield replace(before, stopped=stopped)
            return
        yield chunk
        begin = block.end


def decoder_for(mapping: FieldMapping, limits: Limits) -> Decoder:
    """Give what reads lines of a known shape."""
    if mapping == FieldMapping():
        return NativeDecoder(limits)
    return MappedDecoder(mapping, limits)


def _decode(block: Block, decoder: Decoder) -> Chunk:
    batch, failed = decoder.decode(block.text)
    rejections = tuple(_reject(block, failed, decoder)) if failed else ()
    if block.overlong is not None:
        rejections = (block.overlong,)
    return Chunk(batch, rejections, len(batch) + len(rejections), block.end)


def _reject(block: Block, failed: list[int], decoder: Decoder) -> Iterator[Rejection]:
    lines = block.text.split(b"\n")
    offsets = list(accumulate((len(line) + 1 for line in lines), initial=block.offset))
    for place in failed:
        line, flaw = lines[place], decoder.diagnose(lines[place])
        yield Rejection(
            line=block.line + place,
            offset=offsets[place],
            reason=flaw.reason,
            detail=flaw.detail,
            path=flaw.path,
            excerpt=line[:EXCERPT_BYTES],
            sha256=hashlib.sha256(line).hexdigest(),
            source=block.end.source,
        )
