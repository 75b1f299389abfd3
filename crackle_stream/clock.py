"""The one place that reads the clock; nothing it gives ever enters a pattern."""

from __future__ import annotations

import time


def now() -> int:
    """Give the present moment in nanoseconds since 1970 UTC."""
    return time.time_ns()


def elapsed() -> float:
    """Give seconds on a clock that never goes back, for measuring durations."""
    return time.perf_counter()


class Deadline:
    """A limit on elapsed seconds; None is no limit.

    Examples
    --------
    >>> Deadline(None).passed()
    False
    """

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else elapsed() + seconds

    def passed(self) -> bool:
        """Whether the time is used up."""
        return self._end is not None and elapsed() >= self._end
