"""JSON that does nothing to a terminal it is printed on."""

from __future__ import annotations

from crackle_stream.report.terminal import is_harmful

_DELETE = b"\x7f"


def inert(json: bytes) -> bytes:
    r"""Write by number what JSON may hold as it is and a terminal obeys.

    JSON escapes the control characters below space by itself, but neither those from 0x7f to 0x9f,
    of which one begins a command as ESC does, nor those that turn the direction of text. Its
    meaning stays the same.

    Examples
    --------
    >>> print(inert('"a\x9b2Jb\u202ec é"'.encode()).decode())
    "a\u009b2Jb\u202ec é"
    """
    if json.isascii() and _DELETE not in json:
        return json
    text = json.decode()
    harmful = {c for c in set(text) if c > "~" and is_harmful(c)}
    return text.translate({ord(c): _escaped(c) for c in harmful}).encode() if harmful else json


def _escaped(character: str) -> str:
    """Write a character as JSON does, in two halves where one does not hold it."""
    halves = character.encode("utf-16-be")
    return "".join(f"\\u{halves[i : i + 2].hex()}" for i in range(0, len(halves), 2))
