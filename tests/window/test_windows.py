from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackle_stream.errors import UsageError
from crackle_stream.table import Table
from crackle_stream.timestamp import NO_TIME
from crackle_stream.window.spec import WindowSpec
from crackle_stream.window.windows import Pane, Windower


class Seen(NamedTuple):
    index: int
    rows: list[int]
    complete: bool


def table_at(times) -> Table:
    rows = np.arange(len(times), dtype=np.int64)
    return Table(("x",), rows, rows, np.array(times, np.int64), np.ones((len(times), 1)))


def windows(spec, times, sizes=(), pane_rows=3, peek=False):
    windower, first, seen = Windower(spec, pane_rows), 0, []
    slices: dict[int, list[int]] = {}

    def take(items, slices, keep):
        for item in items:
            if isinstance(item, Pane):
                held = slices.setdefault(item.slice, [])
                assert item.table.rows[0] == len(held) == item.index * pane_rows
                held += item.table.positions.tolist()
            else:
                rows = [row for number in range(*item.slices) for row in slices[number]]
                assert (item.first_row, item.n) == (rows[0], len(rows))
                if keep:
                    seen.append(Seen(item.index, rows, item.complete))

    table = table_at(times)
    for size in [*sizes, len(times)]:
        take(windower.push(table.take(slice(first, first + size))), slices, keep=True)
        first += size
        for number in [number for number in slices if number < windower.first_needed]:
            del slices[number]
        if peek:
            take(windower.rest(), {key: list(held) for key, held in slices.items()}, keep=False)
    take(windower.rest(), slices, keep=True)
    return seen


def brute_force(spec, times):
    """Each window by its definition: all rows whose coordinate lies in it."""
    if not times:
        return []
    at = times if spec.kind == "time" else list(range(len(times)))
    end = max(at) if spec.kind == "time" else len(times)
    lowest = (min(at) - spec.size) // spec.slide if spec.kind == "time" else 0
    found = []
    for k in range(lowest, end // spec.slide + 1):
        low, high = k * spec.slide, k * spec.slide + spec.size
        rows = [row for row, x in enumerate(at) if low <= x < high]
        if not rows:
            continue
        if high > end:
            covered = found[-1].rows[-1] if found else -1
            return [*found, Seen(k, rows, False)] if covered < len(times) - 1 else found
        found.append(Seen(k, rows, True))
    return found


TIMES = st.lists(st.integers(-20, 60), max_size=30).map(sorted)
SIZES = st.lists(st.integers(0, 12), max_size=5)
SPECS = st.tuples(st.sampled_from(["count", "time"]), st.integers(1, 14), st.integers(1, 14)).map(
    lambda spec: WindowSpec(spec[0], max(spec[1:]), min(spec[1:]))
)


@given(SPECS, TIMES, SIZES, st.booleans())
def test_windows_are_those_of_the_definition(spec, times, sizes, peek):
    assert windows(spec, times, sizes, peek=peek) == brute_force(spec, times)


@given(st.integers(1, 10), TIMES, SIZES)
def test_a_session_ends_where_nothing_comes_for_longer_than_the_gap(gap, times, sizes):
    expected, rows = [], []
    for row, time in enumerate(times):
        if rows and time - times[rows[-1]] > gap:
            expected.append(rows)
            rows = []
        rows.append(row)
    expected += [rows] if rows else []
    seen = windows(WindowSpec("session", gap), times, sizes)
    assert [window.rows for window in seen] == expected
    assert [window.complete for window in seen] == [True] * (len(seen) - 1) + [False] * bool(seen)
    assert [window.index for window in seen] == list(range(len(seen)))


@given(TIMES, SIZES)
def test_the_whole_log_is_one_open_window(times, sizes):
    seen = windows(WindowSpec(), times, sizes)
    assert seen == ([Seen(0, list(range(len(times))), False)] if times else [])


def test_a_long_silence_makes_no_empty_windows():
    hour = 3_600 * 10**9
    seen = windows(WindowSpec("time", hour, hour), [0, 10**6 * hour])
    assert [window.index for window in seen] == [0, 10**6]


def test_a_window_of_time_needs_times():
    with pytest.raises(UsageError, match="position 1 has none"):
        windows(WindowSpec.parse("1h"), [5, NO_TIME])


@pytest.mark.parametrize("sizes", [(), (2,)])
def test_a_window_of_time_needs_them_in_order(sizes):
    with pytest.raises(UsageError, match="position 2 goes back"):
        windows(WindowSpec.parse("session:1h"), [5, 9, 8], sizes)


def test_rows_without_a_time_can_be_counted():
    assert len(windows(WindowSpec.parse("2"), [NO_TIME] * 4)) == 2


def test_slices_no_window_needs_any_more_are_forgotten():
    windower = Windower(WindowSpec("count", 4, 2))
    for _ in windower.push(table_at(range(1_000))):
        pass
    assert len(windower._slices) <= 2
    assert windower.first_needed == 499
