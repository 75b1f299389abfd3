"""JSON Schemas of what is read and written, made from the Structs."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from crackle_stream.event import EventLine
from crackle_stream.pattern import Pattern

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def event_schema() -> dict[str, Any]:
    """Give the JSON Schema of one line of events.

    Examples
    --------
    >>> event_schema()["$defs"]["EventLine"]["required"]
    ['metrics']
    """
    return _schema(EventLine, "An event of crackle-stream: one JSON object a line")


def pattern_schema() -> dict[str, Any]:
    """Give the JSON Schema of one pattern, of any kind.

    Examples
    --------
    >>> pattern_schema()["discriminator"]["propertyName"]
    'kind'
    """
    return _schema(Pattern, "A pattern found by crackle-stream: one JSON object a line")


def schema_text(schema: dict[str, Any]) -> str:
    """Write a schema as it stands in its file."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def _schema(type_: Any, title: str) -> dict[str, Any]:
    return {"$schema": _DIALECT, "title": title, **msgspec.json.schema(type_)}
