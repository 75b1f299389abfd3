"""What a task reports: one event, its line of JSON, and a batch of events in columns."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from crackle_stream.timestamp import NO_TIME, format_time, parse_time

ANONYMOUS: Final = "anonymous task"

LARGEST_INTEGER: Final = 2**53
"""Beyond it a float64 no longer holds every integer: such numbers are rejected."""

T = TypeVar("T")

Scalar: TypeAlias = str | int | float | bool | None
Outcome: TypeAlias = Literal["ok", "failed"]

OUTCOMES: Final[tuple[Outcome | None, ...]] = (None, "ok", "failed")
"""The outcome that each code of `EventBatch.outcomes` stands for."""


class TaskEvent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that ran once: its label, its time and the numbers it reported.

    Parameters
    ----------
    metrics
        Named finite numbers; may be empty.
    label
        What ran.
    time
        When, in nanoseconds since 1970 UTC; None where the task did not say.
    duration
        How long it took, in seconds.
    outcome, error
        Whether it succeeded, and what it said when it did not.
    id
        The producer's own key, by which repeats are recognised.
    attributes
        Anything else scalar.
    value
        The task's result, JSON-like; kept, never analysed.
    """

    metrics: dict[str, float]
    label: str = ANONYMOUS
    time: int | None = None
    duration: float | None = None
    outcome: Outcome | None = None
    error: str | None = None
    id: str | None = None
    attributes: dict[str, Scalar] | None = None
    value: Any = None


class EventLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event as a line of JSON: what `crackle fire` reads and `crackle log cat` writes."""

    metrics: Annotated[
        dict[str, float | None],
        Meta(description="Named finite numbers; null means that the metric is absent."),
    ]
    label: Annotated[str, Meta(description="What ran.")] = ANONYMOUS
    time: Annotated[
        str | int | float | None,
        Meta(description="RFC 3339 with a zone, or seconds since 1970 UTC."),
    ] = None
    duration: Annotated[float | None, Meta(description="Seconds.")] = None
    outcome: Annotated[Outcome | None, Meta(description="Absent when unknown.")] = None
    error: Annotated[str | None, Meta(description="What a failed task said.")] = None
    id: Annotated[str | None, Meta(description="By which repeats are recognised.")] = None
    attributes: Annotated[dict[str, Scalar] | None, Meta(description="Anything else scalar.")] = (
        None
    )
    value: Annotated[Any, Meta(description="The task's result; kept, never analysed.")] = None


def to_line(event: TaskEvent) -> EventLine:
    """Write an event as it stands in a JSON line: the time becomes RFC 3339 text."""
    fields = {name: getattr(event, name) for name in TaskEvent.__struct_fields__}
    fields["time"] = None if event.time is None else format_time(event.time)
    return EventLine(**fields)


def from_line(line: EventLine) -> TaskEvent:
    """Read an event from its JSON form; the inverse of `to_line`.

    Raises
    ------
    ValueError
        When the time is no moment.
    """
    fields = {name: getattr(line, name) for name in TaskEvent.__struct_fields__}
    fields["time"] = None if line.time is None else parse_time(line.time)
    fields["metrics"] = {name: x for name, x in line.metrics.items() if x is not None}
    return TaskEvent(**fields)


class MetricMatrix(Struct, frozen=True):
    """The numbers of all events of a batch that report the same set of metrics.

    Parameters
    ----------
    names
        The metric names, sorted.
    values
        Shape (events, metrics), float64, column-major, finite.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]


class EventBatch(Struct, frozen=True, kw_only=True):
    """Events in columns, in log order: what ingest gives, the log keeps and windows read.

    Row ``i`` reports ``matrices[set_of[i]].values[row_of[i]]``. A column that no event of the
    batch fills is None, as is one that a reader did not ask for.

    Parameters
    ----------
    matrices, set_of, row_of
        The metrics: one matrix for each set of names (uint32 indices of length n).
    times
        int64 nanoseconds, `NO_TIME` where absent; length n.
    labels, ids, errors, attributes
        Lists of length n.
    durations
        float64 seconds, NaN where absent.
    outcomes
        uint8 indices into `OUTCOMES`.
    values
        The JSON text of each task's result.
    """

    matrices: tuple[MetricMatrix, ...]
    set_of: NDArray[np.uint32]
    row_of: NDArray[np.uint32]
    times: NDArray[np.int64]
    labels: list[str] | None = None
    ids: list[str | None] | None = None
    durations: NDArray[np.float64] | None = None
    outcomes: NDArray[np.uint8] | None = None
    errors: list[str | None] | None = None
    attributes: list[dict[str, Scalar] | None] | None = None
    values: list[bytes | None] | None = None

    def __len__(self) -> int:
        return len(self.set_of)

    def rows_by_set(self) -> list[NDArray[np.intp]]:
        """Give for each matrix the rows that use it, rising."""
        return _rows_by_set(self.set_of, len(self.matrices))

    def event(self, row: int) -> TaskEvent:
        """Give one row as an event."""
        matrix = self.matrices[self.set_of[row]]
        numbers = matrix.values[self.row_of[row]].tolist()
        time = int(self.times[row])
        duration = None if self.durations is None else float(self.durations[row])
        value = _at(self.values, row)
        return TaskEvent(
            metrics=dict(zip(matrix.names, numbers, strict=True)),
            label=ANONYMOUS if self.labels is None else self.labels[row],
            time=None if time == NO_TIME else time,
            duration=None if duration is None or np.isnan(duration) else duration,
            outcome=None if self.outcomes is None else OUTCOMES[self.outcomes[row]],
            error=_at(self.errors, row),
            id=_at(self.ids, row),
            attributes=_at(self.attributes, row),
            value=None if value is None else msgspec.json.decode(value),
        )

    def take(self, rows: NDArray[np.intp]) -> EventBatch:
        """Give some rows, in the order asked, as a batch of its own."""
        matrices, set_of, row_of = self._take_metrics(rows)
        return EventBatch(
            matrices=matrices,
            set_of=set_of,
            row_of=row_of,
            times=self.times[rows],
            labels=_pick(self.labels, rows),
            ids=_pick(self.ids, rows),
            durations=None if self.durations is None else self.durations[rows],
            outcomes=None if self.outcomes is None else self.outcomes[rows],
            errors=_pick(self.errors, rows),
            attributes=_pick(self.attributes, rows),
            values=_pick(self.values, rows),
        )

    def _take_metrics(
        self, rows: NDArray[np.intp]
    ) -> tuple[tuple[MetricMatrix, ...], NDArray[np.uint32], NDArray[np.uint32]]:
        old_set, old_row = self.set_of[rows], self.row_of[rows]
        used = np.unique(old_set)
        set_of = np.searchsorted(used, old_set).astype(np.uint32)
        row_of = np.empty(len(rows), np.uint32)
        matrices = []
        for old, mine in zip(used, _rows_by_set(set_of, len(used)), strict=True):
            row_of[mine] = np.arange(len(mine), dtype=np.uint32)
            matrix = self.matrices[old]
            picked = np.asfortranarray(matrix.values[old_row[mine]])
            matrices.append(MetricMatrix(matrix.names, picked))
        return tuple(matrices), set_of, row_of


def _rows_by_set(set_of: NDArray[np.uint32], sets: int) -> list[NDArray[np.intp]]:
    """Find the rows of each set at once: to look for those of one takes as long."""
    ends = np.bincount(set_of, minlength=sets).cumsum()
    return np.split(np.argsort(set_of, kind="stable"), ends)[:sets]


def finite_metric(name: str, value: float) -> float:
    """Give the value of a metric as a float; any real number will do, such as numpy's.

    Raises
    ------
    ValueError
        When it is no number, not finite, or an integer beyond 2**53.
    """
    try:
        finite = math.isfinite(value)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"metric {name!r} is no number that can be kept ({error})") from error
    if not finite:
        raise ValueError(
            f"metric {name!r} is {value}: report finite numbers, "
            "or leave the metric out where there is none"
        )
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise ValueError(
            f"metric {name!r} is an integer beyond 2**53, which would be rounded: "
            "report it as a float if that will do, or as text among the attributes"
        )
    return float(value)


def batch_events(events: list[TaskEvent]) -> EventBatch:
    """Put events into columns, keeping their order.

    Raises
    ------
    ValueError
        When a metric or a duration is not finite (JSON cannot say it, so the log does not keep
        it), a time lies outside int64, or an outcome is unknown.
    """
    sets: dict[tuple[str, ...], _Members] = {}
    as_written: dict[tuple[str, ...], _Members] = {}  # sorting each event's names would cost most
    set_of, row_of = [], []
    for event in events:
        names = tuple(event.metrics)
        members = as_written.get(names)
        if members is None:
            members = sets.setdefault(tuple(sorted(names)), (len(sets), []))
            as_written[names] = members
        set_of.append(members[0])
        row_of.append(len(members[1]))
        members[1].append(event.metrics)
    return EventBatch(
        matrices=tuple(_matrix(names, rows) for names, (_, rows) in sets.items()),
        set_of=np.array(set_of, np.uint32),
        row_of=np.array(row_of, np.uint32),
        times=_times(events),
        labels=[event.label for event in events],
        ids=_column([event.id for event in events]),
        durations=_durations(events),
        outcomes=_outcomes(events),
        errors=_column([event.error for event in events]),
        attributes=_column([event.attributes for event in events]),
        values=_column([None if e.value is None else msgspec.json.encode(e.value) for e in events]),
    )


_Members: TypeAlias = tuple[int, list[dict[str, float]]]
"""A set's number, and the metrics of the events that report it."""


def _matrix(names: tuple[str, ...], rows: list[dict[str, float]]) -> MetricMatrix:
    numbers = [[metrics[name] for metrics in rows] for name in names]
    values = np.array(numbers, np.float64).reshape(len(names), len(rows)).T
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        finite_metric(names[column], values[row, column])
    return MetricMatrix(names, values)


def _times(events: list[TaskEvent]) -> NDArray[np.int64]:
    for event in events:
        if event.time is not None and not NO_TIME < event.time < 2**63:
            raise ValueError(
                f"time of {event.label!r} is {event.time}: give nanoseconds between 1678 and 2262"
            )
    return np.array([NO_TIME if e.time is None else e.time for e in events], np.int64)


def _durations(events: list[TaskEvent]) -> NDArray[np.float64] | None:
    durations = _column([event.duration for event in events])
    if durations is None:
        return None
    for event in events:
        if event.duration is not None and not math.isfinite(event.duration):
            raise ValueError(
                f"duration of {event.label!r} is {event.duration}: give finite seconds"
            )
    return np.array([np.nan if x is None else x for x in durations], np.float64)


def _outcomes(events: list[TaskEvent]) -> NDArray[np.uint8] | None:
    outcomes = [event.outcome for event in events]
    if outcomes.count(None) == len(outcomes):
        return None
    for event in events:
        if event.outcome not in OUTCOMES:
            raise ValueError(f"outcome of {event.label!r} is {event.outcome!r}: give ok or failed")
    return np.array([OUTCOMES.index(outcome) for outcome in outcomes], np.uint8)


def _column(items: list[T | None]) -> list[T | None] | None:
    return None if items.count(None) == len(items) else items


def _pick(items: list[T] | None, rows: NDArray[np.intp]) -> list[T] | None:
    return None if items is None else [items[row] for row in rows.tolist()]


def _at(items: list[T | None] | None, row: int) -> T | None:
    return None if items is None else items[row]
