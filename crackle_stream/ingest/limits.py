"""How large an event may be."""

from __future__ import annotations

from typing import Final

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
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0
