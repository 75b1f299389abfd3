"""A task while it runs: it collects metrics, and is recorded when it ends, however it ends."""

from __future__ import annotations

import asyncio
import numbers
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final

import msgspec

from crackle_stream.clock import elapsed, now
from crackle_stream.event import Scalar, TaskEvent, finite_metric
from crackle_stream.ingest.check import LIMITS
from crackle_stream.ingest.limits import depth
from crackle_stream.task import Metrics, TaskOutput

VALUE_BYTES: Final = 1 << 18
"""Largest JSON text of a result that is kept: well below the longest line that can be read."""


class Firing:
    """What ``with kiln.firing("label") as task:`` gives; also for ``async with``.

    The task is recorded when the block ends, with its start and duration; an exception is
    recorded as ``outcome: failed`` and goes on.
    """

    def __init__(self, record: Callable[[TaskEvent], int], label: str) -> None:
        self._record = record
        self._label = label
        self._metrics: dict[str, float] = {}
        self._attributes: dict[str, Scalar] = {}
        self._value: Any = None
        self._time = 0
        self._start = 0.0
        self.position: int | None = None
        """Log position of the recorded event, once the block has ended."""

    def metric(self, name: str, value: float) -> None:
        """Report a number; the last report of a name counts.

        Raises
        ------
        ValueError
            When it is not finite.
        """
        self._metrics[name] = finite_metric(name, value)

    def attribute(self, name: str, value: Scalar) -> None:
        """Keep something scalar beside the metrics."""
        self._attributes[name] = value

    def result(self, value: Any) -> None:
        """Take a task's result: a `TaskOutput`, a dict of numbers (as metrics), or anything.

        It is kept as the event's value if it has a JSON form of no more than 256 KiB.

        Raises
        ------
        ValueError
            When one of the numbers is not finite.
        """
        metrics: Metrics = {}
        if isinstance(value, TaskOutput):
            metrics, value = value.metrics, value.value
        elif _is_metrics(value):
            metrics, value = value, None
        for name, number in metrics.items():
            self.metric(name, number)
        self._value = value if _has_json(value) else None

    def __enter__(self) -> Firing:
        self._time, self._start = now(), elapsed()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.position = self._record(self._event(error))

    async def __aenter__(self) -> Firing:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Recording waits for the disk; the event loop must not. No task of its own, since a loop
        # that ends cancels its tasks, and what waits for a thread would never be recorded.
        loop = asyncio.get_running_loop()
        recording = loop.run_in_executor(None, self._record, self._event(error))
        self.position = await asyncio.shield(recording)

    def _event(self, error: BaseException | None) -> TaskEvent:
        return TaskEvent(
            metrics=self._metrics,
            label=self._label,
            time=self._time,
            duration=elapsed() - self._start,
            outcome="ok" if error is None else "failed",
            error=None if error is None else _error_text(error),
            attributes=self._attributes or None,
            value=self._value,
        )


def _error_text(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}".removesuffix(": ")[:1024]
    # File names that are no UTF-8 reach messages as lone surrogates.
    return text.encode("utf-8", "backslashreplace").decode()


def _is_metrics(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(
            isinstance(name, str) and isinstance(number, numbers.Real)
            for name, number in value.items()
        )
    )


def _has_json(value: Any) -> bool:
    try:
        text = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False
    return len(text) <= VALUE_BYTES and depth(msgspec.json.decode(text)) < LIMITS.nesting
