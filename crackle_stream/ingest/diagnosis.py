"""Why a line is no event: read again slowly, for its reason, its place and a sentence.

What JSON leaves open is read as float64 parsers do: of a key that is written twice the last one
counts, and a number below 1e-323 is zero.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from crackle_stream.event import LARGEST_INTEGER
from crackle_stream.ingest.limits import Limits, depth
from crackle_stream.timestamp import parse_time


class Flaw(Struct, frozen=True):
    """What is wrong with a line; fields as in `Rejection`, its reason one of `REASONS`."""

    reason: str
    detail: str
    path: str | None = None


_KINDS: Final = {
    dict: "an object",
    list: "an array",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)


def diagnose(
    line: bytes, limits: Limits, rewrite: Callable[[object], object] | None = None
) -> Flaw:
    """Say why a line is refused; ``rewrite`` makes an event of a record that is none yet.

    Examples
    --------
    >>> flaw = diagnose(b'{"metrics": {"seconds": NaN}}', Limits())
    >>> flaw.reason, flaw.path
    ('not_finite', '$.metrics.seconds')
    """
    if len(line) > limits.line_bytes:
        detail = f"a line of {len(line)} bytes: at most {limits.line_bytes} are read"
        return Flaw("line_too_long", detail)
    try:
        text = line.decode()
        record = msgspec.json.decode(text)
    except UnicodeDecodeError as error:
        return Flaw("invalid_utf8", f"byte {error.start} of the line is no UTF-8")
    except RecursionError:
        return _too_deep(limits)
    except msgspec.MsgspecError as error:
        return _malformed(text, str(error), limits)
    if depth(record) > limits.nesting:
        return _too_deep(limits)
    event = record if rewrite is None else rewrite(record)
    return next(find_flaws(event, limits), _too_large_for_frame(limits))


def find_flaws(record: object, limits: Limits) -> Iterator[Flaw]:
    """Give what is wrong with a decoded line."""
    if not isinstance(record, dict):
        yield Flaw("not_an_object", f"the line is {_KINDS[type(record)]}: one object is expected")
        return
    yield from _metrics(record, limits)
    yield from _label(record.get("label", ""), limits)
    yield from _time(record.get("time"))
    yield from _number("$.duration", record.get("duration"))
    yield from _texts(record)
    yield from _attributes(record)


def _too_large_for_frame(limits: Limits) -> Flaw:
    """Say the one thing that cannot be seen in a record before it is an event."""
    detail = f"an event of more than {limits.frame_bytes} bytes in the log: report less in it"
    return Flaw("frame_too_large", detail)


def _too_deep(limits: Limits) -> Flaw:
    return Flaw("too_deep", f"more than {limits.nesting} objects or arrays inside one another")


def _malformed(text: str, detail: str, limits: Limits) -> Flaw:
    """Tell numbers that are not finite from text that is no JSON."""
    try:
        record = json.loads(text, parse_int=float)
    except (ValueError, RecursionError):
        return Flaw("invalid_json", _part_of_more(text) or detail)
    if depth(record) > limits.nesting:
        return _too_deep(limits)
    for path, leaf in _leaves(record, "$"):
        if isinstance(leaf, float) and not math.isfinite(leaf):
            return _not_finite(path)
    # A key that is written twice hides its first value from the leaves.
    return _not_finite(None) if "out of range" in detail else Flaw("invalid_json", detail)


def _not_finite(path: str | None) -> Flaw:
    detail = "NaN, Infinity or a number beyond 1.8e308: leave out what is not there"
    return Flaw("not_finite", detail, path)


def _part_of_more(text: str) -> str | None:
    """Recognise a line of JSON that was written over several lines."""
    line = text.strip()
    if line in ("[", "]", "{", "}", "},") or (line.startswith("{") and line.endswith("},")):
        return "part of an array, or of an indented object: write each event on a line of its own"
    return None


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, path + _step(key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _leaves(item, f"{path}[{i}]")
    else:
        yield path, value


def _step(name: str) -> str:
    if _PLAIN_NAME.fullmatch(name):
        return f".{name[:64]}"
    return f"[{json.dumps(name[:64])}]"


def _metrics(record: dict[str, Any], limits: Limits) -> Iterator[Flaw]:
    if "metrics" not in record:
        yield Flaw(
            "missing_metrics",
            "there are no `metrics`: say where they are with --metrics .path, "
            "or take every number with --metrics auto",
        )
        return
    metrics = record["metrics"]
    if not isinstance(metrics, dict):
        yield _wrong("$.metrics", metrics, "an object of numbers")
        return
    if len(metrics) > limits.metrics:
        detail = f"{len(metrics)} metrics: at most {limits.metrics} are read"
        yield Flaw("too_many_metrics", detail, "$.metrics")
    for name, value in metrics.items():
        path = f"$.metrics{_step(name)}"
        if len(name.encode()) > limits.name_bytes and value is not None:
            detail = f"a name of {len(name.encode())} bytes: at most {limits.name_bytes} are read"
            yield Flaw("name_too_long", detail, path)
        yield from _number(path, value)


def _number(path: str, value: object) -> Iterator[Flaw]:
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        yield _wrong(path, value, "a number")
    elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        yield _too_large(path)


def _label(label: object, limits: Limits) -> Iterator[Flaw]:
    if not isinstance(label, str):
        yield _wrong("$.label", label, "text")
    elif len(label.encode()) > limits.label_bytes:
        detail = f"a label of {len(label.encode())} bytes: at most {limits.label_bytes} are read"
        yield Flaw("label_too_long", detail, "$.label")


def _time(time: object) -> Iterator[Flaw]:
    if isinstance(time, bool) or not isinstance(time, str | int | float | None):
        yield _wrong("$.time", time, "RFC 3339 text or epoch seconds")
    elif time is not None:
        try:
            parse_time(time)
        except ValueError as error:
            reason = "no_zone" if "has no zone" in str(error) else "bad_time"
            yield Flaw(reason, f"time {error}", "$.time")


def _texts(record: dict[str, Any]) -> Iterator[Flaw]:
    for name in ("error", "id"):
        if not isinstance(record.get(name), str | None):
            yield _wrong(f"$.{name}", record[name], "text")
    if record.get("outcome") not in (None, "ok", "failed"):
        yield Flaw("wrong_type", 'outcome is neither "ok" nor "failed"', "$.outcome")


def _attributes(record: dict[str, Any]) -> Iterator[Flaw]:
    attributes = record.get("attributes")
    if not isinstance(attributes, dict | None):
        yield _wrong("$.attributes", attributes, "an object")
        return
    for name, value in (attributes or {}).items():
        if isinstance(value, dict | list):
            yield _wrong(f"$.attributes{_step(name)}", value, "a scalar")
        yield from _large_integer(f"$.attributes{_step(name)}", value)
    for name, value in record.items():
        if name not in ("metrics", "value"):
            yield from _large_integer(f"${_step(name)}", value)


def _large_integer(path: str, value: object) -> Iterator[Flaw]:
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        yield _too_large(path)


def _too_large(path: str) -> Flaw:
    return Flaw(
        "integer_too_large",
        "an integer beyond 2**53, which a float64 would round: write it with a decimal point "
        "where that is no harm, or as text among the attributes",
        path,
    )


def _wrong(path: str, value: object, expected: str) -> Flaw:
    return Flaw("wrong_type", f"{_KINDS[type(value)]} where {expected} is expected", path)
