"""What is decided about a log, kept as events in a stream of its own beside it.

Markers, the beginnings of cycles, and metrics that tasks amended when they looked back. The
stream has the log's format and a lock of its own, so that deciding never waits for firing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from crackle_stream.clock import now
from crackle_stream.event import EventBatch, TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog

DIRECTORY: Final = "decisions"

Topic: TypeAlias = Literal["marker", "reset", "amendment"]


class Amendment(Struct, frozen=True):
    """Metrics that override those of one event, from a checkpoint on.

    Parameters
    ----------
    position
        Log position of the event.
    since
        Checkpoints at this position or later see the amendment; earlier ones did not.
    metrics
        What it reports now.
    """

    position: int
    since: int
    metrics: dict[str, float]


class Decisions:
    """The decision stream of one log.

    The stream is opened for each decision and left again, so that several processes may decide
    about one log.

    Parameters
    ----------
    path
        The stream's directory; None keeps it in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._memory = EventLog.in_memory() if path is None else None

    @classmethod
    def of(cls, log: EventLog) -> Decisions:
        """Give the decisions beside a log."""
        return cls(None if log.path is None else log.path / DIRECTORY)

    def mark(self, name: str, position: int) -> int:
        """Set a marker before the event that will stand at a position."""
        self._decide("marker", name, position)
        return position

    def reset(self, position: int) -> None:
        """Begin a new cycle at a position."""
        self._decide("reset", "", position)

    def amend(self, position: int, metrics: Mapping[str, float], since: int) -> None:
        """Let metrics override those of the event at a position, for checkpoints from `since`."""
        self._decide("amendment", "", position, dict(metrics), since)

    def markers(self) -> dict[int, str]:
        """Give marker names by the position they stand at; the last one of a position counts."""
        return {_place(event): str(_attribute(event, "name")) for event in self._events("marker")}

    def last_reset(self) -> int:
        """Give the position at which the present cycle began."""
        return max((_place(event) for event in self._events("reset")), default=0)

    def amendments(self, checkpoint: int) -> Amendments:
        """Give the amendments that a checkpoint sees."""
        seen = [
            Amendment(_place(event), int(str(_attribute(event, "since"))), event.metrics)
            for event in self._events("amendment")
        ]
        return Amendments({a.position: a.metrics for a in seen if a.since <= checkpoint})

    def _decide(
        self,
        topic: Topic,
        name: str,
        position: int,
        metrics: dict[str, float] | None = None,
        since: int = 0,
    ) -> None:
        event = TaskEvent(
            metrics=metrics or {},
            label=topic,
            time=now(),
            attributes={"name": name, "position": position, "since": since},
        )
        with self._writing() as log:
            log.append(batch_events([event]))

    def _events(self, topic: Topic) -> Iterator[TaskEvent]:
        log = self._reading()
        if log is None:
            return
        for block in log.blocks(columns=("labels", "attributes")):
            events = (block.batch.event(row) for row in range(len(block.batch)))
            yield from (event for event in events if event.label == topic)

    def _reading(self) -> EventLog | None:
        if self._path is None:
            return self._memory
        return EventLog.open(self._path) if self._path.is_dir() else None

    def _writing(self) -> AbstractContextManager[EventLog]:
        if self._memory is not None:
            return nullcontext(self._memory)
        return EventLog.create_or_open(Path(str(self._path)))


class Amendments:
    """Overriding metrics by log position, laid over batches as they are read."""

    def __init__(self, metrics: Mapping[int, Mapping[str, float]]) -> None:
        self._metrics = metrics
        self._positions = np.array(sorted(metrics), np.int64)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Amendments) and self._metrics == other._metrics

    __hash__ = None  # type: ignore[assignment]

    def over(self, batch: EventBatch, first: int) -> EventBatch:
        """Give a batch that begins at a position, with the amendments to it applied."""
        positions = self._within(first, first + len(batch))
        if not len(positions):
            return batch
        events = [batch.event(row) for row in range(len(batch))]
        for position in positions.tolist():
            event = events[position - first]
            metrics = {**event.metrics, **self._metrics[position]}
            events[position - first] = replace(event, metrics=metrics)
        return batch_events(events)

    def of(self, position: int) -> Mapping[str, float]:
        """Give the overriding metrics of one event; none where nothing was amended."""
        return self._metrics.get(position, {})

    def _within(self, first: int, stop: int) -> NDArray[np.int64]:
        low, high = np.searchsorted(self._positions, [first, stop])
        return self._positions[low:high]


def _attribute(event: TaskEvent, name: str) -> object:
    return (event.attributes or {}).get(name)


def _place(event: TaskEvent) -> int:
    return int(str(_attribute(event, "position")))
