"""How large an event may be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

LARGEST_INTEGER: Final = 2**53
"""Beyond it a float64 no longer holds every integer: such literals are rejected."""


class Limits(Struct, frozen=True):
    """Sizes up to which a line is read; what is larger is rejected.

    Parameters
    ----------
    line_bytes
        Bytes of a line, its end of line not counted.
    label_bytes, name_bytes
        Bytes of UTF-8 of a label and of a metric name.
    metrics
        Metrics of one event.
    nesting
        Objects and arrays inside one another, the line's own object counted.
    """

    line_bytes: int = 1 << 20
    label_bytes: int = 256
    name_bytes: int = 128
    metrics: int = 256
    nesting: int = 32


def depth(value: object) -> int:
    """How many objects and arrays of a JSON value are inside one another."""
    levels, here = 0, [value]
    while here := [item for item in here if isinstance(item, dict | list)]:
        levels += 1
        here = [part for item in here for part in _parts(item)]
    return levels


def _parts(value: Any) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value
