"""A stream of JSON lines as chunks of validated events."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import BinaryIO, TypeAlias

from msgspec import Struct

from crackle_stream.event import EventBatch
from crackle_stream.ingest.limits import Limits
from crackle_stream.ingest.lines import BOM, EXCERPT_BYTES, Block, read_blocks, read_past
from crackle_stream.ingest.mapped import MappedDecoder
from crackle_stream.ingest.mapping import FieldMapping, Understanding, understand
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
    """

    batch: EventBatch
    rejections: tuple[Rejection, ...]
    read: int
    position: SourcePosition


def read_chunks(
    stream: BinaryIO,
    source: str,
    *,
    mapping: FieldMapping = FieldMapping(),  # noqa: B008
    limits: Limits = Limits(),  # noqa: B008
    start: SourcePosition | None = None,
    chunk_bytes: int = 1 << 20,
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
        line shows.
    limits
        Sizes beyond which a line is rejected.
    start
        Where to go on. The stream stands at its beginning: what lies before is read and compared.
    chunk_bytes
        About how much is read at once.
    understood
        Called once, before the first chunk, with what the shape of the source was taken to be.

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
    for block in read_blocks(stream, begin, line_bytes=limits.line_bytes, block_bytes=chunk_bytes):
        if decoder is None:
            understanding = understand(_first_line(head or block.text), mapping)
            if understood is not None:
                understood(understanding)
            decoder = _decoder(understanding.mapping, limits)
        yield _decode(block, decoder)


def _first_line(text: bytes) -> bytes:
    return text.removeprefix(BOM).lstrip(b" \t\r\n").partition(b"\n")[0]


def _decoder(mapping: FieldMapping, limits: Limits) -> Decoder:
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
