"""Bytes as they arrive become blocks of whole lines, each with its place."""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crackle_stream.errors import InputRejectedError, StorageError
from crackle_stream.ingest.lines import Block, read_blocks, read_past
from crackle_stream.source import SourcePosition

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

BEGIN = SourcePosition("s", 0, 0, 0)


class Drip(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a slow producer does."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data, self._sizes, self._turn = data, sizes, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        give = min(size, self._sizes[self._turn % len(self._sizes)])
        self._turn += 1
        given, self._data = self._data[:give], self._data[give:]
        return given


def blocks_of(data: bytes, sizes: list[int], line_bytes: int = 20) -> list[Block]:
    return list(read_blocks(Drip(data, sizes), BEGIN, line_bytes=line_bytes, block_bytes=64))


@calm
@given(
    st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=12),
    st.booleans(),
    st.lists(st.integers(1, 50), min_size=1, max_size=5),
)
def test_every_byte_is_in_one_block_with_its_place(
    lines: list[bytes], finished: bool, sizes: list[int]
) -> None:
    data = b"\n".join(lines) + (b"\n" if finished and lines else b"")
    at = BEGIN
    for block in blocks_of(data, sizes):
        before = data[: block.end.offset]
        assert block.end.crc == zlib.crc32(before)
        assert block.end.line == before.count(b"\n")
        part = data[at.offset : block.end.offset]
        if block.overlong is None:
            assert part.removeprefix(b"\xef\xbb\xbf" if not at.offset else b"") == block.text
            assert block.line == at.line + 1
        else:
            line = part.rstrip(b"\n")
            assert len(line) > 20
            assert block.overlong.line == at.line + 1
            assert block.overlong.offset == at.offset
            assert block.overlong.sha256 == hashlib.sha256(line).hexdigest()
            assert block.overlong.excerpt == line
        at = block.end
    assert at.offset == len(data)


@pytest.mark.parametrize(("size", "overlong"), [(19, False), (20, False), (21, True)])
def test_an_unfinished_line_is_held_up_to_the_limit(size: int, overlong: bool) -> None:
    (block,) = blocks_of(b"x" * size, [7])
    assert (block.overlong is not None) == overlong


def test_a_line_of_three_megabytes_is_read_past_and_hashed_without_being_held() -> None:
    line = bytes(range(32, 127)) * 33_000
    stream = io.BytesIO(b"first\n" + line + b"\nlast\n")
    first, long, last = read_blocks(stream, BEGIN, line_bytes=1 << 20, block_bytes=1 << 20)
    assert (first.text, long.text, last.text) == (b"first\n", b"", b"last\n")
    assert long.overlong is not None
    assert (long.overlong.line, long.overlong.offset) == (2, 6)
    assert long.overlong.excerpt == line[:4096]
    assert long.overlong.sha256 == hashlib.sha256(line).hexdigest()
    assert (last.line, last.offset) == (3, 6 + len(line) + 1)


def test_lines_of_a_slow_producer_are_given_while_it_still_runs() -> None:
    source, sink = os.pipe()
    with open(source, "rb") as stream, open(sink, "wb", buffering=0) as producer:
        blocks = read_blocks(stream, BEGIN, line_bytes=100, block_bytes=1 << 20)
        producer.write(b"one\ntwo\nthr")
        assert next(blocks).text == b"one\ntwo\n"
        producer.write(b"ee\n")
        assert next(blocks).text == b"three\n"


def test_what_has_arrived_in_many_pieces_is_given_in_one_block(tmp_path: Path) -> None:
    class Pieces(Drip):
        def fileno(self) -> int:
            return ready.fileno()

    with open(tmp_path / "always ready", "w+b") as ready:
        stream = Pieces(b"one\ntwo\nthree\n", [4])
        (block,) = read_blocks(stream, BEGIN, line_bytes=20, block_bytes=64)
    assert block.text == b"one\ntwo\nthree\n"


def test_a_byte_order_mark_is_left_out_and_counted() -> None:
    (block,) = blocks_of(b"\xef\xbb\xbfone\n", [64])
    assert (block.text, block.offset, block.end.offset) == (b"one\n", 3, 7)


def test_reading_goes_on_behind_a_position() -> None:
    data = b"one\ntwo\nthree\n"
    stream = io.BytesIO(data)
    start = SourcePosition("s", 8, 2, zlib.crc32(data[:8]))
    assert read_past(stream, start) == b"one\ntwo\n"
    (block,) = read_blocks(stream, start, line_bytes=20, block_bytes=64)
    assert (block.text, block.line, block.offset) == (b"three\n", 3, 8)
    assert block.end == SourcePosition("s", len(data), 3, zlib.crc32(data))


@pytest.mark.parametrize("data", [b"one\ntwO\nthree\n", b"one\n", b""])
def test_a_source_that_changed_before_the_position_is_an_error(data: bytes) -> None:
    start = SourcePosition("s", 8, 2, zlib.crc32(b"one\ntwo\n"))
    with pytest.raises(InputRejectedError, match="s changed: its first 8 bytes"):
        read_past(io.BytesIO(data), start)


def test_a_stream_that_cannot_be_read_is_a_storage_error_with_its_place() -> None:
    class Broken(Drip):
        def read(self, size: int = -1) -> bytes:
            if not self._data:
                raise OSError(5, "Input/output error")
            return super().read(size)

    blocks = read_blocks(Broken(b"one\n", [64]), BEGIN, line_bytes=20, block_bytes=64)
    assert next(blocks).text == b"one\n"
    with pytest.raises(StorageError, match="reading s failed behind byte 4"):
        next(blocks)
