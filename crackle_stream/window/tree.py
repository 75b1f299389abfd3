"""Merging in one fixed order: the binary tree over pane numbers that makes results repeatable."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class Mergeable(Protocol):
    """A summary of a stretch that can be put before that of the next stretch."""

    def merge(self: S, other: S) -> S:
        """Give the summary of both stretches; neither is changed."""
        ...


S = TypeVar("S", bound=Mergeable)


class MergeTree(Generic[S]):
    """Summaries of leaves 0, 1, 2, … merged as a binary counter would carry.

    The node of level ``k`` that starts at a multiple of ``2**k`` is always the merge of its two
    halves, so the shape depends on the number of leaves alone: not on who made which node, nor on
    when. It holds at most one node a level.

    Examples
    --------
    >>> class Text(str):
    ...     def merge(self, other):
    ...         return Text(f"({self}{other})")
    >>> tree = MergeTree()
    >>> for leaf in "abcde":
    ...     tree.add(Text(leaf))
    >>> tree.value()
    '(((ab)(cd))e)'
    """

    def __init__(self) -> None:
        self._nodes: list[tuple[int, S]] = []
        self.leaves = 0

    def add(self, summary: S, level: int = 0) -> None:
        """Add the next leaf, or a whole node of ``2**level`` leaves made elsewhere.

        Raises
        ------
        ValueError
            When the node does not start at a multiple of its size.
        """
        if self.leaves % (1 << level):
            raise ValueError(f"a node of level {level} cannot start at leaf {self.leaves}")
        self.leaves += 1 << level
        while self._nodes and self._nodes[-1][0] == level:
            summary = self._nodes.pop()[1].merge(summary)
            level += 1
        self._nodes.append((level, summary))

    def copy(self) -> MergeTree[S]:
        """Give a tree that grows on its own from here."""
        twin: MergeTree[S] = MergeTree()
        twin._nodes, twin.leaves = list(self._nodes), self.leaves
        return twin

    def value(self) -> S | None:
        """Merge what there is, smaller nodes first; None of nothing. The tree is not changed."""
        merged: S | None = None
        for _, node in reversed(self._nodes):
            merged = node if merged is None else node.merge(merged)
        return merged
