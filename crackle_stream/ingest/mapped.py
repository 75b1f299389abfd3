"""Lines that are no events yet: each is rewritten as one by a mapping, then read like one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Raw

from crackle_stream.event import LARGEST_INTEGER, OUTCOMES, EventBatch
from crackle_stream.ingest.columns import put_into_columns
from crackle_stream.ingest.diagnosis import Flaw, diagnose
from crackle_stream.ingest.form import OPTIONAL, REFUSED, Row, make_form
from crackle_stream.ingest.limits import Limits, depth, is_blank
from crackle_stream.ingest.mapping import AUTO, UNITS, FieldMapping, at
from crackle_stream.timestamp import SECOND, format_time

_PARTS: Final = ("label", "time", "id", "duration", "outcome", "error")


class MappedDecoder:
    """Reads lines through a mapping, one by one."""

    def __init__(self, mapping: FieldMapping, limits: Limits) -> None:
        self._mapping = mapping
        self._limits = limits
        self._form = make_form(tuple(OPTIONAL), (), None, limits)

    def decode(self, text: bytes) -> tuple[EventBatch, list[int]]:
        """Read lines; as `NativeDecoder.decode`."""
        rows, places, failed = [], [], []
        for place, line in enumerate(text.split(b"\n")):
            if not is_blank(line, self._limits):
                row = self._row(line)
                if row is None:
                    failed.append(place)
                else:
                    rows.append(row)
                    places.append(place)
        batch, flawed = put_into_columns(rows, self._form, self._limits)
        if flawed:
            batch = batch.take(np.delete(np.arange(len(rows)), flawed))
            failed = sorted([*failed, *(places[row] for row in flawed)])
        return batch, failed

    def diagnose(self, line: bytes) -> Flaw:
        """Say why a line is no event; places are those of the event it was rewritten as."""
        return diagnose(line, self._limits, lambda record: rewrite(record, self._mapping))

    def _row(self, line: bytes) -> Row | None:
        if len(line) > self._limits.line_bytes:
            return None
        try:
            record = msgspec.json.decode(line)
            if depth(record) > self._limits.nesting:
                return None
            event = rewrite(record, self._mapping)
            return msgspec.convert(event, self._form.row)
        except REFUSED:
            return None


def rewrite(record: object, mapping: FieldMapping) -> object:
    """Rewrite a record as an event, in its JSON form; what is wrong in it stays wrong.

    Examples
    --------
    >>> record = {"job": {"id": 7, "wall": 1.5}, "host": "a"}
    >>> rewrite(record, FieldMapping(label=".job.id", metrics="auto"))
    {'label': '7', 'metrics': {'job.wall': 1.5}, 'attributes': {'host': 'a'}}
    """
    if not isinstance(record, dict):
        return record
    scalars = dict(_scalars({k: v for k, v in record.items() if k != "value"}, ""))
    event = {name: _take(name, scalars, mapping) for name in _PARTS}
    event["metrics"] = _take_metrics(record, scalars, mapping.metrics)
    event["attributes"] = {_name_of(path): _safe(value) for path, value in scalars.items()} or None
    if record.get("value") is not None:
        event["value"] = Raw(msgspec.json.encode(record["value"]))
    return {name: part for name, part in event.items() if part is not None}


def _take(name: str, scalars: dict[str, Any], mapping: FieldMapping) -> Any:
    """Take a part of an event out of a record's scalars; None where it has none."""
    places = (getattr(mapping, name, None), f".{name}")
    found = next((place for place in places if place in scalars), None)
    if found is None or (name == "outcome" and scalars[found] not in OUTCOMES):
        return None
    value = scalars.pop(found)
    if name in ("label", "id", "error"):
        return _as_text(value)
    return _in_seconds(value, UNITS[mapping.time_unit or "s"]) if name == "time" else value


def _take_metrics(record: dict[str, Any], scalars: dict[str, Any], path: str | None) -> Any:
    """Take the metrics out of a record and its scalars; None where it has none."""
    prefix = "" if path == AUTO else path or ".metrics"
    found = record if path == AUTO else at(record, prefix)
    inside = [name for name in scalars if name.startswith(f"{prefix}.")]
    if path is None:
        for name in inside:
            del scalars[name]
    elif isinstance(found, dict):
        numbers = [name for name in inside if _is_number(scalars[name])]
        found = {name[len(prefix) + 1 :]: scalars.pop(name) for name in numbers}
    return _from_pairs(found) if isinstance(found, list) else found


def _from_pairs(pairs: list[Any]) -> object:
    if all(isinstance(pair, dict) and isinstance(pair.get("name"), str) for pair in pairs):
        return {pair["name"]: pair.get("value") for pair in pairs}
    return pairs


def _scalars(record: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        path = f"{prefix}.{name}"
        if isinstance(value, dict):
            yield from _scalars(value, path)
        elif value is not None and not isinstance(value, list):
            yield path, value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _in_seconds(time: Any, unit: int) -> Any:
    """Write a time in a smaller unit as text, since float seconds would round it."""
    if unit == SECOND or not _is_number(time):
        return time
    whole = int(time)
    nanoseconds = whole * unit + round((time - whole) * unit)
    return format_time(nanoseconds) if abs(nanoseconds) < 2**63 else time


def _name_of(path: str) -> str:
    return path.removeprefix(".attributes")[1:]


def _safe(value: Any) -> Any:
    """Write an integer that a float64 would round as text."""
    large = isinstance(value, int) and abs(value) > LARGEST_INTEGER
    return str(value) if large else value
