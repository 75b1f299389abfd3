"""The limits that lines are held to, for events that come from Python."""

from __future__ import annotations

import math
import re
from typing import Final

from crackle_stream.event import ANONYMOUS, LARGEST_INTEGER, Scalar, TaskEvent, finite_metric
from crackle_stream.ingest.limits import Limits
from crackle_stream.ingest.size import size_of

LIMITS: Final = Limits()

_SURROGATE = re.compile(r"[\ud800-\udfff]")


def check_event(event: TaskEvent, limits: Limits = LIMITS) -> None:
    """Raise when an event passes a limit, before anything of it is written.

    Raises
    ------
    ValueError
        Naming the event, the limit and what to do.

    Examples
    --------
    >>> check_event(TaskEvent(metrics={"x": 1.0}, label="a" * 300))
    Traceback (most recent call last):
        ...
    ValueError: label 'aaaaaaaaaaaaaaaaaaaa…' has 300 bytes, more than 256: shorten it
    """
    if event.label != ANONYMOUS:
        _check_size("label", event.label, limits.label_bytes)
    for name, value in event.metrics.items():
        _check_size("metric name", name, limits.name_bytes)
        finite_metric(name, value)
    _check_text("id", event.id or "")
    _check_text("error", event.error or "")
    if len(event.metrics) > limits.metrics:
        raise ValueError(
            f"task {event.label[:20]!r} reports {len(event.metrics)} metrics, "
            f"more than {limits.metrics}: report fewer, or fire it as several tasks"
        )
    for name, item in (event.attributes or {}).items():
        _check_attribute(name, item)
    size = size_of(event)
    if size > limits.frame_bytes:
        raise ValueError(
            f"task {event.label[:20]!r} takes {size} bytes, more than {limits.frame_bytes}: "
            "report less in it"
        )


def _check_text(what: str, text: str) -> None:
    if _SURROGATE.search(text):
        raise ValueError(f"{what} {text[:20]!r} holds half a character, which is no text: mend it")


def _check_size(what: str, text: str, most: int) -> None:
    _check_text(what, text)
    size = len(text.encode())
    if size > most:
        raise ValueError(f"{what} '{text[:20]}…' has {size} bytes, more than {most}: shorten it")


def _check_attribute(name: str, item: Scalar) -> None:
    _check_text("attribute", name)
    if isinstance(item, str):
        _check_text(f"attribute {name[:20]!r}", item)
    if not isinstance(item, str | int | float | None):
        raise ValueError(f"attribute {name[:20]!r} is a {type(item).__name__}: give a scalar")
    if isinstance(item, float) and not math.isfinite(item):
        raise ValueError(
            f"attribute {name[:20]!r} is {item}: give a finite number, or leave it out"
        )
    if isinstance(item, int) and abs(item) > LARGEST_INTEGER:
        raise ValueError(
            f"attribute {name[:20]!r} is an integer beyond 2**53, which a reader of JSON may "
            "round: give it as text"
        )
