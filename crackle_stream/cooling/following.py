"""Windows folded so far, so that the next checkpoint reads only what came since."""

from __future__ import annotations

from collections.abc import Iterator

from crackle_stream.cooling.cycle import Cycle
from crackle_stream.cooling.inspection import FoldedWindow
from crackle_stream.cooling.plan import Plan
from crackle_stream.detect.fold import WindowFold
from crackle_stream.table import Table
from crackle_stream.window.order import OrderedRows


class Following:
    """Follows rows in analysis order through the windows of a plan, each label group apart.

    Parameters
    ----------
    plan
        Says which windows, and whether there are groups.
    reordered
        Whether the rows come in another order than that of the log, so that later events may
        belong before them.
    """

    def __init__(self, plan: Plan, *, reordered: bool = False) -> None:
        self.reordered = reordered
        self._window = plan.window
        self._detectors = plan.profile.own
        self._grouped = plan.group_by is not None
        self._folds: dict[str | None, WindowFold] = {}
        self.read = 0
        """Rows below this place in analysis order were read."""
        self.events = 0
        self.metrics: set[str] = set()

    def windows(self, rows: OrderedRows, cycle: Cycle, stop: int) -> Iterator[FoldedWindow]:
        """Read on; give the windows that end, and at last those that are still open."""
        for group, table in self._next(rows):
            self.events += len(table)
            self.metrics.update(table.names)
            fold = self._folds.setdefault(group, WindowFold(self._window, self._detectors))
            for window, summary in fold.push(cycle.in_log(table)):
                yield FoldedWindow(group, window, summary)
        self.read = stop
        for group, fold in self._folds.items():
            for window, summary in fold.rest():
                yield FoldedWindow(group, window, summary)

    def _next(self, rows: OrderedRows) -> Iterator[tuple[str | None, Table]]:
        if self._grouped:
            yield from rows.grouped(self.read)
        else:
            yield from ((None, table) for table in rows.read(self.read))
