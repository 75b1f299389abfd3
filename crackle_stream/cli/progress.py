"""How far reading is, on a line of its own while it lasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TextIO

from crackle_stream.clock import elapsed

PATIENCE: Final = 1.0
"""Seconds before which nothing is shown."""

_ERASE: Final = "\r\x1b[K"


class Progress:
    """One line that counts events; shown on a terminal only, and only where reading takes long.

    It stands while the next events are waited for, and is gone before anything else is written.

    Parameters
    ----------
    stream
        Where to show it; None where that is closed.
    hidden
        Whether to show nothing.
    clock
        Gives seconds.
    """

    def __init__(
        self, stream: TextIO | None, *, hidden: bool = False, clock: Callable[[], float] = elapsed
    ) -> None:
        self._stream = None if hidden or stream is None or not stream.isatty() else stream
        self._clock = clock
        self._begun = clock()
        self._stands = False

    def show(self, events: int) -> None:
        """Show how many events were read so far, and how many that is a second."""
        seconds = self._clock() - self._begun
        if self._stream is not None and seconds >= PATIENCE:
            self._stream.write(f"{_ERASE}{events:,} events, {events / seconds:,.0f} a second")
            self._stream.flush()
            self._stands = True

    def clear(self) -> None:
        """Take the line away."""
        if self._stream is not None and self._stands:
            self._stream.write(_ERASE)
            self._stream.flush()
            self._stands = False
