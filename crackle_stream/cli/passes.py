"""The bodies of `cool`, `replay` and `explain`: what is heavy is imported from here on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import click

from crackle_stream.cli.feed import Feed
from crackle_stream.cli.interrupts import Interrupts
from crackle_stream.cli.say import say
from crackle_stream.cli.showing import Showing
from crackle_stream.cli.source import writer
from crackle_stream.cooling.inquiry import Inquiry
from crackle_stream.cooling.online import OnlineCooling
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.replay import replay
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.errors import LogDamagedError
from crackle_stream.ingest.accounts import Accounts
from crackle_stream.log.eventlog import EventLog


def cool_log(ctx: click.Context, plan: Plan) -> int:
    """Cool a log at each checkpoint of the plan; give the exit code."""
    showing = Showing(ctx, plan)
    with (
        Interrupts(),
        EventLog.open(Path(ctx.params["source"])) as log,
        workers(ctx) as executor,
    ):
        try:
            log.check_end()
            for report in replay(log, plan, executor):
                showing.show(report)
        except LogDamagedError as damage:
            _cool_up_to(damage, log, plan, executor, showing)
            raise
    showing.end(Accounts())
    say(str(Accounts()))
    return showing.gate()


def _cool_up_to(
    damage: LogDamagedError, log: EventLog, plan: Plan, executor: Executor | None, showing: Showing
) -> None:
    """Show what stands before damage as if the log ended there, if anything does."""
    part = _before(damage, log, plan)
    if part is not None:
        for report in replay(part, plan, executor):
            if report.checkpoint > showing.last:
                showing.show(report)
        showing.end(Accounts())


def _before(damage: LogDamagedError, log: EventLog, plan: Plan) -> EventLog | None:
    """Give the log as if it ended before damage, if there is anything to look at."""
    part = log.below(damage.first)
    return part if part.count > max(plan.start, part.first) else None


def cool_input(ctx: click.Context, plan: Plan) -> int:
    """Read a file or stdin into a log and cool while it grows; give the exit code."""
    showing = Showing(ctx, plan)
    source, log = ctx.params["source"], ctx.params["log"]
    with (
        writer(log, ctx.params) as events,
        workers(ctx) as executor,
        Feed(events, source, ctx.params) as feed,
    ):
        online = OnlineCooling(events, plan, executor)
        for _appended in feed:
            for report in online.advance():
                showing.show(report)
        for report in online.finish():
            showing.show(report)
        showing.end(feed.accounts)
    return showing.gate()


def ask_log(ctx: click.Context, plan: Plan, inquiry: Inquiry) -> LogDamagedError | None:
    """Cool a log as `cool_log` does, only to let each checkpoint be looked at.

    Of a damaged one that is what stands before the damage, which is given.
    """
    with (
        Interrupts(),
        EventLog.open(Path(ctx.params["source"])) as log,
        workers(ctx) as executor,
    ):
        try:
            log.check_end()
            _pass(replay(log, plan, executor, study=inquiry.study))
        except LogDamagedError as damage:
            part = _before(damage, log, plan)
            if part is not None:
                _pass(replay(part, plan, executor, study=inquiry.study))
            return damage
    return None


def ask_input(ctx: click.Context, plan: Plan, inquiry: Inquiry) -> None:
    """Read a file or stdin into a log, which is whole, and let each checkpoint be looked at."""
    with (
        writer(ctx.params["log"], ctx.params) as events,
        workers(ctx) as executor,
        Feed(events, ctx.params["source"], ctx.params) as feed,
    ):
        for _appended in feed:
            pass
        _pass(replay(events, plan, executor, study=inquiry.study))


def _pass(reports: Iterator[CoolingReport]) -> None:
    for _report in reports:
        pass


@contextmanager
def workers(ctx: click.Context) -> Iterator[Executor | None]:
    """Give the processes asked for; they leave it to this one to answer an interrupt."""
    number = ctx.params["workers"]
    if number is None:
        yield None
        return
    executor = ProcessPoolExecutor(
        number,
        # A log that is written to has threads: a fork could copy their locks as held.
        mp_context=get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)
