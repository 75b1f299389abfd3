"""What becomes of a line, said again in another way: with Python's own json, slowly."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

LARGEST: Final = 2**53
FIELDS: Final = ("metrics", "label", "time", "duration", "outcome", "error", "id", "attributes")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


class Refused(Exception):  # noqa: N818
    """The line is no event."""


class NoOpinion(Exception):  # noqa: N818
    """The line is one of those of which this oracle does not speak.

    A key that stands twice (the last one counts, but the first is checked too by some decoders);
    integers beyond 2^53 inside a result or a nested field, which are not looked at; times that are
    written otherwise than ``2026-01-31T12:00:00Z``; a byte order mark, dropped at the beginning.
    """


def metrics_of(line: bytes) -> dict[str, float]:
    """Give the metrics of a line that is an event of the usual limits.

    Raises
    ------
    Refused
        When it is none.
    NoOpinion
        When it is one of the lines named there.
    """
    if line.startswith(b"\xef\xbb\xbf"):
        raise NoOpinion
    record = _parsed(line)
    if not isinstance(record, dict) or not isinstance(record.get("metrics"), dict):
        raise Refused
    if not _is_shallow(record, 32):
        raise Refused
    _check_texts(record)
    _check_numbers(record)
    _check_time(record.get("time"))
    metrics = record["metrics"]
    known = {name: number for name, number in metrics.items() if number is not None}
    if len(metrics) > 256 or any(len(name.encode()) > 128 for name in known):
        raise Refused
    return {name: _number(number) for name, number in known.items()}


def _parsed(line: bytes) -> Any:
    try:
        record = json.loads(
            line.decode(), parse_constant=_refuse, object_pairs_hook=_object, parse_float=_finite
        )
        json.dumps(record, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise Refused from error
    return record


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(text)
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise NoOpinion
    return dict(pairs)


def _is_shallow(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inside = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_shallow(item, levels - 1) for item in inside)


def _check_texts(record: dict[str, Any]) -> None:
    label = record.get("label", "")
    if not isinstance(label, str) or len(label.encode()) > 256:
        raise Refused
    if not all(isinstance(record.get(name), str | None) for name in ("id", "error")):
        raise Refused
    if record.get("outcome") not in (None, "ok", "failed"):
        raise Refused


def _check_numbers(record: dict[str, Any]) -> None:
    attributes = record.get("attributes")
    if not isinstance(attributes, dict | None):
        raise Refused
    if any(isinstance(item, dict | list) for item in (attributes or {}).values()):
        raise Refused
    if record.get("duration") is not None:
        _number(record["duration"])
    others = {name: item for name, item in record.items() if name not in (*FIELDS, "value")}
    if any(map(_is_too_large, (*(attributes or {}).values(), *others.values()))):
        raise Refused
    nested = [item for item in others.values() if isinstance(item, dict | list)]
    if any(map(_holds_large, (record.get("value"), *nested))):
        raise NoOpinion


def _holds_large(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_holds_large, value.values() if isinstance(value, dict) else value))
    return _is_too_large(value)


def _is_too_large(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > LARGEST


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or _is_too_large(value):
        raise Refused
    return float(value)


def _check_time(time: Any) -> None:
    if isinstance(time, str) and _TIME.fullmatch(time):
        try:
            moment = datetime.fromisoformat(time)
        except ValueError:
            raise NoOpinion from None  # 24:00, and leap seconds
        if not datetime(1678, 1, 1, tzinfo=UTC) < moment < datetime(2262, 1, 1, tzinfo=UTC):
            raise NoOpinion
    elif isinstance(time, str) or (time is not None and abs(_number(time)) > 9e9):
        raise NoOpinion
