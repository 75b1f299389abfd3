from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crackle_stream.detect.view import table_of
from crackle_stream.table import concatenate
from crackle_stream.window.panes import PaneCutter

VALUES = np.arange(40.0)


def cut(n, sizes, pane_rows):
    cutter, first, panes = PaneCutter(pane_rows), 0, []
    table = table_of({"x": VALUES[:n], "y": np.where(VALUES[:n] < 9, np.nan, 1.0)})
    for size in [*sizes, n]:
        panes += cutter.push(table.take(slice(first, first + size)))
        first += size
    rest = cutter.rest()
    return panes, rest


@given(st.integers(0, 40), st.lists(st.integers(0, 15), max_size=6), st.integers(1, 9))
def test_panes_are_the_same_whatever_the_blocks(n, sizes, pane_rows):
    panes, rest = cut(n, sizes, pane_rows)
    again, again_rest = cut(n, [], pane_rows)
    everything = [*panes, *([] if rest is None else [rest])]
    for one, other in zip(
        everything, [*again, *([] if again_rest is None else [again_rest])], strict=True
    ):
        assert one.names == other.names
        assert one.values.tobytes() == other.values.tobytes()
    assert {len(pane) for pane in panes} <= {pane_rows}
    assert concatenate(everything).rows.tolist() == list(range(n))


def test_a_pane_has_one_layout_and_only_the_metrics_it_has():
    panes, _ = cut(20, [], 8)
    assert [pane.names for pane in panes] == [("x",), ("x", "y")]
    assert all(pane.values.flags.c_contiguous and pane.values.base is None for pane in panes)


def test_looking_at_the_rest_takes_nothing_away():
    cutter = PaneCutter(4)
    list(cutter.push(table_of({"x": [1.0, 2.0, 3.0]})))
    assert len(cutter.rest()) == len(cutter.rest()) == 3
    (pane,) = cutter.push(table_of({"x": [4.0, 5.0]}))
    assert pane.column("x").tolist() == [1.0, 2.0, 3.0, 4.0]
    assert cutter.rest().rows.tolist() == [4]
