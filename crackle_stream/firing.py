"""A task while it runs: it collects metrics, and is recorded when it ends, however it ends."""

from __future__ import annotations

import asyncio
import numbers
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from crackle_stream.clock import elapsed, now
from crackle_stream.event import Scalar, TaskEvent
from crackle_stream.task import TaskOutput


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
        """Report a number; the last report of a name counts."""
        self._metrics[name] = float(value)

    def attribute(self, name: str, value: Scalar) -> None:
        """Keep something scalar beside the metrics."""
        self._attributes[name] = value

    def result(self, value: Any) -> None:
        """Take a task's result: a `TaskOutput`, a dict of numbers (as metrics), or anything."""
        if isinstance(value, TaskOutput):
            self._metrics.update(value.metrics)
            value = value.value
        elif _is_metrics(value):
            self._metrics.update({name: float(number) for name, number in value.items()})
            value = None
        self._value = value if _is_json(value) else None

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
        # Recording waits for the disk; the event loop must not.
        event = self._event(error)
        self.position = await asyncio.shield(asyncio.to_thread(self._record, event))

    def _event(self, error: BaseException | None) -> TaskEvent:
        return TaskEvent(
            metrics=self._metrics,
            label=self._label,
            time=self._time,
            duration=elapsed() - self._start,
            outcome="ok" if error is None else "failed",
            error=None if error is None else f"{type(error).__name__}: {error}"[:1024],
            attributes=self._attributes or None,
            value=self._value,
        )


def _is_metrics(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(
            isinstance(name, str) and isinstance(number, numbers.Real)
            for name, number in value.items()
        )
    )


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(_is_json(item) for item in value)
    return value is None or isinstance(value, str | int | float | bool)
