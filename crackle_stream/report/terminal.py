"""What the place a text is shown can do, and how hostile text is made harmless there."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Mapping
from typing import Final, Literal, TextIO, TypeAlias

from msgspec import Struct

from crackle_stream.errors import StorageError

PLAIN_WIDTH: Final = 80
NARROWEST: Final = 72
"""A grid of changes needs as much."""

Style: TypeAlias = Literal["strong", "faint", "warning"]

_CODES: Final[dict[Style, str]] = {"strong": "1", "faint": "2", "warning": "33"}

_HARMFUL: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that move the cursor, hide text, turn its direction or end its line."""

_JOINERS: Final = "\u200c\u200d"
"""Format characters that scripts and emoji need, and that change nothing else."""


class Terminal(Struct, frozen=True):
    r"""Where a text report is shown.

    Parameters
    ----------
    width
        Columns.
    colour
        Whether styles are shown.
    encoding
        What the characters are written in; those it lacks are shown by number.

    Examples
    --------
    >>> Terminal().paint("shown", "strong")
    'shown'
    >>> Terminal(encoding="ascii").encode("café")
    b'caf\\xe9'
    """

    width: int = PLAIN_WIDTH
    colour: bool = False
    encoding: str = "utf-8"

    @classmethod
    def of(cls, stream: TextIO | None, environment: Mapping[str, str]) -> Terminal:
        """Find out what a stream can do: only a terminal has a width and colours.

        Raises
        ------
        StorageError
            When the stream is closed, which Python tells by None.
        """
        if stream is None:
            raise StorageError("stdout is closed: let the results go to a terminal or a file")
        encoding = getattr(stream, "encoding", None) or "utf-8"
        if not stream.isatty():
            return cls(encoding=encoding)
        colour = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        width = max(shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns, NARROWEST)
        return cls(width, colour, encoding)

    def paint(self, text: str, style: Style) -> str:
        """Give a text in a style, where there are styles."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.colour and text else text

    def encode(self, text: str) -> bytes:
        """Write a text; characters that the encoding lacks are written by number."""
        return text.encode(self.encoding, "backslashreplace")


def escape(text: str) -> str:
    r"""Show control, direction and other invisible characters by their number.

    A label is hostile text: it must not move the cursor, colour, clear or ring the terminal, nor
    turn the direction of what stands beside it. Line breaks are shown as well.

    Examples
    --------
    >>> print(escape("a\x1b[2Jb\u202ec"))
    a\x1b[2Jb\u202ec
    """
    return "".join(_shown(character) for character in text)


def columns(text: str) -> int:
    """Count the columns a text takes: East Asian wide characters two, combining marks none.

    Examples
    --------
    >>> columns("abc"), columns("陶器")
    (3, 4)
    """
    return sum(_columns(character) for character in text)


def shorten(text: str, width: int) -> str:
    """Give at most that many columns of a text, with ``..`` where some of it is left out.

    Examples
    --------
    >>> shorten("integration-tests", 10), shorten("unit", 10)
    ('integrat..', 'unit')
    """
    if columns(text) <= width:
        return text
    while columns(text) > width - 2:
        text = text[:-1]
    return f"{text}.."


def pad(text: str, width: int) -> str:
    """Fill a text with blanks on the right."""
    return text + " " * (width - columns(text))


def wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """Break a text into lines at blanks; words longer than a line are broken anywhere.

    Parameters
    ----------
    first, rest
        What the first line and the others begin with; narrower than `width`.

    Examples
    --------
    >>> wrap("the quick brown fox", 12, "- ", "  ")
    ['- the quick', '  brown fox']
    """
    lines, line, empty = [], first, True
    for word in text.split():
        if not empty and columns(line) + 1 + columns(word) > width:
            lines.append(line)
            line, empty = rest, True
        line += word if empty else f" {word}"
        empty = False
        while columns(line) > width:
            cut = _cut(line, width)
            lines.append(line[:cut])
            line = rest + line[cut:]
    return [*lines, line]


def _cut(line: str, width: int) -> int:
    """Give how many characters fit."""
    cut = len(line)
    while columns(line[:cut]) > width:
        cut -= 1
    return cut


def is_harmful(character: str) -> bool:
    """Whether a character does something to a terminal, rather than be shown by it."""
    return unicodedata.category(character) in _HARMFUL and character not in _JOINERS


def _shown(character: str) -> str:
    if not is_harmful(character):
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _columns(character: str) -> int:
    if unicodedata.combining(character) or character in _JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
