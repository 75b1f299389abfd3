"""The body of `watch`: what is heavy is imported from here on."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import Executor
from pathlib import Path
from types import TracebackType
from typing import Final

import click
from msgspec.structs import replace

from crackle_stream.cli.feed import Feed
from crackle_stream.cli.interrupts import Interrupts
from crackle_stream.cli.keeping import Keeping
from crackle_stream.cli.passes import workers
from crackle_stream.cli.say import say
from crackle_stream.cli.source import writer
from crackle_stream.cooling.alarms import LOOK_BACK, AlarmWatch
from crackle_stream.cooling.lives import new_findings
from crackle_stream.cooling.online import OnlineCooling
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.errors import LogDamagedError
from crackle_stream.ingest.accounts import Accounts
from crackle_stream.log.eventlog import EventLog
from crackle_stream.report.context import failed
from crackle_stream.report.counting import counted
from crackle_stream.report.live import LiveLines
from crackle_stream.report.terminal import Terminal
from crackle_stream.stats.alarm import Alarm

PAUSE: Final = 0.2
"""Seconds between two looks at a log that others write."""


def watch_log(ctx: click.Context, plan: Plan) -> None:
    """Follow a log that others write, until it ends or an interrupt."""
    path = ctx.params["source"]
    with (
        Interrupts(),
        EventLog.open(Path(path)) as log,
        workers(ctx) as executor,
        Watching(ctx, log, plan, executor) as watching,
    ):
        log.check_end()
        try:
            _follow(log, watching, until_end=ctx.params["until_end"])
        except KeyboardInterrupt:
            say(f"{path}: looked at up to position {watching.position:,}; the log is as it was")
            raise
        except LogDamagedError as damage:
            if not watching.position:
                _tell_below(damage, ctx, log, plan)
            raise
        finally:
            say(str(Accounts()))


def _tell_below(damage: LogDamagedError, ctx: click.Context, log: EventLog, plan: Plan) -> None:
    """Tell what there is before damage as if the log ended there."""
    with Watching(ctx, log.below(damage.first), plan, None) as watching:
        watching.finish()


def _follow(log: EventLog, watching: Watching, *, until_end: bool) -> None:
    watching.look()
    while not until_end:
        time.sleep(PAUSE)
        log.refresh()
        watching.look()
    watching.finish()


def watch_input(ctx: click.Context, plan: Plan) -> None:
    """Read a file or stdin into a log and watch it grow."""
    source, path = ctx.params["source"], ctx.params["log"]
    with (
        writer(path, ctx.params) as log,
        workers(ctx) as executor,
        Feed(log, source, ctx.params) as feed,
        Watching(ctx, log, plan, executor) as watching,
    ):
        keeping = Keeping(log, ctx.params) if path is not None else None
        for _appended in feed:
            watching.look()
            if keeping is not None:
                keeping.look()
        watching.finish()
        if keeping is not None:
            keeping.finish()


class Watching:
    """Prints what happens in a log that grows, once."""

    def __init__(
        self, ctx: click.Context, log: EventLog, plan: Plan, executor: Executor | None
    ) -> None:
        # The end is cooled too: else alarms since the last checkpoint would never be judged.
        plan = replace(plan, checkpoints=replace(plan.checkpoints, end=True))
        self._lines = LiveLines(ctx.params["format"], Terminal.of(sys.stdout, os.environ))
        self._quiet = ctx.params["quiet"]
        self._noted: set[tuple[str, tuple[str, ...]]] = set()
        since = log.count if ctx.params["from_now"] else 0
        start = max(since - LOOK_BACK, 0)
        self._watch = AlarmWatch(log, self._tell, plan.profile, start=start, since=since)
        self._online = OnlineCooling(log, plan, executor, alarms=self._watch)
        if since:
            self._online.skip()

    def look(self) -> None:
        """Tell of what came since."""
        for report in self._online.advance():
            self._show(report)
        self._watch.follow()

    @property
    def position(self) -> int:
        """Log position up to which events were looked at."""
        return self._watch.position

    def finish(self) -> None:
        """Tell of what is left, at the end."""
        for report in self._online.finish():
            self._show(report)

    def __enter__(self) -> Watching:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._watch.open and not self._quiet:
            say(f"{counted(len(self._watch.open), 'alarm')} not confirmed or withdrawn yet")
        if self._watch.unwatched and not self._quiet:
            say(f"note: {self._watch.unwatched:,} values of further metrics are not watched")

    def _tell(self, alarm: Alarm) -> None:
        click.echo(self._lines.alarm(alarm), nl=False)

    def _show(self, report: CoolingReport) -> None:
        for finding in new_findings(report):
            click.echo(self._lines.finding(finding, report.checkpoint), nl=False)
        for note in report.notes:
            if (note.topic, note.subject) not in self._noted and not self._quiet:
                self._noted.add((note.topic, note.subject))
                say(f"note: {note.text}")
        for failure in report.failures:
            if ("failure", (failure.detector,)) not in self._noted:
                self._noted.add(("failure", (failure.detector,)))
                say(f"crackle: {failed(failure, report.windows)}")
