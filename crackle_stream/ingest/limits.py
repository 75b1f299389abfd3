"""How large an event may be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from crackle_stream.errors import UsageError

LARGEST_EVENT: Final = (16 << 20) - (64 << 10)
"""A frame of the log holds 16 MiB: an event, and what is kept beside it of its source."""

_DEEPEST: Final = 512
"""Deeper ones a JSON decoder refuses by itself."""

_SIZE = re.compile(r"(\d{1,12})(KiB|MiB)?", re.ASCII)
_UNITS: Final = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20}


class Limits(Struct, frozen=True):
    """Sizes up to which a line is read; what is larger is rejected.

    Texts other than these, attributes and the result are bounded by the line.

    Parameters
    ----------
    line_bytes
        Bytes of a line, its end of line not counted.
    label_bytes, name_bytes
        Bytes of UTF-8 of a label and of a metric name.
    metrics
        Metrics of one event.
    nesting
        Objects and arrays inside one another, the line's own object counted; 2 to 512.
    frame_bytes
        Bytes of one event in a frame of the log.

    Raises
    ------
    UsageError
        When a limit cannot be meant.

    Examples
    --------
    >>> Limits().label_bytes
    256
    """

    line_bytes: int = 1 << 20
    label_bytes: int = 256
    name_bytes: int = 128
    metrics: int = 256
    nesting: int = 32
    frame_bytes: int = LARGEST_EVENT

    def __post_init__(self) -> None:
        for name, field in NAMES.items():
            least, most = _BOUNDS.get(name, (1, 1 << 30))
            if not least <= getattr(self, field) <= most:
                raise UsageError(
                    f"the limit {name}={getattr(self, field)} cannot be kept: "
                    f"give {least} to {most}"
                )


NAMES: Final = {
    "line": "line_bytes",
    "label": "label_bytes",
    "name": "name_bytes",
    "metrics": "metrics",
    "nesting": "nesting",
    "frame": "frame_bytes",
}
"""What the limits are called on the command line."""

_BOUNDS: Final = {"metrics": (1, 1 << 16), "nesting": (2, _DEEPEST), "frame": (1, LARGEST_EVENT)}


def is_blank(line: bytes, limits: Limits) -> bool:
    """Whether a line is passed over: nothing but white space, and not too much of that."""
    return len(line) <= limits.line_bytes and not line.strip(b" \t\r")


def parse_limits(given: Sequence[str]) -> Limits:
    """Read limits such as ``label=512`` or ``line=2MiB``; the others stay what they are.

    Raises
    ------
    UsageError
        When one cannot be meant.

    Examples
    --------
    >>> parse_limits(["line=2MiB"]).line_bytes
    2097152
    """
    return msgspec.structs.replace(Limits(), **dict(map(_parse_limit, given)))


def _parse_limit(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    size = _SIZE.fullmatch(value)
    if name not in NAMES or size is None:
        raise UsageError(
            f"--limit {text!r} cannot be meant: write NAME=VALUE such as line=2MiB or label=512; "
            f"the names are {', '.join(NAMES)}"
        )
    return NAMES[name], int(size[1]) * _UNITS[size[2] or ""]


def depth(value: object) -> int:
    """How many objects and arrays of a JSON value are inside one another."""
    levels, here = 0, [value]
    while here := [item for item in here if isinstance(item, dict | list)]:
        levels += 1
        here = [part for item in here for part in _parts(item)]
    return levels


def _parts(value: Any) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value
