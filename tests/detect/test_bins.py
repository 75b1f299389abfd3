"""Bins of consecutive rows: against numpy's moments of the rows themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crackle_stream.detect import bins
from crackle_stream.detect.bins import Bins, bins_of, join_bins
from crackle_stream.detect.view import table_of
from crackle_stream.table import Table


def rows_of(seed: int, n: int, names: str) -> Table:
    rng = np.random.default_rng(seed)
    columns = {name: rng.normal(rng.normal() * 1e6, 1, n) for name in names}
    for values in columns.values():
        values[rng.random(n) < 0.3] = np.nan
    return table_of(columns)


def joined(tables: list[Table], widths: list[int], width: int) -> Bins:
    parts, begun = [], 0
    for table, own in zip(tables, widths, strict=True):
        parts.append(join_bins([bins_of(table)], own).shifted(begun))
        begun += len(table)
    return join_bins(parts, width)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 99),
    shapes=st.lists(
        st.tuples(
            st.integers(1, 5), st.sampled_from(["ab", "b", "bcd"]), st.sampled_from([1, 2, 4])
        ),
        min_size=1,
        max_size=4,
    ),
    width=st.sampled_from([4, 8, 16]),
)
def test_joined_bins_have_the_moments_of_their_rows(
    seed: int, shapes: list[tuple[int, str, int]], width: int
) -> None:
    tables = [rows_of(seed + i, 4 * n, names) for i, (n, names, _) in enumerate(shapes)]
    found = joined(tables, [own for _, _, own in shapes], width)
    assert found.names == tuple(sorted({name for table in tables for name in table.names}))
    wide = [table.with_names(found.names).values for table in tables]
    rows = np.concatenate(wide)
    assert found.rows.tolist() == list(range(0, len(rows), width))
    for place, start in enumerate(found.rows.tolist()):
        for column in range(len(found.names)):
            values = rows[start : start + width, column]
            values = values[~np.isnan(values)]
            assert found.count[place, column] == len(values)
            if len(values):
                assert found.mean[place, column] == pytest.approx(values.mean(), rel=1e-12)
                spread = ((values - values.mean()) ** 2).sum()
                assert found.m2[place, column] == pytest.approx(spread, rel=1e-12, abs=1e-6)


@pytest.mark.parametrize("block", [1, 3, 8, 20])
def test_bins_are_the_same_to_the_bit_however_many_are_joined_at_a_time(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = [rows_of(1, 13, "ab"), rows_of(2, 22, "bc"), rows_of(3, 1, "c")]
    expected = joined(tables, [1, 2, 1], 8)
    monkeypatch.setattr(bins, "_BLOCK", block)
    found = joined(tables, [1, 2, 1], 8)
    for name in ("rows", "count", "mean", "m2"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), strict=True)
