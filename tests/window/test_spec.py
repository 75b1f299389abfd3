from __future__ import annotations

import pytest

from crackle_stream.errors import UsageError
from crackle_stream.timestamp import HOUR, MINUTE
from crackle_stream.window.spec import WindowSpec


@pytest.mark.parametrize(
    ("text", "slide", "spec", "words"),
    [
        (None, None, WindowSpec(), "the whole log"),
        ("500", None, WindowSpec("count", 500, 500), "500 events"),
        ("500", "100", WindowSpec("count", 500, 100), "500 events every 100 events"),
        ("1h", "15m", WindowSpec("time", HOUR, 15 * MINUTE), "1h every 15m"),
        ("session:30m", None, WindowSpec("session", 30 * MINUTE), "sessions that end after 30m"),
    ],
)
def test_a_window_is_read_and_said(text, slide, spec, words):
    assert WindowSpec.parse(text, slide) == spec
    assert str(spec) == words


@pytest.mark.parametrize(
    ("text", "slide", "said"),
    [
        ("0", None, "0 events"),
        ("9" * 19, None, "more than a log can hold"),
        ("-5", None, "no span"),
        ("", None, "no span"),
        ("1x", None, "no span"),
        ("session:", None, "no span"),
        ("500", "0", "0 events"),
        ("500", "501", "skip events"),
        ("1h", "2h", "skip events"),
        ("500", "1h", "do not go together"),
        ("1h", "10", "do not go together"),
        (None, "10", "cannot slide"),
        ("session:5m", "1m", "cannot slide"),
    ],
)
def test_a_window_that_cannot_be_meant_is_refused_with_the_reason(text, slide, said):
    with pytest.raises(UsageError, match=said):
        WindowSpec.parse(text, slide)


def test_slices_divide_window_and_slide():
    assert WindowSpec.parse("500", "150").slice == 50
