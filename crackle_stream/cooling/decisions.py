"""What is decided about a log, kept as events in a stream of its own beside it.

Markers, the beginnings of cycles, metrics that tasks amended when they looked back, and patterns
that somebody acknowledged. The stream has the log's format and a lock of its own, so that
deciding never waits for firing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from crackle_stream.clock import Deadline, now
from crackle_stream.cooling.acknowledged import Acknowledgement, Acknowledgements
from crackle_stream.errors import LogFormatError, LogLockedError
from crackle_stream.event import EventBatch, Scalar, TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog

DIRECTORY: Final = "decisions"
PATIENCE_S: Final = 10.0
"""How long a decision waits for another to be written, which takes milliseconds."""

Topic: TypeAlias = Literal["marker", "reset", "amendment", "acknowledgement"]


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

    The stream is opened for each decision and left again, so that several threads and processes
    may decide about one log; each waits for its turn.

    Parameters
    ----------
    path
        The stream's directory; None keeps it in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._turn = threading.Lock()
        self._memory = EventLog.in_memory() if path is None else None

    @classmethod
    def of(cls, log: EventLog) -> Decisions:
        """Give the decisions beside a log."""
        return cls(None if log.path is None else log.path / DIRECTORY)

    def mark(self, name: str, position: int) -> int:
        """Set a marker before the event that will stand at a position."""
        self._decide(_decision("marker", position, name=name))
        return position

    def reset(self, position: int) -> None:
        """Begin a new cycle at a position."""
        self._decide(_decision("reset", position))

    def amend(self, amendments: Sequence[Amendment]) -> None:
        """Let metrics override those that were recorded: all amendments of a cooling, or none."""
        self._decide(
            *(_decision("amendment", a.position, a.metrics, since=a.since) for a in amendments)
        )

    def markers(self) -> dict[int, tuple[str, ...]]:
        """Give the names of the markers at each position that has some, in the order set."""
        found: dict[int, tuple[str, ...]] = {}
        for event in self._events("marker"):
            at = _place(event)
            found[at] = (*found.get(at, ()), str(_attribute(event, "name")))
        return found

    def last_reset(self) -> int:
        """Give the position at which the present cycle began."""
        return max(self.resets(), default=0)

    def resets(self) -> list[int]:
        """Give the positions at which new cycles began, in the order set."""
        return [_place(event) for event in self._events("reset")]

    def amendments(self, checkpoint: int) -> Amendments:
        """Give the amendments that a checkpoint sees."""
        seen = [
            Amendment(_place(event), _number(event, "since"), event.metrics)
            for event in self._events("amendment")
        ]
        return Amendments({a.position: a.metrics for a in seen if a.since <= checkpoint})

    def acknowledge(self, *acknowledgements: Acknowledgement) -> None:
        """Let patterns alarm no more until they change, or let them again."""
        self._decide(
            *(
                _decision("acknowledgement", told.since, name=told.key, value=told)
                for told in acknowledgements
            )
        )

    def acknowledgements(self, checkpoint: int) -> Acknowledgements:
        """Give what is acknowledged at a checkpoint."""
        decided = [_acknowledgement(event) for event in self._events("acknowledgement")]
        return Acknowledgements(one for one in decided if one.since <= checkpoint)

    def _decide(self, *events: TaskEvent) -> None:
        batch = batch_events(list(events))
        with self._turn, self._writing() as log:
            log.append(batch)

    def _events(self, topic: Topic) -> Iterator[TaskEvent]:
        log = self._reading()
        if log is None:
            return
        for block in log.blocks(columns=("labels", "attributes", "values")):
            events = (block.batch.event(row) for row in range(len(block.batch)))
            yield from (event for event in events if event.label == topic)

    def _reading(self) -> EventLog | None:
        if self._path is None:
            return self._memory
        # A crash may have left the directory with nothing in it.
        there = self._path.is_dir() and any(self._path.iterdir())
        return EventLog.open(self._path) if there else None

    def _writing(self) -> AbstractContextManager[EventLog]:
        if self._memory is not None:
            return nullcontext(self._memory)
        return _in_turn(Path(str(self._path)))


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


def _in_turn(path: Path) -> EventLog:
    """Open the stream for writing, once whoever is writing a decision has left it."""
    deadline = Deadline(PATIENCE_S)
    while True:
        try:
            return EventLog.create_or_open(path)
        except LogLockedError:
            if deadline.passed():
                raise
            time.sleep(0.005)


def _decision(
    topic: Topic,
    position: int,
    metrics: dict[str, float] | None = None,
    *,
    name: str = "",
    since: int = 0,
    value: object = None,
) -> TaskEvent:
    attributes: dict[str, Scalar] = {"name": name, "position": position, "since": since}
    return TaskEvent(
        metrics=metrics or {}, label=topic, time=now(), attributes=attributes, value=value
    )


def _acknowledgement(event: TaskEvent) -> Acknowledgement:
    try:
        return msgspec.convert(event.value, Acknowledgement)
    except msgspec.ValidationError as error:
        raise LogFormatError(_unreadable("an acknowledgement", f"no pattern ({error})")) from error


def _attribute(event: TaskEvent, name: str) -> object:
    return (event.attributes or {}).get(name)


def _place(event: TaskEvent) -> int:
    return _number(event, "position")


def _number(event: TaskEvent, name: str) -> int:
    number = _attribute(event, name)
    if type(number) is not int or not 0 <= number < 2**63:
        raise LogFormatError(
            _unreadable(f"a {event.label}", f"no {name} that can be one ({number!r})")
        )
    return number


def _unreadable(what: str, lack: str) -> str:
    return (
        f"{what} among the decisions has {lack}: this version did not write it; "
        f"move the directory {DIRECTORY} away to go on without"
    )
