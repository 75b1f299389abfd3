"""History asked again: every checkpoint of a plan over a log that is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor

from crackle_stream.cooling.considered import Considered
from crackle_stream.cooling.decisions import Decisions
from crackle_stream.cooling.online import OnlineCooling
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.log.eventlog import EventLog


def replay(
    log: EventLog,
    plan: Plan,
    executor: Executor | None = None,
    *,
    decisions: Decisions | None = None,
    study: Callable[[Considered], None] | None = None,
) -> Iterator[CoolingReport]:
    """Give a report for each checkpoint of the plan: those that cooling online gave.

    `study` is shown each checkpoint while its rows can be read.
    """
    return OnlineCooling(log, plan, executor, decisions=decisions, study=study).finish()
