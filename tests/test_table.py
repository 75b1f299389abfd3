"""Tables: rows taken, columns widened, and tables put one after the other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crackle_stream.table import Table, concatenate

NAMES = "abcd"
rows_of_numbers = st.lists(
    st.dictionaries(st.sampled_from(NAMES), st.floats(-9, 9), max_size=4), max_size=6
)


def table_of(rows, first=0):
    """Give a table of rows that are dicts of what each reports."""
    names = tuple(sorted({name for row in rows for name in row}))
    values = np.array([[row.get(name, np.nan) for name in names] for row in rows])
    at = np.arange(first, first + len(rows), dtype=np.int64)
    return Table(names, at, at + 100, at * 7, values.reshape(len(rows), len(names)))


def reported(table):
    """Give what each row of a table reports: its place, position, time and present metrics."""
    return [
        (row, position, time, {n: x for n, x in zip(table.names, values, strict=True) if x == x})
        for row, position, time, values in zip(
            table.rows.tolist(),
            table.positions.tolist(),
            table.times.tolist(),
            table.values.tolist(),
            strict=True,
        )
    ]


@given(st.lists(rows_of_numbers, max_size=4))
def test_tables_put_together_report_what_each_reported(parts):
    tables = [table_of(rows, first=10 * i) for i, rows in enumerate(parts)]
    together = concatenate(tables)
    assert reported(together) == [row for table in tables for row in reported(table)]
    assert list(together.names) == sorted({name for table in tables for name in table.names})
    assert together.values.shape == (len(together), len(together.names))


@given(rows_of_numbers, st.sets(st.sampled_from(NAMES)))
def test_other_columns_keep_the_rows_and_what_they_have_in_common(rows, asked):
    names = tuple(sorted(asked))
    table = table_of(rows)
    narrowed = table.with_names(names)
    assert narrowed.names == names
    assert reported(narrowed) == [
        (*where, {name: x for name, x in numbers.items() if name in asked})
        for *where, numbers in reported(table)
    ]


@given(rows_of_numbers, st.data())
def test_rows_are_taken_by_index_by_mask_and_by_slice(rows, data):
    table = table_of(rows)
    mask = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), bool
    )
    expected = [row for row, chosen in zip(reported(table), mask, strict=True) if chosen]
    assert reported(table.take(mask)) == reported(table.take(np.flatnonzero(mask))) == expected
    assert reported(table.take(slice(1, 3))) == reported(table)[1:3]


@given(rows_of_numbers)
def test_a_column_is_that_of_its_name(rows):
    table = table_of(rows)
    for name in table.names:
        expected = [row.get(name, np.nan) for row in rows]
        np.testing.assert_array_equal(table.column(name), expected)
