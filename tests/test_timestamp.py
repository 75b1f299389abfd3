"""Moments and spans: what is written is read back, and what is no moment is refused in words."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crackle_stream.errors import UsageError
from crackle_stream.timestamp import (
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    format_span,
    format_time,
    parse_span,
    parse_time,
)

moments = st.integers(-(2**63) + 1, 2**63 - 1)


@given(moments)
@example(-(2**63) + 1)
@example(2**63 - 1)
@example(-1)
def test_a_moment_that_was_written_is_read_back_to_the_nanosecond(moment):
    assert parse_time(format_time(moment)) == moment


@given(moments, moments)
def test_later_moments_of_one_length_sort_later_as_text(one, other):
    first, second = (format_time(moment // SECOND * SECOND) for moment in (one, other))
    assert (first < second) == (one // SECOND < other // SECOND)


@given(
    st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
    st.sampled_from("Tt "),
    st.sampled_from(["", ":"]),
)
def test_a_moment_in_any_zone_is_what_datetime_says_it_is(local, offset, between, colon):
    sign, minutes = "-" if offset < 0 else "+", abs(offset)
    day, clock = local.isoformat(timespec="microseconds").split("T")
    text = f"{day}{between}{clock}{sign}{minutes // 60:02d}{colon}{minutes % 60:02d}"
    since = local.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    seconds = since.days * 86_400 + since.seconds - offset * 60
    assert parse_time(text) == seconds * SECOND + since.microseconds * 1_000


@given(st.integers(-(2**32), 2**32), st.integers(0, 999))
def test_epoch_seconds_keep_their_milliseconds(seconds, milliseconds):
    expected = seconds * SECOND + milliseconds * MILLISECOND
    assert abs(parse_time(seconds + milliseconds / 1000) - expected) < MILLISECOND // 100
    assert parse_time(seconds) == parse_time(float(seconds)) == seconds * SECOND


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("2026-03-01T12:00:00", "has no zone"),
        ("yesterday", "is no RFC 3339 moment"),
        ("٢026-03-01T12:00Z", "is no RFC 3339 moment"),
        ("2026-13-01T12:00Z", "month"),
        ("2026-03-01T24:00Z", "hour"),
        ("2026-03-01T12:00:60Z", "second"),
        ("1600-01-01T00:00Z", "outside 1678 to 2262"),
        (1_772_366_400_000, "outside 1678 to 2262"),
        (1e300, "outside 1678 to 2262"),
        (float("nan"), "nan is no moment"),
        (float("-inf"), "-inf is no moment"),
    ],
)
def test_what_is_no_moment_is_refused_in_words(value, why):
    with pytest.raises(ValueError, match=why):
        parse_time(value)


@given(st.integers(1, 2**63 - 1))
@example(2**53 + 1)
def test_a_span_that_was_written_is_read_back(span):
    assert parse_span(format_span(span)) == span
    assert parse_span(f"{span}ns") == span


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("1.5h", 90 * MINUTE),
        ("90min", 90 * MINUTE),
        ("0.25s", SECOND // 4),
        ("2h15m", 9 * HOUR // 4),
    ],
)
def test_a_span_may_have_decimals_and_parts(text, span):
    assert parse_span(text) == span


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no span"),
        ("5", "no span"),
        ("1h 30m", "no span"),
        ("-1h", "no span"),
        ("1e3s", "no span"),
        ("٣s", "no span"),
        ("9" * 400 + "s", "no span"),
        ("0s", "empty span"),
        ("0.1ns", "empty span"),
        ("16000w", "too long"),
    ],
)
def test_what_is_no_span_is_refused_in_words(text, why):
    with pytest.raises(UsageError, match=why):
        parse_span(text)
