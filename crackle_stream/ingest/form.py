"""The Struct that a source's lines are decoded into, made for the fields and metrics they have.

A Struct made for one set of metric names decodes faster than a dict, and one that forbids what it
does not know notices every line that is different.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from crackle_stream.event import ANONYMOUS, LARGEST_INTEGER, Outcome
from crackle_stream.ingest.limits import Limits, depth

# Decoded into a float field, an integer literal beyond 2**53 would be rounded in silence.
Number: TypeAlias = Annotated[int, Meta(ge=-LARGEST_INTEGER, le=LARGEST_INTEGER)] | float
Attribute: TypeAlias = Number | str | bool | None
Row: TypeAlias = Any
"""A decoded line: a Struct with the fields of its form."""

OPTIONAL: Final[dict[str, tuple[Any, Any]]] = {
    "duration": (Number | None, None),
    "outcome": (Outcome | None, None),
    "error": (str | None, None),
    "id": (str | None, None),
    "attributes": (dict[str, Attribute] | None, None),
    "value": (Raw, Raw()),
}
"""Fields of an event beside label, time and metrics: type and default of each."""

# What is nested in an unknown field is not kept, but is no reason to leave the fast path.
_EXTRA: Final[Any] = Attribute | dict[str, Any] | list[Any] | UnsetType

REFUSED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises on a bad line; the last two are no `MsgspecError`."""

_ALWAYS: Final = ("metrics", "label", "time")
_MOST_EXTRAS: Final = 32
_NO_FIELD_NAME: Final = re.compile(r'["\\\x00-\x1f]')


class Form(Struct, frozen=True):
    """What lines look like, and the decoders made for it.

    Parameters
    ----------
    optional
        Fields of `OPTIONAL` that rows have.
    extras
        Unknown fields that rows have, as ``x0``, ``x1`` and so on.
    names
        The only set of metric names, sorted; None when metrics are decoded into a dict.
    row
        The type of a row.
    decode_line, decode_lines
        Line to row, and lines to rows.
    """

    optional: tuple[str, ...]
    extras: tuple[str, ...]
    names: tuple[str, ...] | None
    row: type
    decode_line: Callable[[bytes], Row]
    decode_lines: Callable[[bytes], list[Row]]


@functools.lru_cache(maxsize=128)
def make_form(
    optional: tuple[str, ...],
    extras: tuple[str, ...],
    names: tuple[str, ...] | None,
    limits: Limits,
) -> Form:
    """Make decoders for lines that have some of these fields, and (unless None) these metrics.

    Where no Struct can be made for the names, a form that needs none is given.
    """
    if len(extras) > _MOST_EXTRAS or not _are_field_names(extras):
        return make_crowded_form(limits)
    if names is not None and not _are_field_names(names):
        names = None
    fields: list[tuple[str, Any, Any]] = [
        ("metrics", _metrics_type(names, limits), msgspec.NODEFAULT),
        ("label", str, ANONYMOUS),
        ("time", Number | str | None, None),
        *((name, *OPTIONAL[name]) for name in optional),
        *((f"x{i}", _EXTRA, UNSET) for i in range(len(extras))),
    ]
    rename = {f"x{i}": name for i, name in enumerate(extras)}
    row = msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, gc=False)
    decoder = msgspec.json.Decoder(row)
    return Form(optional, extras, names, row, decoder.decode, decoder.decode_lines)


@functools.lru_cache(maxsize=8)
def make_crowded_form(limits: Limits) -> Form:
    """Make decoders for lines with any unknown fields; these become attributes beforehand."""
    form = make_form(tuple(OPTIONAL), (), None, limits)
    decode = form.decode_line
    return msgspec.structs.replace(
        form, decode_line=lambda line: decode(_gather_unknown(line, limits))
    )


def is_known(field: str) -> bool:
    """Whether an event has a field of that name."""
    return field in _ALWAYS or field in OPTIONAL


def _gather_unknown(line: bytes, limits: Limits) -> bytes:
    """Move unknown scalars into the attributes; what cannot be an event is left to be refused."""
    record = msgspec.json.decode(line)
    if not isinstance(record, dict) or depth(record) > limits.nesting:
        return line
    if not isinstance(record.get("attributes"), dict | None):
        return line
    known = {name: value for name, value in record.items() if is_known(name)}
    unknown = {
        name: value
        for name, value in record.items()
        if not is_known(name) and not isinstance(value, dict | list)
    }
    if unknown:
        known["attributes"] = unknown | (record.get("attributes") or {})
    return msgspec.json.encode(known)


def _are_field_names(names: tuple[str, ...]) -> bool:
    return not any(map(_NO_FIELD_NAME.search, names))


def _metrics_type(names: tuple[str, ...] | None, limits: Limits) -> Any:
    if names is None:
        return Annotated[dict[str, Number | None], Meta(max_length=limits.metrics)]
    return msgspec.defstruct(
        "Metrics",
        [(f"m{i}", Number) for i in range(len(names))],
        rename={f"m{i}": name for i, name in enumerate(names)},
        forbid_unknown_fields=True,
        gc=False,
    )
