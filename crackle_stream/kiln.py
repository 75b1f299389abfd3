"""The library's front door: fire tasks into a log, cool them at any time."""

from __future__ import annotations

import functools
import inspect
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from msgspec.structs import replace

from crackle_stream.cooling.decisions import Amendment, Decisions
from crackle_stream.errors import UsageError
from crackle_stream.event import ANONYMOUS, EventBatch, TaskEvent, batch_events, finite_metric
from crackle_stream.firing import Firing
from crackle_stream.ingest.check import LIMITS, check_event
from crackle_stream.ingest.limits import Limits
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.ids import IdWindow, Sifted
from crackle_stream.log.promises import Durability
from crackle_stream.pattern import Pattern
from crackle_stream.profile import ThermalProfile
from crackle_stream.task import CrackleTask, Metrics, TaskOutput, reflects

if TYPE_CHECKING:
    from crackle_stream.cooling.listeners import AlarmListeners
    from crackle_stream.cooling.online import OnlineCooling
    from crackle_stream.cooling.plan import Plan
    from crackle_stream.cooling.report import CoolingReport
    from crackle_stream.cooling.statistics import FollowedMoments
    from crackle_stream.stats.alarm import Alarm
    from crackle_stream.stats.moments import RunningMoments

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound="Callable[[Alarm], object]")


class Kiln:
    """An open event log with its running statistics and a thermal profile.

    Parameters
    ----------
    path
        Directory of the log, made where there is none; without it the log lives in memory.
    profile
        Which detectors run, and how sensitive they are.
    durability
        What it means that `fire_and_record` has returned: `sync`, `group`, `interval` or `none`.
    limits
        How large an event may be.

    Examples
    --------
    >>> kiln = Kiln(profile=ThermalProfile.fast_cooling())
    >>> for temperature in (22.5, 23.1, 45.2):
    ...     with kiln.firing("sensor") as task:
    ...         task.metric("temperature", temperature)
    >>> kiln.task_count()
    3
    >>> sorted({pattern.kind for pattern in kiln.cool() if pattern.subject == ("temperature",)})
    ['clustering', 'phase_transition']
    """

    def __init__(
        self,
        path: str | PathLike[str] | None = None,
        *,
        profile: ThermalProfile | None = None,
        durability: Durability = "group",
        limits: Limits = LIMITS,
    ) -> None:
        self.limits = limits
        self.profile = ThermalProfile.default() if profile is None else profile
        if path is None:
            self.log = EventLog.in_memory()
        else:
            self.log = EventLog.create_or_open(Path(path), durability=durability)
        self.decisions = Decisions.of(self.log)
        try:
            self._start = self.decisions.last_reset()
        except BaseException:
            self.log.close()
            raise
        self._gone: tuple[int, int] | None = None
        self._reflecting: list[_Reflecting] = []
        self._moments: FollowedMoments | None = None
        self._alarms: AlarmListeners | None = None
        self._lock = threading.Lock()
        self._ids = IdWindow(self.log)
        self._identifying = threading.Lock()

    # Firing

    def fire_task(self, task: CrackleTask[T]) -> TaskOutput[T]:
        """Fire a task without recording it."""
        return task.fire()

    def fire_and_record(self, task: CrackleTask[T]) -> TaskOutput[T]:
        """Fire a task and record its output; a failure is recorded and raised again."""
        with self.firing(task.label) as firing:
            output = task.fire()
            firing.result(output)
        if reflects(task) and firing.position is not None:
            with self._lock:
                self._reflecting.append(_Reflecting(firing.position, task, output))
        return output

    def fire_all(self, tasks: Iterable[CrackleTask[T]]) -> list[TaskOutput[T]]:
        """Fire and record tasks one after the other; the first failure stops and is raised."""
        return [self.fire_and_record(task) for task in tasks]

    def firing(self, label: str) -> Firing:
        """Give a context manager, plain or async, that records one task.

        Raises
        ------
        ValueError
            When the label is too long.
        """
        check_event(TaskEvent(metrics={}, label=label), self.limits)
        return Firing(self.add_entry, label)

    @overload
    def task(self, function: F) -> F: ...
    @overload
    def task(self, *, label: str | None = None) -> Callable[[F], F]: ...
    def task(self, function: F | None = None, *, label: str | None = None) -> F | Callable[[F], F]:
        """Record every call of a function, plain or async, as a task.

        What the function returns is given on as it is; a `TaskOutput` or a dict of numbers is
        also read as the task's metrics. The label is the function's name.

        Raises
        ------
        UsageError
            When the function is a generator, whose work is done after its call has returned.

        Examples
        --------
        >>> kiln = Kiln()
        >>> @kiln.task
        ... def build(rows):
        ...     return {"rows": rows}
        >>> build(3)
        {'rows': 3}
        >>> next(kiln.entries()).metrics
        {'rows': 3.0}
        """
        if function is None:
            return lambda wrapped: self._recording(wrapped, label)
        return self._recording(function, label)

    def add_entry(self, event: TaskEvent) -> int:
        """Record something that ran elsewhere; give its log position once it is durable.

        An event that repeats one of the last 100,000, with its id and all it says, is not recorded
        again: the position is that of the first.

        Raises
        ------
        ValueError
            When a number is not finite or a limit is passed (the log keeps what JSON can say), or
            another event has the id.
        """
        check_event(event, self.limits)
        if event.id is None:
            return self._append(batch_events([event])).start
        with self._identifying:
            sifted = self._sift([event])
            return self._durable(sifted.repeats[0]) if sifted.repeats else self._add(sifted).start

    def add_entries(self, events: Iterable[TaskEvent]) -> range:
        """Record many at once, in one frame; give the log positions of those that are no repeats.

        Raises
        ------
        ValueError
            As `add_entry`; then none is recorded.
        """
        entries = list(events)
        for event in entries:
            check_event(event, self.limits)
        if all(event.id is None for event in entries):
            return self._append(batch_events(entries))
        with self._identifying:
            return self._add(self._sift(entries))

    def mark(self, name: str) -> int:
        """Set a marker at the present position, to cool at with ``--at marker:NAME``."""
        return self.decisions.mark(name, self.log.count)

    def acknowledge(self, pattern: Pattern, reason: str) -> None:
        """Let a pattern be known: from its checkpoint on it has the status `acknowledged`.

        Until it says something else: a law breaks, a shift turns, a change comes elsewhere.
        """
        from crackle_stream.cooling.acknowledged import Acknowledgement

        since = self.log.count if pattern.checkpoint is None else pattern.checkpoint
        self.decisions.acknowledge(Acknowledgement.of(pattern, since, reason))

    # Hearing of it while it happens

    def on_alarm(self, callback: C) -> C:
        """Call a function when a metric changes its level or spread while events come in.

        It is called with an `Alarm` soon after the event at which the change was noticed, in a
        thread of its own; then once more, when the next cooling has ``confirmed`` or ``withdrawn``
        it. Firing never waits for a callback, and an exception in one is logged and loses no
        event. Alarms enter no pattern. Of up to 10,000 events of this cycle that are in the log
        already, each metric's serve as its reference.

        Raises
        ------
        UsageError
            When it cannot be called.

        Examples
        --------
        >>> kiln, heard = Kiln(), []
        >>> @kiln.on_alarm
        ... def hear(alarm):
        ...     heard.append((alarm.status, alarm.metric, alarm.onset))
        >>> import random
        >>> rows = [random.Random(i).gauss(900 if i < 200 else 700, 40) for i in range(300)]
        >>> kiln.add_entries(TaskEvent(metrics={"rows": number}) for number in rows)
        range(0, 300)
        >>> patterns = kiln.cool()
        >>> heard
        [('raised', 'rows', 200), ('confirmed', 'rows', 200)]
        """
        from crackle_stream.cooling.listeners import AlarmListeners

        if not callable(callback):
            raise UsageError(f"{callback!r} cannot be called: give a function that takes an Alarm")
        with self._lock:
            if self._alarms is None:
                self._alarms = AlarmListeners(self.log, self.profile, self._start)
            self._alarms.add(callback)
        return callback

    def off_alarm(self, callback: Callable[[Alarm], object]) -> None:
        """Call a function of `on_alarm` no more."""
        with self._lock:
            alarms = self._alarms
            if alarms is None or alarms.remove(callback):
                return
            self._alarms = None
        alarms.end()

    @property
    def unwatched(self) -> int:
        """How many values came of metrics beyond those that alarms watch: 1,000, or fewer.

        Fewer where `ThermalProfile.max_metrics` is (512 by default): cooling looks at no more.
        """
        alarms = self._alarms
        return 0 if alarms is None else alarms.unwatched

    # Looking back

    def cool(self, plan: Plan | None = None) -> list[Pattern]:
        """Find the patterns of this cycle's tasks; firing may go on meanwhile.

        Tasks that look back (`CrackleTask.cool`) do so first. An exception in one is raised; it
        is not asked again, and those after it are asked by the next cooling.

        Parameters
        ----------
        plan
            Windows, order and groups, with a profile of its own; `Kiln.plan` makes one with the
            kiln's. By default the whole cycle.

        Warns
        -----
        RuntimeWarning
            When a detector of your own failed, whose patterns are missing then.
        """
        report = self.report(plan)
        for failure in report.failures:
            told = f"the detector {failure.text}"
            warnings.warn(told, RuntimeWarning, stacklevel=2)
        return list(report.patterns)

    def plan(self, **choices: Any) -> Plan:
        """Give a plan with this kiln's profile and cycle, and whatever else is chosen.

        Examples
        --------
        >>> from crackle_stream import WindowSpec
        >>> kiln = Kiln(profile=ThermalProfile.slow_cooling())
        >>> plan = kiln.plan(window=WindowSpec.parse("500"))
        >>> plan.window.size, plan.profile.rate.name
        (500, 'slow')
        """
        from crackle_stream.cooling.plan import Plan

        return Plan(**{"profile": self.profile, "start": self._start, **choices})

    def report(self, plan: Plan | None = None) -> CoolingReport:
        """Cool, and give the patterns with findings, notes and what was looked at."""
        from crackle_stream.cooling.cooler import Cooler

        self._reflect()
        planned = self._planned(plan)
        report = Cooler(self.log, planned, decisions=self.decisions).cool()
        alarms = self._alarms
        if alarms is not None:
            alarms.follow(report.checkpoint)
            alarms.judge(report, planned)
        return report

    def online(self, plan: Plan) -> OnlineCooling:
        """Give a cooling that follows the log: its `advance` gives the checkpoints passed.

        It sees what `cool` and `report` had tasks amend; it does not itself have them look back.
        Its checkpoints judge alarms if `on_alarm` was called before.
        """
        from crackle_stream.cooling.online import OnlineCooling

        return OnlineCooling(
            self.log, self._planned(plan), decisions=self.decisions, alarms=self._alarms
        )

    def statistics(self) -> RunningMoments:
        """Give the running variances and covariances of this cycle, as recorded (river objects).

        Of the first `ThermalProfile.max_metrics` names; values of further ones are counted in
        `RunningMoments.left_out`.
        """
        from crackle_stream.cooling.statistics import FollowedMoments

        with self._lock:
            if self._moments is None:
                self._moments = FollowedMoments(self.log, self._start, self.profile.max_metrics)
            return self._moments.get()

    def entries(self) -> Iterator[TaskEvent]:
        """Give this cycle's events in log order, as recorded, read as they are asked for."""
        for block in self.log.blocks(self._start):
            yield from _events(block.batch)

    def task_count(self) -> int:
        """Give the number of tasks recorded in this cycle, without those that are gone."""
        first = max(self._start, self.log.first)
        if self._gone is None or self._gone[0] != first:
            self._gone = first, sum(gap.count for gap in self.log.gaps(first))
        return self.log.count - first - self._gone[1]

    def reset(self) -> None:
        """Begin a new cycle: earlier tasks stay in the log and are no longer looked at."""
        with self._lock:
            start = self.log.count
            self.decisions.reset(start)
            self._start = start
            self._gone = start, 0
            self._reflecting.clear()
            self._moments = None
            alarms = self._alarms
        if alarms is not None:
            alarms.reset(start)

    def close(self) -> None:
        """Close the log; what was recorded stays. Alarms that are left to tell are told."""
        try:
            if self._alarms is not None:
                self._alarms.close()
        finally:
            self.log.close()

    def __enter__(self) -> Kiln:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _sift(self, events: list[TaskEvent]) -> Sifted:
        sifted = self._ids.sift(batch_events(events))
        for row, position in sifted.conflicts.items():
            raise ValueError(
                f"the event at position {position} has the id {events[row].id!r} and is another: "
                "give each task an id of its own"
            )
        return sifted

    def _append(self, batch: EventBatch) -> range:
        added = self.log.append(batch)
        alarms = self._alarms
        if alarms is not None:
            alarms.offer(added.start, batch)
        return added

    def _add(self, sifted: Sifted) -> range:
        added = self._append(sifted.batch)
        self._ids.take_in(added, sifted.batch)
        return added

    def _durable(self, position: int) -> int:
        """Give a position as acknowledged; raises where the disk failed to take what is there."""
        if position >= self.log.acknowledged:
            self.log.sync()
        return position

    def _planned(self, plan: Plan | None) -> Plan:
        if plan is None:
            return self.plan()
        return replace(plan, start=max(plan.start, self._start))

    def _reflect(self) -> None:
        with self._lock:
            waiting, self._reflecting = self._reflecting, []
        if not waiting:
            return
        everything = [event.metrics for event in self.entries()]
        amended: dict[int, dict[str, float]] = {}
        rest = iter(waiting)
        try:
            for position, task, output in rest:
                reflected = task.cool(output, everything)
                if reflected is not None:
                    amended[position] = _checked(reflected.metrics, self.limits)
        finally:
            self._amend(amended)
            with self._lock:
                self._reflecting[:0] = rest

    def _amend(self, metrics: dict[int, dict[str, float]]) -> None:
        since = self.log.count
        if metrics:
            self.decisions.amend([Amendment(at, since, now) for at, now in metrics.items()])

    def _recording(self, function: F, label: str | None) -> F:
        name = label or str(getattr(function, "__name__", ANONYMOUS))
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise UsageError(
                f"{name!r} is a generator: write `with kiln.firing({name!r})` inside it"
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def fire_async(*args: Any, **kwargs: Any) -> Any:
                async with self.firing(name) as firing:
                    result = await function(*args, **kwargs)
                    firing.result(result)
                return result

            return fire_async  # type: ignore[return-value]

        @functools.wraps(function)
        def fire(*args: Any, **kwargs: Any) -> Any:
            with self.firing(name) as firing:
                result = function(*args, **kwargs)
                firing.result(result)
            return result

        return fire  # type: ignore[return-value]


class _Reflecting(NamedTuple):
    position: int
    task: CrackleTask[Any]
    output: TaskOutput[Any]


def _checked(metrics: Metrics, limits: Limits) -> dict[str, float]:
    finite = {name: finite_metric(name, value) for name, value in metrics.items()}
    check_event(TaskEvent(metrics=finite), limits)
    return finite


def _events(batch: EventBatch) -> Iterator[TaskEvent]:
    return (batch.event(row) for row in range(len(batch)))
