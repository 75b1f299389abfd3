"""Which stretches of a log are looked at together: the windows a user can ask for."""

from __future__ import annotations

from math import gcd
from typing import Literal, TypeAlias

from msgspec import Struct

from crackle_stream.errors import UsageError
from crackle_stream.timestamp import format_span, parse_span

WindowKind: TypeAlias = Literal["whole", "count", "time", "session"]


class WindowSpec(Struct, frozen=True):
    """A window: the whole log, so many events, a span of event time, or a session.

    Parameters
    ----------
    kind
        What the size is counted in.
    size
        Events (`count`), nanoseconds (`time`), or the gap in nanoseconds that ends a `session`.
    slide
        Distance between the starts of windows in the same unit; equal to `size` when they tumble.

    Examples
    --------
    >>> WindowSpec.parse("500").size
    500
    >>> str(WindowSpec.parse("1h", slide="15m"))
    '1h every 15m'
    >>> WindowSpec.parse("session:30m").kind
    'session'
    """

    kind: WindowKind = "whole"
    size: int = 0
    slide: int = 0

    @classmethod
    def parse(cls, text: str | None = None, slide: str | None = None) -> WindowSpec:
        """Read ``500``, ``1h`` or ``session:30m``; None is the whole log.

        Raises
        ------
        UsageError
            When the window or its slide cannot be meant.
        """
        if text is None:
            return _without_slide(cls(), slide)
        if text.startswith("session:"):
            return _without_slide(cls("session", parse_span(text.removeprefix("session:"))), slide)
        kind, size = parse_extent(text, "window")
        step = size if slide is None else _parse_slide(slide, kind)
        if step > size:
            raise UsageError(
                f"a window of {text} that slides by {slide} would skip events: "
                "slide by at most the window"
            )
        return cls(kind, size, step)

    @property
    def slice(self) -> int:
        """Size of the slices that windows are whole unions of (Krishnamurthy et al. 2006)."""
        return gcd(self.size, self.slide)

    def __str__(self) -> str:
        if self.kind == "whole":
            return "the whole log"
        size, slide = (
            f"{amount:,} events" if self.kind == "count" else format_span(amount)
            for amount in (self.size, self.slide)
        )
        if self.kind == "session":
            return f"sessions that end after {size}"
        return size if self.size == self.slide else f"{size} every {slide}"


def parse_extent(text: str, what: str) -> tuple[Literal["count", "time"], int]:
    """Read a number of events, or a span of event time in nanoseconds.

    Raises
    ------
    UsageError
        When the text is neither, is nothing, or is more than a log can hold.
    """
    if not text.isdecimal():
        return "time", parse_span(text)
    if len(text) > 18:
        raise UsageError(f"a {what} of {text[:18]}… events is more than a log can hold")
    if int(text) == 0:
        raise UsageError(f"a {what} of 0 events holds nothing: give 1 or more")
    return "count", int(text)


def _parse_slide(text: str, kind: str) -> int:
    slide_kind, slide = parse_extent(text, "slide")
    if slide_kind != kind:
        raise UsageError(
            f"the slide {text!r} and the window do not go together: "
            "give both as a number of events, or both as a span of time"
        )
    return slide


def _without_slide(spec: WindowSpec, slide: str | None) -> WindowSpec:
    if slide is not None:
        raise UsageError(f"{spec} cannot slide: give a window such as 500 or 1h, or no slide")
    return spec
