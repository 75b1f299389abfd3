import io
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from crackle_stream.report.markdown import plain
from crackle_stream.report.terminal import Terminal, columns, escape, pad, shorten, wrap

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HOSTILE = st.text(st.one_of(st.characters(), st.sampled_from(BIDI + "\x1b\x9b\x07\r\n\u2028")))
CONTROL = {*map(chr, range(32)), *map(chr, range(127, 160)), *BIDI, "\u2028", "\u2029", "\ufeff"}


class Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@given(HOSTILE)
def test_nothing_that_a_terminal_obeys_gets_through(text):
    assert not CONTROL & set(escape(text))


@given(HOSTILE)
def test_nothing_that_a_terminal_obeys_gets_through_markdown(text):
    assert not CONTROL & set(plain(text))


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_what_is_harmless_stays(text):
    assert escape(text) == text


def test_what_was_escaped_can_be_read():
    assert escape("\x1b]0;owned\x07\u202egnp.exe") == r"\x1b]0;owned\x07\u202egnp.exe"
    assert escape("\U000e0041") == r"\U000e0041"


def test_emoji_that_are_joined_stay_joined():
    assert escape("👩‍🚀") == "👩‍🚀"


@given(st.text(st.characters(categories=["L", "N", "P", "S"]) | st.just(" ")), st.integers(8, 40))
def test_wrapped_lines_fit_and_lose_nothing_but_blanks(text, width):
    lines = wrap(text, width, "- ", "  ")
    assert all(columns(line) <= width for line in lines)
    kept = "".join("".join(line[2:] for line in lines).split())
    assert kept == "".join(text.split())


@given(st.text(st.characters(categories=["L", "N"])), st.integers(4, 20))
def test_a_shortened_text_fits(text, width):
    short = shorten(text, width)
    assert columns(short) <= width
    assert short == text or (short.endswith("..") and text.startswith(short[:-2]))
    assert columns(pad(short, width)) == width


def test_wide_characters_take_two_columns_and_accents_none():
    assert columns("窯") == 2
    assert columns(unicodedata.normalize("NFD", "é")) == 1


def test_only_a_terminal_has_colours():
    assert not Terminal.of(io.StringIO(), {}).colour
    assert Terminal.of(Screen(), {}).colour


def test_colours_can_be_refused():
    assert not Terminal.of(Screen(), {"NO_COLOR": "1"}).colour
    assert not Terminal.of(Screen(), {"TERM": "dumb"}).colour
    # An empty NO_COLOR counts as unset: https://no-color.org
    assert Terminal.of(Screen(), {"NO_COLOR": ""}).colour


def test_what_is_piped_is_80_columns_wide():
    assert Terminal.of(io.StringIO(), {"COLUMNS": "200"}).width == 80
