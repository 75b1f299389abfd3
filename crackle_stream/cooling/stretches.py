"""Rows in analysis order in; the summary of each window out, merged from panes and slices."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from crackle_stream.detect.summary import WindowSummary
from crackle_stream.table import Table
from crackle_stream.window.spec import WindowSpec
from crackle_stream.window.tree import MergeTree
from crackle_stream.window.windows import Pane, PaneOrWindow, Window, Windower


class Stretch(Struct, frozen=True):
    """A window with its summary.

    Parameters
    ----------
    group
        The label group it is about.
    window
        Where it lies.
    summary
        What was kept of it.
    newest
        The highest log position in it.
    """

    group: str | None
    window: Window
    summary: WindowSummary
    newest: int


class _Slice:
    """The panes of one slice, merged in the fixed tree."""

    def __init__(self) -> None:
        self.tree: MergeTree[WindowSummary] = MergeTree()
        self.newest = -1

    def add(self, pane: Pane) -> None:
        self.tree.add(WindowSummary.of(pane.table))
        self.newest = max(self.newest, int(pane.table.positions.max()))

    def copy(self) -> _Slice:
        twin = _Slice()
        twin.tree, twin.newest = self.tree.copy(), self.newest
        return twin


class Stretches:
    """Follows the rows of one group and gives each window once its last row has come.

    Only the slices that a coming window can be made of are kept.
    """

    def __init__(self, spec: WindowSpec, group: str | None = None) -> None:
        self._windower = Windower(spec)
        self._group = group
        self._slices: dict[int, _Slice] = {}

    def push(self, table: Table) -> Iterator[Stretch]:
        """Take in the next rows; give the windows that end with them."""
        yield from _follow(self._windower.push(table), self._slices, self._group)
        for number in [n for n in self._slices if n < self._windower.first_needed]:
            del self._slices[number]

    def rest(self) -> Iterator[Stretch]:
        """Give the open window; rows may be pushed on afterwards as if this had not been asked."""
        apart = {number: piece.copy() for number, piece in self._slices.items()}
        yield from _follow(self._windower.rest(), apart, self._group)


def _follow(
    items: Iterator[PaneOrWindow], slices: dict[int, _Slice], group: str | None
) -> Iterator[Stretch]:
    for item in items:
        if isinstance(item, Pane):
            slices.setdefault(item.slice, _Slice()).add(item)
        else:
            pieces = [slices[number] for number in range(*item.slices)]
            newest = max(piece.newest for piece in pieces)
            yield Stretch(group, item, _merged(pieces), newest)


def _merged(slices: list[_Slice]) -> WindowSummary:
    tree: MergeTree[WindowSummary] = MergeTree()
    for piece in slices:
        tree.add(piece.tree.value() or WindowSummary.empty())
    return tree.value() or WindowSummary.empty()
