"""Times read by columns are the moments that are read one by one."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crackle_stream.ingest.times import parse_times
from crackle_stream.timestamp import NO_TIME, parse_time

calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

Time = str | int | float | None

texts = st.builds(
    "{}-{:02}-{:02}{}{:02}:{:02}:{:02}{}{}".format,
    st.sampled_from(["2026", "1969", "1677", "1678", "2262", "2263", "0000", "9999", "year"]),
    st.integers(0, 13),
    st.integers(0, 32),
    st.sampled_from("Tt "),
    st.integers(0, 24),
    st.integers(0, 60),
    st.integers(0, 61),
    st.sampled_from(["", ".5", ".000000001", ".123456789", ".1234567891", ",25", ".", ".٣"]),
    st.sampled_from(["Z", "z", "+00:00", "-08:30", "+23:59", "+24:00", "+02:60", "+0200", ""]),
)
texts |= st.sampled_from(["", "x" * 60, "2026-03-01T00:00Z"])
seconds = st.floats(allow_nan=False, allow_infinity=False) | st.floats(-9e9, 9e9)
whole = st.integers(-(2**53), 2**53) | st.integers(-(10**10), 10**10)
columns = st.one_of(
    st.lists(texts),
    st.lists(seconds),
    st.lists(whole),
    st.lists(st.one_of(st.none(), texts, seconds, whole)),
)


def one_by_one(time: Time) -> int | None:
    try:
        return NO_TIME if time is None else parse_time(time)
    except ValueError:
        return None


@calm
@given(columns)
def test_a_column_of_times_is_read_as_each_is_alone(times: list[Time]) -> None:
    moments, bad = parse_times(times)
    expected = [one_by_one(time) for time in times]
    assert bad == [i for i, moment in enumerate(expected) if moment is None]
    assert [m for m in expected if m is not None] == [
        m for i, m in enumerate(moments.tolist()) if i not in bad
    ]


@pytest.mark.parametrize("end", ["Z", "+02:00", "-00:30", ".5Z", ".123456789+01:00"])
def test_every_second_around_a_leap_day_is_read_as_alone(end: str) -> None:
    days = [(2024, 2, 28), (2024, 2, 29), (2024, 3, 1), (1900, 2, 28), (1969, 12, 31)]
    times = [
        f"{y}-{m:02}-{d:02}T{hour:02}:59:{second:02}{end}"
        for y, m, d in days
        for hour in (0, 23)
        for second in (0, 59)
    ]
    moments, bad = parse_times(times)
    assert not bad
    assert moments.tolist() == [parse_time(time) for time in times]


def test_one_day_that_does_not_exist_spoils_no_other() -> None:
    times = ["2026-02-28T00:00:00Z", "2026-02-30T00:00:00Z", "2026-03-01T00:00:00Z"]
    moments, bad = parse_times(times)
    assert bad == [1]
    assert moments[[0, 2]].tolist() == [parse_time(times[0]), parse_time(times[2])]
