"""Bytes of a stream as blocks of whole lines, each with its place."""

from __future__ import annotations

import hashlib
import select
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

import numpy as np
from msgspec import Struct

from crackle_stream.errors import InputRejectedError, StorageError
from crackle_stream.source import Rejection, SourcePosition

EXCERPT_BYTES: Final = 4_096
BOM: Final = b"\xef\xbb\xbf"
_LEAST_READ: Final = 1 << 16


class Block(Struct, frozen=True):
    """Some whole lines, or one that was too long to be held.

    Parameters
    ----------
    text
        The lines with their newlines; only the last one of a stream may lack it.
    offset, line
        Byte at which the text begins; number of its first line, from 1.
    overlong
        The line that takes the place of a text; it was read past and hashed, not kept.
    end
        The position behind the block.
    """

    text: bytes
    offset: int
    line: int
    overlong: Rejection | None
    end: SourcePosition


def read_blocks(
    stream: BinaryIO, start: SourcePosition, *, line_bytes: int, block_bytes: int
) -> Iterator[Block]:
    """Give the lines of a stream as they arrive, in blocks of about ``block_bytes`` at most.

    A read that would wait is not made while whole lines are there to be given. A line of more
    than ``line_bytes`` costs no more memory than that.

    Parameters
    ----------
    stream
        Stands at ``start``.

    Raises
    ------
    StorageError
        When the stream cannot be read.
    """
    reader = _Reader(stream, start)
    held = b""
    data = reader.read(block_bytes)
    while data:
        end = data.rfind(b"\n") + 1
        if end:
            yield reader.block(b"".join((held, memoryview(data)[:end])))
        held = data[end:] if end else held + data
        data = b""
        if len(held) - reader.mark(held) > line_bytes:
            overlong, data = reader.skip_line(held, line_bytes)
            yield overlong
            held = b""
        data = data or reader.read(max(block_bytes - len(held), _LEAST_READ))
    if held:
        yield reader.block(held)


def read_past(stream: BinaryIO, start: SourcePosition) -> bytes:
    """Read a stream up to a position, checking that it holds what it held then.

    Returns
    -------
    bytes
        What the stream begins with: up to 64 KiB.

    Raises
    ------
    InputRejectedError
        When the bytes before the position are not those that were read then.
    """
    reader = _Reader(stream, SourcePosition(start.source, 0, 0, 0))
    head, crc, left = b"", 0, start.offset
    while left and (data := reader.read(min(left, 1 << 20))):
        head = head or data[:_LEAST_READ]
        crc, left = zlib.crc32(data, crc), left - len(data)
    if left or crc != start.crc:
        raise InputRejectedError(
            f"{start.source} changed: its first {start.offset} bytes are not those that were read "
            "before; restore it, or name it anew with --source to take it from the beginning"
        )
    return head


def cut_block(block: Block, start: SourcePosition, offset: int) -> Block:
    """Give what of a block, which begins at ``start``, stands before a byte of the stream."""
    text = block.text[: max(offset - block.offset, 0)]
    begun = BOM + text if block.offset > start.offset else text
    return Block(text, block.offset, block.line, None, _behind(start, begun) if text else start)


class _Reader:
    """A stream with the position up to which its bytes were given away."""

    def __init__(self, stream: BinaryIO, start: SourcePosition) -> None:
        self._read_arrived: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._descriptor = _descriptor_of(stream)
        self._at = start

    def read(self, size: int) -> bytes:
        """Give what has arrived, at most ``size`` bytes; nothing at the end."""
        try:
            data = more = self._read_arrived(size)
            # A pipe gives 64 KiB at a time, which is little for a block.
            while more and len(data) < size and self._has_more():
                more = self._read_arrived(size - len(data))
                data += more
        except OSError as error:
            raise StorageError(
                f"reading {self._at.source} failed behind byte {self._at.offset}: {error}"
            ) from error
        return data

    def _has_more(self) -> bool:
        descriptor = self._descriptor
        return descriptor is not None and bool(select.select([descriptor], [], [], 0)[0])

    def block(self, text: bytes) -> Block:
        start, self._at, mark = self._at, _behind(self._at, text), self.mark(text)
        return Block(text[mark:], start.offset + mark, start.line + 1, None, self._at)

    def mark(self, text: bytes) -> int:
        """Count the bytes of the mark that the text, which stands here, begins with."""
        return len(BOM) if not self._at.offset and text.startswith(BOM) else 0

    def skip_line(self, head: bytes, line_bytes: int) -> tuple[Block, bytes]:
        """Read to the end of a line that is too long; give also what came behind it."""
        mark = self.mark(head)
        start, digest, size = self._at, hashlib.sha256(), 0
        excerpt, crc = b"", zlib.crc32(head[:mark], start.crc)
        part, newline, rest = head[mark:], b"", b""
        while part and not newline:
            line, newline, rest = part.partition(b"\n")
            digest.update(line)
            excerpt += line[: EXCERPT_BYTES - len(excerpt)]
            size += len(line)
            crc = zlib.crc32(line + newline, crc)
            part = b"" if newline else self.read(1 << 20)
        begin = start.offset + mark
        end = begin + size + len(newline)
        self._at = SourcePosition(start.source, end, start.line + len(newline), crc)
        overlong = Rejection(
            line=start.line + 1,
            offset=begin,
            reason="line_too_long",
            detail=f"a line of {size} bytes: at most {line_bytes} are read",
            path=None,
            excerpt=excerpt,
            sha256=digest.hexdigest(),
            source=start.source,
        )
        return Block(b"", begin, start.line + 1, overlong, self._at), rest


def _descriptor_of(stream: BinaryIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, AttributeError):
        return None


def _behind(position: SourcePosition, text: bytes) -> SourcePosition:
    """Move a position past a text; a last line without an end is not behind it yet."""
    lines = int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord("\n")))
    return SourcePosition(
        position.source,
        position.offset + len(text),
        position.line + lines,
        zlib.crc32(text, position.crc),
    )
