from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackle_stream.window.tree import MergeTree


class Text(str):
    __slots__ = ()

    def merge(self, other: Text) -> Text:
        return Text(f"({self}{other})")


def grown(n: int, first: int = 0) -> MergeTree[Text]:
    tree: MergeTree[Text] = MergeTree()
    for leaf in range(first, first + n):
        tree.add(Text(f"{leaf} "))
    return tree


def halves(first: int, n: int) -> str:
    """The definition: a whole node is the merge of its halves; the rest hangs to the right."""
    if n == 1:
        return f"{first} "
    left = 1 << (n - 1).bit_length() - 1
    return f"({halves(first, left)}{halves(first + left, n - left)})"


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 31, 100])
def test_the_shape_is_the_definition(n):
    assert grown(n).value() == halves(0, n)


@given(st.integers(0, 60), st.lists(st.integers(0, 4), max_size=8))
def test_whole_nodes_made_elsewhere_give_the_same_shape(n, levels):
    tree = grown(n)
    for level in levels:
        if tree.leaves % (1 << level) == 0:
            node = grown(1 << level, tree.leaves).value()
            assert node is not None
            tree.add(node, level)
    assert tree.value() == grown(tree.leaves).value()


def test_a_node_out_of_place_is_refused():
    with pytest.raises(ValueError, match="level 1 cannot start at leaf 3"):
        grown(3).add(Text("x"), 1)


def test_a_copy_grows_on_its_own():
    tree = grown(5)
    twin = tree.copy()
    twin.add(Text("x"))
    assert (tree.leaves, twin.leaves) == (5, 6)
    assert tree.value() == halves(0, 5)


def test_nothing_has_no_value():
    assert grown(0).value() is None


def test_it_holds_one_node_a_level():
    assert len(grown(1023)._nodes) == 10
