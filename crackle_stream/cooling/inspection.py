"""Windows through the detectors, here or on the workers of an executor, always in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from crackle_stream.clock import Deadline
from crackle_stream.cooling.plan import Plan
from crackle_stream.detect.examine import Examination, examine
from crackle_stream.detect.judge import judge
from crackle_stream.detect.summary import WindowSummary
from crackle_stream.detect.view import View, view_table
from crackle_stream.table import Table
from crackle_stream.window.windows import Window

AHEAD: Final = 16
"""Windows that may wait for workers; more would hold more rows and keep no worker busier."""


class FoldedWindow(Struct, frozen=True):
    """A window of one label group, with what is kept of its rows."""

    group: str | None
    window: Window
    summary: WindowSummary


def inspect(
    windows: Iterable[FoldedWindow],
    view_of: Callable[[FoldedWindow], View],
    plan: Plan,
    deadline: Deadline,
    executor: Executor | None = None,
) -> Iterator[Examination | None]:
    """Examine windows in their order; None for one that time ran out before.

    Workers are sent the rows of windows that are small enough to be held whole; a longer one is
    examined here, where its rows can be read again. Either way the same code sees the same rows.
    Detectors of your own are always asked here, where their summaries are: none need be sent.

    Parameters
    ----------
    windows
        The windows.
    view_of
        Gives the view of one.
    plan
        What is looked for.
    deadline
        After it, windows are passed over.
    executor
        Where to examine; None is this process.
    """
    waiting: deque[_Started | None] = deque()
    for window in windows:
        started = None
        if not deadline.passed():
            view = view_of(window)
            builtin = _start(view, plan, deadline, executor)
            own = judge(window.summary.own, view, plan.profile.rate, deadline)
            started = _Started(builtin, own)
        waiting.append(started)
        while len(waiting) > AHEAD:
            yield _done(waiting.popleft())
    while waiting:
        yield _done(waiting.popleft())


class _Started(NamedTuple):
    builtin: Future[Examination] | Examination
    own: Examination


def _start(
    view: View, plan: Plan, deadline: Deadline, executor: Executor | None
) -> Future[Examination] | Examination:
    if executor is None or not view.exact:
        return examine(view, plan.profile, deadline, members=plan.members)
    sent = replace(plan, profile=replace(plan.profile, detectors=()))
    return executor.submit(_examine, view.sample, sent, view.group)


def _examine(table: Table, plan: Plan, group: str | None) -> Examination:
    view = view_table(table, group)
    return examine(view, plan.profile, Deadline(None), members=plan.members)


def _done(started: _Started | None) -> Examination | None:
    if started is None:
        return None
    builtin, own = started
    return (builtin.result() if isinstance(builtin, Future) else builtin).beside(own)
