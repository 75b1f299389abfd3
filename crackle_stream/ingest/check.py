"""The limits that lines are held to, for events that come from Python."""

from __future__ import annotations

from typing import Final

from crackle_stream.event import TaskEvent
from crackle_stream.ingest.limits import Limits

LIMITS: Final = Limits()


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
    _check_text("label", event.label, limits.label_bytes)
    for name in event.metrics:
        _check_text("metric name", name, limits.name_bytes)
    if len(event.metrics) > limits.metrics:
        raise ValueError(
            f"task {event.label[:20]!r} reports {len(event.metrics)} metrics, "
            f"more than {limits.metrics}: report fewer, or fire it as several tasks"
        )


def _check_text(what: str, text: str, most: int) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > most:
        raise ValueError(f"{what} '{text[:20]}…' has {size} bytes, more than {most}: shorten it")
