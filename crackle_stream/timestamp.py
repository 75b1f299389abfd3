"""Moments and spans of time: int64 nanoseconds since 1970 in UTC, and the texts people write."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final

from crackle_stream.errors import UsageError

NO_TIME: Final = -(2**63)
"""Stands in an int64 array where an event has no time."""

NANOSECOND: Final = 1
MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

_UNITS: Final = {
    "ns": NANOSECOND,
    "us": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "min": MINUTE,
    "h": HOUR,
    "d": DAY,
    "w": WEEK,
}
_SPAN = re.compile(r"(\d{1,19})(\.\d{1,19})?(ns|us|ms|s|min|m|h|d|w)", re.ASCII)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?\s?([Zz]|[+-]\d\d:?\d\d)",
    re.ASCII,
)


def parse_time(value: str | int | float) -> int:
    """Read a moment: RFC 3339 text with a zone (seconds may be left out), or epoch seconds.

    Returns
    -------
    int
        Nanoseconds since 1970-01-01T00:00:00Z, within int64.

    Raises
    ------
    ValueError
        When the text is no such moment, has no zone, or lies outside 1678 to 2262.

    Examples
    --------
    >>> parse_time("2026-03-01T12:00:00.25Z")
    1772366400250000000
    >>> parse_time(1.5)
    1500000000
    """
    if isinstance(value, str):
        return _in_range(_parse_text(value))
    if isinstance(value, int):
        return _in_range(value * SECOND)
    if not math.isfinite(value):
        raise ValueError(f"{value} is no moment: write seconds since 1970, or RFC 3339")
    whole, part = divmod(value, 1.0)
    return _in_range(int(whole) * SECOND + round(part * SECOND))


def format_time(nanoseconds: int) -> str:
    """Write a moment as RFC 3339 in UTC, with as many decimals as it needs.

    Examples
    --------
    >>> format_time(1772366400250000000)
    '2026-03-01T12:00:00.25Z'
    """
    seconds, rest = divmod(nanoseconds, SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    decimals = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{text}{decimals}Z"


def parse_span(text: str) -> int:
    """Read a span such as ``90s``, ``1h30m`` or ``1.5d`` into nanoseconds.

    Raises
    ------
    UsageError
        When the text is no span, or the span is not longer than nothing, or than 292 years.

    Examples
    --------
    >>> parse_span("1h30m") == 90 * MINUTE
    True
    """
    parts = _SPAN.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        raise UsageError(f"{text!r} is no span of time: write 500ms, 90s, 15m, 1h30m, 7d or 2w")
    total = sum(
        int(whole) * _UNITS[unit] + round(float(f"0{decimals}") * _UNITS[unit])
        for whole, decimals, unit in parts
    )
    if total <= 0:
        raise UsageError(f"{text!r} is an empty span of time: write one longer than 0")
    if total >= 2**63:
        raise UsageError(f"{text!r} is too long a span of time: write one below 292 years")
    return total


def format_span(nanoseconds: int) -> str:
    """Write a span in its largest whole units.

    Examples
    --------
    >>> format_span(90 * MINUTE)
    '1h30m'
    """
    parts = []
    for unit in ("d", "h", "m", "s", "ms", "us", "ns"):
        count, nanoseconds = divmod(nanoseconds, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _parse_text(text: str) -> int:
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        raise ValueError(_why_no_time(text))
    day, minute, second, decimals, zone = match.groups()
    zone = "+00:00" if zone in "Zz" else zone
    whole = datetime.fromisoformat(f"{day}T{minute}:{second or '00'}{zone}")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    seconds = (whole - epoch) // (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC) - epoch)
    return seconds * SECOND + int((decimals or "0").ljust(9, "0"))


def _why_no_time(text: str) -> str:
    if _RFC3339.fullmatch(text.strip() + "Z"):
        return f"{text[:40]!r} has no zone: write it with Z or an offset such as +02:00"
    return f"{text[:40]!r} is no RFC 3339 moment such as 2026-03-01T12:00:00Z"


def _in_range(nanoseconds: int) -> int:
    if not -(2**63) < nanoseconds < 2**63:
        raise ValueError("lies outside 1678 to 2262: epoch times are read as seconds")
    return nanoseconds
