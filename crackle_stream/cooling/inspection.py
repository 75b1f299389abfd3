"""Windows through the detectors, here or on the workers of an executor, always in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Final

from msgspec import Struct

from crackle_stream.clock import Deadline
from crackle_stream.cooling.plan import Plan
from crackle_stream.detect.examine import Examination, examine
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
    waiting: deque[Future[Examination] | Examination | None] = deque()
    for window in windows:
        started = None if deadline.passed() else _start(view_of(window), plan, deadline, executor)
        waiting.append(started)
        while len(waiting) > AHEAD:
            yield _done(waiting.popleft())
    while waiting:
        yield _done(waiting.popleft())


def _start(
    view: View, plan: Plan, deadline: Deadline, executor: Executor | None
) -> Future[Examination] | Examination:
    if executor is None or not view.exact:
        return examine(view, plan.profile, deadline, members=plan.members)
    return executor.submit(_examine, view.sample, plan, view.group)


def _examine(table: Table, plan: Plan, group: str | None) -> Examination:
    view = view_table(table, group)
    return examine(view, plan.profile, Deadline(None), members=plan.members)


def _done(result: Future[Examination] | Examination | None) -> Examination | None:
    return result.result() if isinstance(result, Future) else result
