"""A refused line once more: out of what was kept of it, or out of its source."""

from __future__ import annotations

import hashlib
from pathlib import Path

from crackle_stream.ingest.diagnosis import Flaw
from crackle_stream.ingest.lines import BOM, EXCERPT_BYTES
from crackle_stream.source import Rejection


def find_line(rejection: Rejection, line_bytes: int) -> bytes | Flaw:
    """Give the bytes of a refused line, or say why they cannot be had.

    A line that was kept in part is read again from its source, where that is a file which still
    holds the same bytes there.
    """
    if _is_same(rejection.excerpt, rejection):
        return rejection.excerpt
    line = _read_again(rejection, line_bytes)
    if line is None:
        return _lost(rejection, "there is no such file, or it cannot be read")
    if len(line) > line_bytes:
        detail = f"longer than the {line_bytes} bytes that are read: allow more with --limit line="
        return Flaw("line_too_long", detail)
    if not _is_same(line, rejection):
        return _lost(rejection, "it holds other bytes there now")
    return line if rejection.offset else line.removeprefix(BOM)


def _is_same(line: bytes, rejection: Rejection) -> bool:
    return hashlib.sha256(line).hexdigest() == rejection.sha256


def _read_again(rejection: Rejection, line_bytes: int) -> bytes | None:
    """Read a line at its place, no further than just beyond the limit; None: there is no file."""
    path = Path(rejection.source)
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            stream.seek(rejection.offset)
            return stream.readline(line_bytes + 2).removesuffix(b"\n")
    except (OSError, ValueError):  # such as a name with a NUL; what is not there, is told
        return None


def _lost(rejection: Rejection, why: str) -> Flaw:
    return Flaw(
        "not_kept",
        f"only its first {EXCERPT_BYTES:,} bytes are kept, and the rest cannot be read again from "
        f"{rejection.source or 'its source'}: {why}",
    )
