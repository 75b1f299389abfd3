"""What a refused line says around the place that is wrong, with a caret under it."""

from __future__ import annotations

import json
import re
from typing import Final

from crackle_stream.report.terminal import PLAIN_WIDTH, columns, escape, shorten
from crackle_stream.source import Rejection

_BEFORE: Final = PLAIN_WIDTH // 2
_BYTE = re.compile(r"\(byte (\d+)\)$|^byte (\d+) of the line")
_STEP = re.compile(r"\.([\w-]+)|\[(\"(?:[^\"\\]|\\.)*\")\]")
_BY_BYTE: Final = {"invalid_json", "invalid_utf8"}


def excerpt(rejection: Rejection) -> str:
    r"""Show one line of text of a refused line, and under it a caret where the place is known.

    Examples
    --------
    >>> line = b'{"metrics": {"x": NaN}}'
    >>> print(excerpt(Rejection(1, 0, "not_finite", "", "$.metrics.x", line, "")))
    {"metrics": {"x": NaN}}
                 ^
    """
    line, place = rejection.excerpt, _place(rejection)
    before = _text(line[max(0, (place or 0) - 4 * _BEFORE) : place or 0])
    while columns(before) > _BEFORE:
        before = before[1:]
    text = shorten(before + _text(line[place or 0 :][: 4 * PLAIN_WIDTH]), PLAIN_WIDTH)
    return text if place is None else f"{text}\n{' ' * columns(before)}^"


def _text(line: bytes) -> str:
    """Give bytes as text that is safe to show; what is no UTF-8 by number."""
    return escape(line.decode("utf-8", "backslashreplace"))


def _place(rejection: Rejection) -> int | None:
    """Find the byte at which a line goes wrong, where that is told and was kept."""
    told = _BYTE.search(rejection.detail) if rejection.reason in _BY_BYTE else None
    place = _walk(rejection) if told is None else int(told[1] or told[2])
    return place if place is not None and place < len(rejection.excerpt) else None


def _walk(rejection: Rejection) -> int | None:
    """Follow the names of a path through the line; None where one of them is not written there."""
    place = None
    for plain, quoted in _STEP.findall(rejection.path or ""):
        name = plain or json.loads(quoted)
        written = {json.dumps(name), json.dumps(name, ensure_ascii=False)}
        pattern = "|".join(re.escape(text.removesuffix('"')) for text in sorted(written))
        found = re.compile(pattern.encode("utf-8", "replace")).search(rejection.excerpt, place or 0)
        if found is None:
            return None
        place = found.start()
    return place
