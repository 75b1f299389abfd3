"""JSON as people already have it: where in a record the parts of an event are found."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from crackle_stream.errors import UsageError
from crackle_stream.ingest.form import REFUSED
from crackle_stream.ingest.lines import BOM
from crackle_stream.timestamp import MICROSECOND, MILLISECOND, NANOSECOND, SECOND, parse_time

TimeUnit: TypeAlias = Literal["s", "ms", "us", "ns"]

UNITS: Final[dict[str, int]] = {
    "s": SECOND,
    "ms": MILLISECOND,
    "us": MICROSECOND,
    "ns": NANOSECOND,
}
"""Nanoseconds of each unit that epoch times are counted in."""

AUTO: Final = "auto"
_TIMES: Final = ("timestamp", "ts", "@timestamp")
_WORDS: Final = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


class FieldMapping(Struct, frozen=True, kw_only=True):
    """Where the parts of an event are, as dotted paths; None: where events have them.

    Parameters
    ----------
    label, time, id, duration
        Paths of scalars, such as ``.run.name``; what is no text is written as text where text
        belongs.
    metrics
        Path of an object, whose numbers are taken (those of objects in it with dotted names), or
        of a list of ``{"name": …, "value": …}``; ``auto`` takes every number of the record that
        is nothing else. Arrays are passed over.
    time_unit
        What epoch times are counted in; None: seconds, or what the first time must be in to lie
        between 1973 and 5138.

    Raises
    ------
    UsageError
        When a path does not begin with a dot, or lacks a name.
    """

    label: str | None = None
    time: str | None = None
    metrics: str | None = None
    id: str | None = None
    duration: str | None = None
    time_unit: TimeUnit | None = None

    def __post_init__(self) -> None:
        for name in ("label", "time", "metrics", "id", "duration"):
            path = getattr(self, name)
            if path is None or (name == "metrics" and path == AUTO):
                continue
            if not path.startswith("."):
                raise UsageError(f"--{name} {path!r} is no path: write .{path}, or .outer.{path}")
            if "" in path[1:].split("."):
                raise UsageError(f"--{name} {path!r} is no path: it lacks a name between two dots")


class Understanding(Struct, frozen=True):
    """What the shape of a source was taken to be.

    Parameters
    ----------
    mapping
        As asked, with what was found besides; all None for lines that are events already.
    text
        A sentence that says so; None for lines that are events already.
    """

    mapping: FieldMapping
    text: str | None


def understand(first_line: bytes, asked: FieldMapping) -> Understanding:
    """Take the shape of a source from its first line that is an object.

    A time is looked for under ``timestamp``, ``ts`` and ``@timestamp`` and a label under
    ``name`` where the record has no ``time`` and no ``label``.

    Examples
    --------
    >>> print(understand(b'{"ts": 1690391261, "metrics": {}}', FieldMapping()).text)
    reading no label, time from .ts (epoch seconds), metrics from .metrics
    """
    record = _decoded(first_line)
    if not isinstance(record, dict):
        record = {}
    label = asked.label or _find_label(record)
    time = asked.time or _find_time(record)
    pairs = isinstance(record.get("metrics"), list)
    metrics = asked.metrics or (".metrics" if pairs else None)
    mapping = msgspec.structs.replace(asked, label=label, time=time, metrics=metrics)
    if mapping == FieldMapping():
        return Understanding(mapping, None)
    value = at(record, mapping.time or ".time")
    unit = asked.time_unit or _guess_unit(value)
    mapping = msgspec.structs.replace(mapping, time_unit=unit)
    return Understanding(mapping, _sentence(mapping, record))


def first_record(text: bytes, line_bytes: int) -> bytes:
    """Give the first line of a text that is an object and not too long; else nothing."""
    lines = [line for line in text.removeprefix(BOM).split(b"\n") if len(line) <= line_bytes]
    return next((line for line in lines if isinstance(_decoded(line), dict)), b"")


def _decoded(line: bytes) -> object:
    try:
        return msgspec.json.decode(line)
    except REFUSED:
        return None


def at(record: Any, path: str) -> Any:
    """Give what stands at a dotted path; None where there is nothing."""
    for name in path[1:].split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return record


def _find_label(record: dict[str, Any]) -> str | None:
    return ".name" if "label" not in record and isinstance(record.get("name"), str) else None


def _find_time(record: dict[str, Any]) -> str | None:
    if "time" in record:
        return None
    found = (name for name in _TIMES if _is_moment(record.get(name)))
    return next((f".{name}" for name in found), None)


def _is_moment(value: object) -> bool:
    if isinstance(value, int | float):
        return not isinstance(value, bool)
    try:
        return isinstance(value, str) and bool(parse_time(value) or True)
    except ValueError:
        return False


def _guess_unit(value: object) -> TimeUnit:
    size = abs(value) if isinstance(value, int | float) else 0
    if size < 1e11:
        return "s"
    if size < 1e14:
        return "ms"
    return "us" if size < 1e17 else "ns"


def _sentence(mapping: FieldMapping, record: dict[str, Any]) -> str:
    parts = [
        _part("label", mapping.label, record),
        _time_part(mapping, record),
        _metrics_part(mapping, record),
    ]
    parts += [f"id from {mapping.id}"] if mapping.id else []
    parts += [f"duration from {mapping.duration}"] if mapping.duration else []
    return f"reading {', '.join(parts)}"


def _part(name: str, asked: str | None, record: dict[str, Any]) -> str:
    """Say where a part is: at the path asked for, or else under its own name."""
    places = [path for path in (asked, f".{name}") if path is not None]
    found = next((path for path in places if at(record, path) is not None), None)
    text = f"no {name}" if found is None else f"{name} from {found}"
    return text if found == places[0] or asked is None else f"{text} (nothing at {asked})"


def _time_part(mapping: FieldMapping, record: dict[str, Any]) -> str:
    path = mapping.time or ".time"
    counted = isinstance(at(record, path), int | float)
    return _part("time", mapping.time, record) + (
        f" (epoch {_WORDS[mapping.time_unit or 's']})" if counted else ""
    )


def _metrics_part(mapping: FieldMapping, record: dict[str, Any]) -> str:
    if mapping.metrics == AUTO:
        return "every number as a metric"
    path = mapping.metrics or ".metrics"
    pairs = isinstance(at(record, path), list)
    if at(record, path) is None:
        return f"no metrics at {path}"
    return f"metrics from {path}" + (" (list of name/value pairs)" if pairs else "")
