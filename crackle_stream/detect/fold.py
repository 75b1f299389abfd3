"""From panes to the summary of each window: slices are summarised once, windows merge them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy

from crackle_stream.detect.summary import WindowSummary
from crackle_stream.detector import Registered
from crackle_stream.table import Table
from crackle_stream.window.panes import PaneCutter
from crackle_stream.window.spec import WindowSpec
from crackle_stream.window.tree import MergeTree
from crackle_stream.window.windows import Pane, PaneOrWindow, Window, Windower


def summarise(tables: Iterable[Table]) -> WindowSummary:
    """Summarise one stretch of consecutive rows, in panes counted from its first.

    Of the rows of a window of one slice, it is the window's summary; of ``2**k`` whole panes that
    start at a multiple of so many, it is the node of level ``k`` that a worker can hand to
    `MergeTree.add`.
    """
    cutter = PaneCutter()
    tree: MergeTree[WindowSummary] = MergeTree()
    for table in tables:
        for pane in cutter.push(table):
            tree.add(WindowSummary.of(pane))
    last = cutter.rest()
    if last is not None:
        tree.add(WindowSummary.of(last))
    return tree.value() or WindowSummary.empty()


class WindowFold:
    """Summaries of the windows of a stream of rows in analysis order.

    Panes of a slice merge in the fixed tree of `MergeTree`. Slices merge in aligned nodes of
    ``2**k`` of them, which windows that overlap share, so that a window costs a number of merges
    that grows with the logarithm of its slices. A summary depends on the stream's rows alone.

    Parameters
    ----------
    spec
        The windows.
    detectors
        Those of your own; they observe each pane.

    Examples
    --------
    >>> from crackle_stream.detect.view import table_of
    >>> fold = WindowFold(WindowSpec.parse("4", slide="2"))
    >>> closed = [*fold.push(table_of({"x": [1.0, 2.0, 3.0, 4.0, 5.0]}))]
    >>> [(window.index, summary.moments.mean("x")) for window, summary in closed]
    [(0, 2.5)]
    >>> [(window.n, summary.moments.mean("x")) for window, summary in fold.rest()]
    [(3, 4.0)]
    """

    def __init__(self, spec: WindowSpec, detectors: Sequence[Registered] = ()) -> None:
        self._spec = spec
        self._detectors = detectors
        self._windower = Windower(spec)
        self._slices: dict[int, MergeTree[WindowSummary]] = {}
        self._nodes: dict[tuple[int, int], WindowSummary] = {}

    def push(self, table: Table) -> Iterator[tuple[Window, WindowSummary]]:
        """Take in the next rows and give the windows they close."""
        yield from self._fold(self._windower.push(table))
        self._forget(self._windower.first_needed)

    def rest(self) -> Iterator[tuple[Window, WindowSummary]]:
        """Give the open window, if any; nothing is taken away, more rows may follow."""
        twin = self.copy()
        return twin._fold(twin._windower.rest())

    def copy(self) -> WindowFold:
        """Give a fold that goes on by itself, as for rows that are not yet final."""
        twin = WindowFold(self._spec, self._detectors)
        twin._windower = deepcopy(self._windower)
        twin._slices = {number: tree.copy() for number, tree in self._slices.items()}
        twin._nodes = dict(self._nodes)
        return twin

    def _fold(self, items: Iterable[PaneOrWindow]) -> Iterator[tuple[Window, WindowSummary]]:
        for item in items:
            if isinstance(item, Pane):
                tree = self._slices.setdefault(item.slice, MergeTree())
                tree.add(WindowSummary.of(item.table, self._detectors))
            else:
                yield item, self._merged(*item.slices)

    def _merged(self, first: int, stop: int) -> WindowSummary:
        merged = WindowSummary.empty()
        while first < stop:
            level = (stop - first).bit_length() - 1
            while first % (1 << level):
                level -= 1
            merged = merged.merge(self._node(level, first >> level))
            first += 1 << level
        return merged

    def _node(self, level: int, index: int) -> WindowSummary:
        known = self._nodes.get((level, index))
        if known is None and level == 0:
            known = self._slices.pop(index).value() or WindowSummary.empty()
        elif known is None:
            left, right = (self._node(level - 1, 2 * index + half) for half in (0, 1))
            known = left.merge(right)
        self._nodes[level, index] = known
        return known

    def _forget(self, needed: int) -> None:
        """Drop what no coming window is made of."""
        for level, index in [key for key in self._nodes if key[1] + 1 << key[0] <= needed]:
            del self._nodes[level, index]
