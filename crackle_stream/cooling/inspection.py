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


class Stretch(Struct, frozen=True):
    """A window of one label group, with what is kept of its rows."""

    group: str | None
    window: Window
    summary: WindowSummary


class Inspection(Struct, frozen=True):
    """A window and what the detectors say of it; None where time ran out before it."""

    window: Window
    examination: Examination | None


def inspect(
    stretches: Iterable[Stretch],
    view_of: Callable[[Stretch], View],
    plan: Plan,
    deadline: Deadline,
    executor: Executor | None = None,
) -> Iterator[Inspection]:
    """Examine windows in their order.

    Workers are sent the rows of windows that are small enough to be held whole; a longer one is
    examined here, where its rows can be read again. Either way the same code sees the same rows.

    Parameters
    ----------
    stretches
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
    waiting: deque[tuple[Stretch, Future[Examination] | Examination | None]] = deque()
    for stretch in stretches:
        started = None if deadline.passed() else _start(view_of(stretch), plan, deadline, executor)
        waiting.append((stretch, started))
        while len(waiting) > AHEAD:
            yield _done(*waiting.popleft())
    while waiting:
        yield _done(*waiting.popleft())


def _start(
    view: View, plan: Plan, deadline: Deadline, executor: Executor | None
) -> Future[Examination] | Examination:
    if executor is None or not view.exact:
        return examine(view, plan.profile, deadline, members=plan.members)
    return executor.submit(_examine, view.sample, plan, view.group)


def _examine(table: Table, plan: Plan, group: str | None) -> Examination:
    view = view_table(table, group)
    return examine(view, plan.profile, Deadline(None), members=plan.members)


def _done(stretch: Stretch, result: Future[Examination] | Examination | None) -> Inspection:
    examination = result.result() if isinstance(result, Future) else result
    return Inspection(stretch.window, examination)
