"""Lines that are events already: decoded a block at once, and singly where that fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
from msgspec import Raw

from crackle_stream.event import EventBatch
from crackle_stream.ingest.columns import put_into_columns
from crackle_stream.ingest.diagnosis import Flaw, diagnose
from crackle_stream.ingest.form import (
    OPTIONAL,
    REFUSED,
    Form,
    Row,
    is_known,
    make_crowded_form,
    make_form,
)
from crackle_stream.ingest.limits import Limits, is_blank

_WORTH_A_STRUCT: Final = 64
"""Making a decoder costs about as much as reading this many lines."""

_read_fields = msgspec.json.Decoder(dict[str, Raw]).decode


class NativeDecoder:
    """Reads lines that are events, and remembers what the last ones looked like.

    The decoder in use is made for the fields, and for the one set of metric names, that were seen
    last: it refuses lines that have others, never misreads them, and is widened by them.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._form = make_form((), (), None, limits)

    def decode(self, text: bytes) -> tuple[EventBatch, list[int]]:
        """Read lines.

        Returns
        -------
        tuple
            The events; and, counted from 0, which of the lines are none (blank ones left out).
        """
        rows, places, failed = self._whole(text) or self._singly(text)
        batch, flawed = put_into_columns(rows, self._form, self._limits)
        if flawed:
            batch = batch.take(np.delete(np.arange(len(rows)), flawed))
            failed = sorted([*failed, *(places[row] for row in flawed)])
        self._form = self._next_form(batch)
        return batch, failed

    def diagnose(self, line: bytes) -> Flaw:
        """Say why a line is no event."""
        return diagnose(line, self._limits)

    def _whole(self, text: bytes) -> tuple[list[Row], Sequence[int], list[int]] | None:
        lines = _count_objects(text, self._limits.line_bytes)
        if lines is None:
            return None
        general = make_form(self._form.optional, self._form.extras, None, self._limits)
        for form in (self._form,) if self._form is general else (self._form, general):
            try:
                rows = form.decode_lines(text)
            except REFUSED:
                continue
            if len(rows) == lines:
                self._form = form
                return rows, range(lines), []
        return None

    def _singly(self, text: bytes) -> tuple[list[Row], Sequence[int], list[int]]:
        lines = text.split(b"\n")
        while True:
            rows, places, failed = _decode_each(lines, self._form, self._limits)
            if not self._widen([lines[place] for place in failed]):
                return rows, places, failed

    def _widen(self, lines: list[bytes]) -> bool:
        """Make the form one that reads more of the lines it refused, if there is such a form."""
        before = self._form
        for line in lines:
            if not _reads(self._form, line):
                wider = (form for form in self._wider_forms(line) if _reads(form, line))
                self._form = next(wider, self._form)
        return self._form is not before

    def _wider_forms(self, line: bytes) -> Iterator[Form]:
        form = self._form
        if form is make_crowded_form(self._limits):
            return  # it reads what any other does
        try:
            fields = _read_fields(line)
        except REFUSED:
            return
        extras = (*form.extras, *(f for f in fields if not is_known(f) and f not in form.extras))
        optional = tuple(f for f in OPTIONAL if f in form.optional or f in fields)
        for names in dict.fromkeys((form.names, None)):
            yield make_form(optional, extras, names, self._limits)

    def _next_form(self, batch: EventBatch) -> Form:
        """Choose the form for the next block, after what was in this one."""
        form = self._form
        if form is make_crowded_form(self._limits):
            return make_form((), (), None, self._limits)
        if form.names is None and len(batch) >= _WORTH_A_STRUCT and len(batch.matrices) == 1:
            return make_form(form.optional, form.extras, batch.matrices[0].names, self._limits)
        return form


def _count_objects(text: bytes, line_bytes: int) -> int | None:
    """Count the lines of a text in which each begins an object, behind the end of another one.

    ``}`` and ``{`` are never neighbours inside a value: so where this holds, and there are as
    many values as lines, each line is one value. (A decoder of lines takes any white space
    between values, or none, and newlines inside them.)
    """
    codes = np.frombuffer(text, np.uint8)
    size = len(text) - text.endswith(b"\n")
    ends = np.flatnonzero(codes[:size] == ord("\n"))
    if np.diff(ends, prepend=-1, append=size).max() > line_bytes + 1:
        return None
    before = codes[ends - 1]
    before = np.where(before == ord("\r"), codes[ends - 2], before)
    objects = (before == ord("}")) & (codes[ends + 1] == ord("{"))
    return len(ends) + 1 if text.startswith(b"{") and objects.all() else None


def _decode_each(
    lines: list[bytes], form: Form, limits: Limits
) -> tuple[list[Row], list[int], list[int]]:
    rows, places, failed = [], [], []
    decode, longest = form.decode_line, limits.line_bytes
    for place, line in enumerate(lines):
        if len(line) > longest:
            failed.append(place)
            continue
        try:
            rows.append(decode(line))
            places.append(place)
        except REFUSED:
            failed.append(place)
    failed = [place for place in failed if not is_blank(lines[place], limits)]
    return rows, places, failed


def _reads(form: Form, line: bytes) -> bool:
    try:
        form.decode_line(line)
    except REFUSED:
        return False
    return True
