"""A stream of JSON lines as chunks of validated events."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Set
from itertools import accumulate
from typing import BinaryIO, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from crackle_stream.event import EventBatch
from crackle_stream.ingest.diagnosis import Flaw
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
    unfinished
        The last line of the source, which has no end yet and is no event; it is not counted.
    block
        The lines themselves.
    """

    batch: EventBatch
    rejections: tuple[Rejection, ...]
    read: int
    position: SourcePosition
    stopped: Rejection | None = None
    unfinished: Rejection | None = None
    block: Block | None = None

    def refuse(self, flaws: Mapping[int, Flaw]) -> tuple[Rejection, ...]:
        """Give the rejections with rows of the batch among them that have a flaw after all."""
        if self.block is None or not flaws:
            return self.rejections
        refused = {rejection.line for rejection in self.rejections}
        lines = enumerate(self.block.text.split(b"\n"), self.block.line)
        taken = [line - self.block.line for line, text in lines if text.strip(b" \t\r")]
        taken = [place for place in taken if self.block.line + place not in refused]
        late = _reject(self.block, {taken[row]: flaw for row, flaw in flaws.items()})
        return tuple(sorted((*self.rejections, *late), key=lambda rejection: rejection.line))


def read_chunks(
    stream: BinaryIO,
    source: str,
    *,
    mapping: FieldMapping = FieldMapping(),  # noqa: B008
    limits: Limits = Limits(),  # noqa: B008
    start: SourcePosition | None = None,
    chunk_bytes: int = 1 << 20,
    most_rejects: int | None = None,
    growing: bool = False,
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
    growing
        A last line without an end that is no event is left for the next time: more of it may come.
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
            texts = (head, block.text)
            records = (first_record(text, limits.line_bytes) for text in texts)
            record = next(filter(None, records), b"")
            understanding = understand(record, mapping)
            reader = decoder_for(understanding.mapping, limits)
        if decoder is None and record:
            decoder = reader
            if understood is not None:
                understood(understanding)
        chunk = _decode(block, reader)
        unfinished = _unfinished(chunk) if growing else None
        if unfinished is not None:
            chunk = _decode(cut_block(block, begin, unfinished.offset), reader)
            chunk = replace(chunk, unfinished=unfinished)
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
    if block.overlong is not None:
        return Chunk(batch, (block.overlong,), 1, block.end)
    rejections: tuple[Rejection, ...] = ()
    if failed:
        lines = block.text.split(b"\n")
        rejections = tuple(_reject(block, {p: decoder.diagnose(lines[p]) for p in failed}))
    read = _count(block, set(failed), len(batch) + len(rejections))
    return Chunk(batch, rejections, read, block.end, block=block)


def _count(block: Block, failed: Set[int], expected: int) -> int:
    """Count the lines that are not blank, whatever became of them: the accounts rest on it.

    A blank line that is too long counts too. Where there are just as many lines as expected, none
    is blank, and none is looked at.
    """
    ended = block.text.endswith(b"\n")
    if block.end.line - block.line + (1 if ended else 2) == expected:
        return expected
    lines = enumerate(block.text.split(b"\n"))
    return sum(1 for place, line in lines if line.strip(b" \t\r") or place in failed)


def _unfinished(chunk: Chunk) -> Rejection | None:
    """Give the last line when it was rejected and has no end."""
    if not chunk.rejections:
        return None
    last = chunk.rejections[-1]
    return last if last.line > chunk.position.line else None


def _reject(block: Block, flaws: Mapping[int, Flaw]) -> Iterator[Rejection]:
    lines = block.text.split(b"\n")
    offsets = list(accumulate((len(line) + 1 for line in lines), initial=block.offset))
    for place, flaw in flaws.items():
        line = lines[place]
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
