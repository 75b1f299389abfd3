"""Decoded lines as columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain, count
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET
from msgspec.structs import astuple
from numpy.typing import NDArray

from crackle_stream.event import ANONYMOUS, OUTCOMES, EventBatch, MetricMatrix, Scalar
from crackle_stream.ingest.form import REFUSED, Form, Row
from crackle_stream.ingest.limits import Limits, depth
from crackle_stream.ingest.size import size_of
from crackle_stream.ingest.times import parse_times

_GROWTH: Final = 5
"""An event takes less than so many times the bytes of its line."""

_CODE = {outcome: code for code, outcome in enumerate(OUTCOMES)}


def put_into_columns(rows: list[Row], form: Form, limits: Limits) -> tuple[EventBatch, list[int]]:
    """Put rows of one form into columns.

    Returns
    -------
    tuple
        The batch, and the rows that no decoder refuses but that are no events: they break a
        limit, or their time is no moment.
    """
    matrices, set_of, row_of = _metrics(rows, form)
    labels: list[str] = _take("label", rows)
    times, no_moments = parse_times(_take("time", rows))
    values, no_values = _values(rows, form, limits)
    attributes, too_deep = _attributes(rows, form, limits)
    batch = EventBatch(
        matrices=matrices,
        set_of=set_of,
        row_of=row_of,
        times=times,
        labels=labels,
        ids=_optional("id", rows, form),
        durations=_durations(_optional("duration", rows, form)),
        outcomes=_outcomes(_optional("outcome", rows, form)),
        errors=_optional("error", rows, form),
        attributes=attributes,
        values=values,
    )
    flawed = {*no_moments, *no_values, *too_deep, *_long_labels(labels, limits)}
    flawed.update(_large_events(batch, flawed, limits))
    flawed.update(_long_names(matrices, set_of, limits))
    return batch, sorted(flawed)


def _take(name: str, rows: list[Row]) -> list[Any]:
    return list(map(attrgetter(name), rows))


def _optional(name: str, rows: list[Row], form: Form) -> list[Any] | None:
    """Give a column; None when no row fills it."""
    if name not in form.optional:
        return None
    column = _take(name, rows)
    return None if column.count(None) == len(column) else column


def _durations(column: list[float | None] | None) -> NDArray[np.float64] | None:
    return None if column is None else np.array(column, np.float64)


def _outcomes(column: list[Any] | None) -> NDArray[np.uint8] | None:
    return None if column is None else np.array([_CODE[outcome] for outcome in column], np.uint8)


Metrics = tuple[tuple[MetricMatrix, ...], NDArray[np.uint32], NDArray[np.uint32]]


def _metrics(rows: list[Row], form: Form) -> Metrics:
    metrics = _take("metrics", rows)
    if form.names is None:
        return _group(metrics)
    if not rows:
        return (), np.empty(0, np.uint32), np.empty(0, np.uint32)
    size = len(rows) * len(form.names)
    flat = np.fromiter(chain.from_iterable(map(astuple, metrics)), np.float64, size)
    values = np.asfortranarray(flat.reshape(len(rows), len(form.names)))
    return (
        (MetricMatrix(form.names, values),),
        np.zeros(len(rows), np.uint32),
        np.arange(len(rows), dtype=np.uint32),
    )


def _without_nulls(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: number for name, number in metrics.items() if number is not None}


def _group(metrics: list[dict[str, Any]]) -> Metrics:
    """Group rows by their set of names, in order of appearance.

    All numbers go into one array in the order in which they are written; a matrix is picked out
    of it by index, so that names written in another order cost nothing.
    """
    number: defaultdict[tuple[str, ...], int] = defaultdict(count().__next__)
    orders = map(number.__getitem__, map(tuple, metrics))
    order_of = np.fromiter(orders, np.intp, len(metrics))
    widths = np.array([len(order) for order in number], np.intp)[order_of]
    flat = np.fromiter(chain.from_iterable(map(dict.values, metrics)), np.float64, widths.sum())
    if np.isnan(flat).any():  # JSON has no NaN: it stands for a null
        return _group([_without_nulls(numbers) for numbers in metrics])
    starts = np.cumsum(widths) - widths
    index, places, homes = _sets_of(number)
    set_of = homes[order_of, 0]
    row_of = np.empty(len(metrics), np.uint32)
    by_set = np.split(np.argsort(set_of, kind="stable"), np.bincount(set_of).cumsum())
    matrices = []
    for names, place, mine in zip(index, places, by_set, strict=False):
        row_of[mine] = np.arange(len(mine))
        columns = np.array(place, np.intp)[homes[order_of[mine], 1]]
        values = flat[starts[mine, np.newaxis] + columns]
        matrices.append(MetricMatrix(names, np.asfortranarray(values)))
    return tuple(matrices), set_of.astype(np.uint32), row_of


def _sets_of(
    orders: Iterable[tuple[str, ...]],
) -> tuple[list[tuple[str, ...]], list[list[list[int]]], NDArray[np.intp]]:
    """Find which orders of names are the same set.

    Returns
    -------
    tuple
        The sets, their names sorted; for each set and each order in which it is written, where
        each name stands; for each order, its set and its number in it.
    """
    sets: dict[tuple[str, ...], list[list[int]]] = {}
    numbers: dict[tuple[str, ...], int] = {}
    homes = []
    for order in orders:
        names = tuple(sorted(order))
        places = sets.setdefault(names, [])
        homes.append((numbers.setdefault(names, len(numbers)), len(places)))
        places.append(sorted(range(len(order)), key=order.__getitem__))
    return list(sets), list(sets.values()), np.array(homes, np.intp).reshape(-1, 2)


def _values(
    rows: list[Row], form: Form, limits: Limits
) -> tuple[list[bytes | None] | None, list[int]]:
    """Give the JSON texts of the results; a decoder skips them unread, so they are checked here."""
    if "value" not in form.optional:
        return None, []
    column = [bytes(raw) or None for raw in _take("value", rows)]
    column = [None if text == b"null" else text for text in column]
    flawed = [i for i, text in enumerate(column) if text is not None and not _fits(text, limits)]
    return (None if column.count(None) == len(column) else column), flawed


def _fits(text: bytes, limits: Limits) -> bool:
    try:
        return depth(msgspec.json.decode(text)) < limits.nesting
    except REFUSED:
        return False


def _attributes(
    rows: list[Row], form: Form, limits: Limits
) -> tuple[list[dict[str, Scalar] | None] | None, list[int]]:
    """Give the attributes, unknown scalar fields among them."""
    own = _optional("attributes", rows, form)
    if not form.extras:
        return own, []
    merged: list[dict[str, Scalar]] = [{} for _ in rows]
    too_deep: set[int] = set()
    for i, name in enumerate(form.extras):
        column = _take(f"x{i}", rows)
        if not {dict, list}.isdisjoint(map(type, column)):
            too_deep.update(_drop_nested(column, limits))
        for attributes, item in zip(merged, column, strict=True):
            if item is not UNSET:
                attributes[name] = item
    if own is not None:
        merged = [extra | (given or {}) for extra, given in zip(merged, own, strict=True)]
    return [attributes or None for attributes in merged], sorted(too_deep)


def _drop_nested(column: list[Any], limits: Limits) -> list[int]:
    """Take out what is nested; give the rows where it is nested too deep."""
    nested = [row for row, item in enumerate(column) if isinstance(item, dict | list)]
    too_deep = [row for row in nested if depth(column[row]) >= limits.nesting]
    for row in nested:
        column[row] = UNSET
    return too_deep


def _long_labels(labels: list[str], limits: Limits) -> list[int]:
    if max(map(len, labels), default=0) <= limits.label_bytes // 4:
        return []
    return [
        i
        for i, label in enumerate(labels)
        if label != ANONYMOUS and len(label.encode()) > limits.label_bytes
    ]


def _long_names(
    matrices: tuple[MetricMatrix, ...], set_of: NDArray[np.uint32], limits: Limits
) -> list[int]:
    long = [
        i
        for i, matrix in enumerate(matrices)
        if any(len(name.encode()) > limits.name_bytes for name in matrix.names)
    ]
    return np.flatnonzero(np.isin(set_of, long)).tolist() if long else []


def _large_events(batch: EventBatch, flawed: set[int], limits: Limits) -> list[int]:
    if limits.line_bytes * _GROWTH <= limits.frame_bytes:
        return []
    rows = (row for row in range(len(batch)) if row not in flawed)
    return [row for row in rows if size_of(batch.event(row)) > limits.frame_bytes]
