"""Where events come from: how far a source was read, and the lines of it that were no events."""

from __future__ import annotations

from msgspec import Struct


class SourcePosition(Struct, frozen=True):
    """How far a source was read; kept with the events it yielded, so that reading can resume.

    Parameters
    ----------
    source
        The source's name.
    offset
        Bytes read.
    line
        Ends of lines read, those of blank lines too.
    crc
        CRC-32 of all those bytes: a source that changed before the position is noticed.
    """

    source: str
    offset: int
    line: int
    crc: int


class Rejection(Struct, frozen=True):
    """A line that was no event, and why.

    Parameters
    ----------
    line
        Line number, from 1.
    offset
        Byte at which the line begins.
    reason
        What was wrong, as a code such as ``not_finite``.
    detail
        The same as a sentence.
    path
        The place in the line, such as ``$.metrics.x``; None where the whole line is meant.
    excerpt
        The first 4,096 bytes of the line, without its end of line.
    sha256
        Of the whole line, in hex, without its end of line.
    source
        The name of the source it came from; empty in logs that were written before it was kept.
    """

    line: int
    offset: int
    reason: str
    detail: str
    path: str | None
    excerpt: bytes
    sha256: str
    source: str = ""
