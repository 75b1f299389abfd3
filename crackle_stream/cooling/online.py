"""Cooling that follows a log: a report at every checkpoint that the log has passed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Protocol

from crackle_stream.cooling.considered import Considered
from crackle_stream.cooling.cooler import Cooler
from crackle_stream.cooling.decisions import Decisions
from crackle_stream.cooling.lives import Lives
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.detect.online_level import OnlineLevel
from crackle_stream.log.eventlog import EventLog
from crackle_stream.pattern import KINDS
from crackle_stream.window.checkpoints import CheckpointFinder, CheckpointSpec


class Watching(Protocol):
    """What follows the log beside cooling."""

    def follow(self, stop: int) -> None:
        """Look at the events below a position."""

    def judge(self, report: CoolingReport, plan: Plan) -> None:
        """Take in what cooling found."""


class OnlineCooling:
    """Cools a growing log at the checkpoints of a plan.

    Call `advance` whenever events were appended, and `finish` when no more will come. A finished
    log gives the same reports in one go: that is a replay.

    Parameters
    ----------
    log, plan, executor, decisions
        As for `Cooler`.
    alarms
        Hears of the events below each checkpoint before it is cooled, and of what came of it.
    study
        Is shown each checkpoint while its rows can be read.
    """

    def __init__(
        self,
        log: EventLog,
        plan: Plan,
        executor: Executor | None = None,
        *,
        decisions: Decisions | None = None,
        alarms: Watching | None = None,
        study: Callable[[Considered], None] | None = None,
    ) -> None:
        self._study = study
        self._log = log
        self._plan = plan
        self._decisions = Decisions.of(log) if decisions is None else decisions
        self._alarms = alarms
        self._cooler = Cooler(log, plan, executor, decisions=self._decisions)
        self._since = max(plan.start, log.first)
        self._finder = CheckpointFinder(plan.checkpoints, self._since)
        level = plan.profile.rate.false_discovery / len(KINDS)
        self._lives = Lives()
        self._levels = {family: OnlineLevel(level) for family in plan.profile.families}

    def skip(self) -> None:
        """Pass by the checkpoints of the log as it is now, without cooling there."""
        for position in self._passed(self._log.count):
            self._since = position

    def advance(self) -> Iterator[CoolingReport]:
        """Give a report for each checkpoint passed since, in order."""
        count = self._log.count  # Before the markers: one set below it later would be passed by.
        markers = self._markers()
        for stop in sorted({*(at for at in markers if at < count), count}):
            for position in self._passed(stop):
                yield self._report(position, self._label(position))
            for name in markers.get(stop, ()):
                for position in self._finder.marker(name, stop):
                    yield self._report(position, name)

    def finish(self) -> Iterator[CoolingReport]:
        """Give what `advance` gives, and a report at the end if the plan asks for it."""
        yield from self.advance()
        for position in self._finder.finish():
            yield self._report(position, None)

    def _passed(self, stop: int) -> list[int]:
        columns = ("labels",) if self._finder.needs_labels else ()
        passed: list[int] = []
        for block in self._log.blocks(self._finder.count, stop, columns=columns):
            passed += self._finder.skip(block.first)
            passed += self._finder.feed(block.first, block.batch.times, block.batch.labels)
        return passed + self._finder.skip(stop)

    def _markers(self) -> dict[int, tuple[str, ...]]:
        if not self._plan.checkpoints.markers:
            return {}
        found = self._decisions.markers()
        return {at: names for at, names in found.items() if at > self._since}

    def _label(self, position: int) -> str | None:
        if not self._finder.needs_labels:
            return None
        if any(self._log.gaps(position - 1, position)):
            return None
        (label,) = self._log.labels([position - 1])
        return label

    def _report(self, position: int, label: str | None) -> CoolingReport:
        if self._alarms is None:
            return self._cool(position, label)
        self._alarms.follow(position)
        report = self._cool(position, label)
        self._alarms.judge(report, self._plan)
        return report

    def _cool(self, position: int, label: str | None) -> CoolingReport:
        if is_single(self._plan.checkpoints):
            return self._considered(position, None, label)
        levels = {family: level.current for family, level in self._levels.items()}
        report = self._considered(position, levels, label)
        self._since = position
        found = {pattern.family for pattern in report.patterns}
        for family, level in self._levels.items():
            level.next(found=family in found)
        return report

    def _considered(
        self, position: int, levels: dict[str, float] | None, label: str | None
    ) -> CoolingReport:
        with self._cooler.consider(
            position, since=self._since, levels=levels, label=label
        ) as considered:
            if self._study is not None:
                self._study(considered)
            if levels is None:
                return considered.report
            return self._lives.follow(considered.report, considered.looked)


def is_single(spec: CheckpointSpec) -> bool:
    """Whether a plan has one checkpoint for certain, which may then use the whole level."""
    if spec.every or spec.every_span or spec.labels or spec.markers:
        return False
    return len(spec.positions) + len(spec.times) + spec.end == 1
