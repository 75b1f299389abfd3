"""What speed is held against, and one use of the library: ``python -m tests.bench.yardstick NAME``.

``lines``: decode the JSON lines of stdin, a megabyte at a time, with msgspec and nothing else.
``rows``: decode length-prefixed MessagePack maps from stdin, one at a time. ``moments LOG``: the
running variances and covariances of a log.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

CHUNK_BYTES = 1 << 20


class Event(msgspec.Struct, gc=False):
    """An event as plainly as msgspec reads it."""

    metrics: dict[str, float]
    label: str = ""
    time: str | int | None = None


def decode_lines(stream: BinaryIO) -> None:
    """Decode chunks of whole lines."""
    decode, rest = msgspec.json.Decoder(Event).decode_lines, b""
    while chunk := stream.read(CHUNK_BYTES):
        end = chunk.rfind(b"\n") + 1
        decode(rest + chunk[:end])
        rest = chunk[end:]


def decode_rows(stream: BinaryIO) -> None:
    """Decode row by row."""
    decode, data, at = msgspec.msgpack.Decoder(Event).decode, memoryview(stream.read()), 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        decode(data[at + 4 : at + 4 + length])
        at += 4 + length


def moments(path: Path) -> None:
    """Read a log's running moments."""
    from crackle_stream.cooling.statistics import FollowedMoments
    from crackle_stream.log.eventlog import EventLog

    with EventLog.open(path) as log:
        FollowedMoments(log, 0).get()


if __name__ == "__main__":
    if sys.argv[1] == "moments":
        moments(Path(sys.argv[2]))
    else:
        {"lines": decode_lines, "rows": decode_rows}[sys.argv[1]](sys.stdin.buffer)
