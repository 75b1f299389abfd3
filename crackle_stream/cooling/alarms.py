"""Alarms of a log while it grows, and what cooling makes of each."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.cooling.witnesses import Witness, read_witnesses
from crackle_stream.detect.describe import sides
from crackle_stream.event import EventBatch
from crackle_stream.log.eventlog import EventLog
from crackle_stream.pattern import PhaseTransitionPattern
from crackle_stream.profile import ThermalProfile
from crackle_stream.stats.alarm import Alarm
from crackle_stream.stats.alarms import MAX_METRICS, DriftAlarms
from crackle_stream.window.rows import DURATION, FAILED, LARGEST, failures

NEAR: Final = 3
"""A change this many tasks from where an alarm saw one is the same, however soon it was noticed."""
LOOK_BACK: Final = 10_000
"""Events before the first it tells of that are read as reference: a run may fire a single task."""
MOST_OPEN: Final = 1_000
"""Alarms that wait for a cooling; of more, the oldest are withdrawn unjudged."""
HANDED: Final = 1_000
"""Batches that are kept until they are looked at; what is beyond is read from the log."""
HANDED_EVENTS: Final = 64


class AlarmWatch:
    """Watches the metrics of a log, in log order, for changes; it alters nothing in the log.

    What it raises depends on the log alone, not on when it looked nor on who appended: events are
    taken in by their positions, from what `offer` handed over or else from the log. Its memory is
    bounded, whatever comes and however late it looks. May be used from several threads; alarms are
    told one at a time, in order, while no lock is held that appending or looking needs.

    Parameters
    ----------
    log
        The events.
    tell
        Called with each alarm, when it is raised and when it is confirmed or withdrawn.
    profile
        Says which metrics to ignore, and how many are looked at.
    start
        Log position of the first event looked at.
    since
        Alarms that are noticed at positions below this are not told: events before it only serve
        as reference.
    """

    def __init__(
        self,
        log: EventLog,
        tell: Callable[[Alarm], None],
        profile: ThermalProfile | None = None,
        *,
        start: int = 0,
        since: int = 0,
    ) -> None:
        self._log = log
        self._tell = tell
        self._profile = profile or ThermalProfile()
        self._since = since
        self._looking = threading.Lock()
        self._telling = threading.RLock()
        self._untold: deque[Alarm] = deque()
        self._handed: dict[int, EventBatch] = {}
        self._open: deque[Alarm] = deque()
        self._begin(start)

    @property
    def position(self) -> int:
        """Log position below which all was looked at."""
        return self._next

    @property
    def open(self) -> tuple[Alarm, ...]:
        """The alarms that no cooling has judged yet, oldest first."""
        return tuple(self._open)

    @property
    def unwatched(self) -> int:
        """How many values of metrics beyond those watched there were."""
        return self._alarms.unwatched

    def offer(self, first: int, batch: EventBatch) -> None:
        """Hand over what was just appended, so that it need not be read again; costs no time."""
        if len(batch) <= HANDED_EVENTS and len(self._handed) < HANDED:
            self._handed[first] = batch

    def follow(self, stop: int | None = None) -> None:
        """Look at the events that came since, up to a position, and tell the alarms they raise."""
        with self._looking:
            stop = self._log.count if stop is None else stop
            for first, batch in self._events(stop):
                self._take(first, batch)
        self._tell_all()

    def judge(self, report: CoolingReport, plan: Plan) -> None:
        """Tell which open alarms a cooling confirms, and which it withdraws.

        An alarm is confirmed by a transition of its metric that has a place, between whose bounds
        and the alarm's onset or position there are no more tasks than it took to notice it; or by
        a slope in its direction that began before. It is withdrawn when there is none; it stays
        open when the cooling did not look.
        """
        with self._looking:
            for _ in range(len(self._open)):
                judged = _judged(self._open.popleft(), report, plan)
                (self._open if judged.status == "raised" else self._untold).append(judged)
        self._tell_all()

    def reset(self, start: int) -> None:
        """Begin anew at a position, without a reference; open alarms are withdrawn."""
        with self._looking:
            self._untold.extend(replace(alarm, status="withdrawn") for alarm in self._open)
            self._begin(start)
        self._tell_all()

    def _begin(self, start: int) -> None:
        most = min(MAX_METRICS, self._profile.max_metrics)
        self._alarms = DriftAlarms(most, self._profile.ignores)
        self._open.clear()
        self._next = start

    def _events(self, stop: int) -> Iterator[tuple[int, EventBatch]]:
        """Give what stands below a position and was not looked at, in log order."""
        while self._next < stop:
            handed = self._handed.pop(self._next, None)
            if handed is not None:
                yield self._next, handed
                self._next += len(handed)
                continue
            missing = min(
                (first for first in list(self._handed) if first > self._next), default=stop
            )
            yield from self._read(min(missing, stop))
        for first in list(self._handed):
            if first < self._next:
                self._handed.pop(first, None)

    def _read(self, stop: int) -> Iterator[tuple[int, EventBatch]]:
        first = max(self._next, self._log.first)
        for block in self._log.blocks(first, stop, columns=("durations", "outcomes")):
            yield block.first, block.batch
            self._next = block.first + len(block.batch)
        self._next = stop  # what is missing was forgotten

    def _take(self, first: int, batch: EventBatch) -> None:
        raised = [
            alarm
            for position, metrics in enumerate(_metrics(batch), first)
            for alarm in self._alarms.update(position, metrics)
            if position >= self._since
        ]
        named = self._name(raised)
        self._open.extend(named)
        self._untold.extend(named)
        while len(self._open) > MOST_OPEN:
            self._untold.append(replace(self._open.popleft(), status="withdrawn"))

    def _name(self, alarms: Sequence[Alarm]) -> list[Alarm]:
        """Say at which event each began, as far as that is still there."""
        there = [alarm.onset for alarm in alarms if alarm.onset >= self._log.first]
        known = read_witnesses(self._log, there)
        return [_named(alarm, known.get(alarm.onset)) for alarm in alarms]

    def _tell_all(self) -> None:
        # One thread at a time, so that alarms are told in order; a callback may cool and so return
        # here itself.
        with self._telling:
            while self._untold:
                self._tell(self._untold.popleft())


def _metrics(batch: EventBatch) -> Iterator[dict[str, float]]:
    """Give the numbers of each event, with its duration and whether it failed."""
    rows = [matrix.values.tolist() for matrix in batch.matrices]
    derived = _derived(batch)
    places = zip(batch.set_of.tolist(), batch.row_of.tolist(), strict=True)
    for event, (which, row) in enumerate(places):
        reported = zip(batch.matrices[which].names, rows[which][row], strict=True)
        metrics = {name: column[event] for name, column in derived}
        metrics.update(reported)
        yield {name: value for name, value in metrics.items() if -LARGEST <= value <= LARGEST}


def _derived(batch: EventBatch) -> list[tuple[str, list[float]]]:
    derived = []
    if batch.durations is not None:
        derived.append((DURATION, batch.durations.tolist()))
    if batch.outcomes is not None:
        derived.append((FAILED, failures(batch.outcomes).tolist()))
    return derived


def _judged(alarm: Alarm, report: CoolingReport, plan: Plan) -> Alarm:
    """Give an alarm as a cooling leaves it."""
    if alarm.position >= report.checkpoint or alarm.onset < plan.start:
        return alarm
    changes = [
        pattern
        for pattern in report.patterns
        if isinstance(pattern, PhaseTransitionPattern) and alarm.metric in pattern.subject
    ]
    near = [
        (abs(change.at - alarm.onset), change.id)
        for change in changes
        if change.at is not None and _is_near(alarm, change, change.at)
    ]
    near = near or [(0, change.id) for change in changes if _goes_on(alarm, change)]
    if near:
        return replace(
            alarm, status="confirmed", checkpoint=report.checkpoint, pattern=min(near)[1]
        )
    if report.partial or not plan.profile.looks_for("phase_transition"):
        return alarm
    return replace(alarm, status="withdrawn", checkpoint=report.checkpoint)


def _goes_on(alarm: Alarm, change: PhaseTransitionPattern) -> bool:
    """Whether a metric rises or falls along a slope, which looks like a step now and then."""
    if change.form not in ("trend", "drift") or (change.at or 0) > alarm.onset:
        return False
    slope = change.metrics.get("slope", 0.0) if change.form == "drift" else sides(change)[1]
    return alarm.form == "level" and slope * (alarm.after.mean - alarm.before.mean) > 0


def _named(alarm: Alarm, onset: Witness | None) -> Alarm:
    if onset is None:
        return alarm
    return replace(alarm, onset_label=onset.label, onset_time=onset.time)


def _is_near(alarm: Alarm, pattern: PhaseTransitionPattern, at: int) -> bool:
    low, high = pattern.at_low, pattern.at_high
    if low is None or high is None or not low <= at <= high:
        low = high = at  # positions do not bound a place in another order than the log's
    slack = max(alarm.position - alarm.onset, NEAR)
    return low <= alarm.position + slack and high >= alarm.onset - slack
