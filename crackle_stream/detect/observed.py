"""Summaries of your own detectors on their way through the merge tree; a failure goes with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from crackle_stream.detector import DetectorError, Registered, Summary
from crackle_stream.errors import CrackleError
from crackle_stream.plugins import why
from crackle_stream.table import Table

T = TypeVar("T")

_VERBS: Final = ("observe", "merge", "detect")
_ARRAYS: Final = ("rows", "positions", "times", "values")


class Fault(Struct, frozen=True):
    """What kept a detector from a result."""

    text: str


class Observed(Struct, frozen=True):
    """What one detector keeps of a stretch, or why it keeps nothing.

    A stretch that holds one where the detector failed has failed as well, so that who failed, and
    where, depends on the rows alone.

    Parameters
    ----------
    detector
        Whose it is.
    kept
        Its summary, or the first fault in the stretch.
    """

    detector: Registered
    kept: Summary | Fault

    @classmethod
    def of(cls, detector: Registered, pane: Table) -> Observed:
        """Let a detector observe one pane."""

        def observe() -> Summary:
            return _summary(_summary(detector.detector.start(), "start").observe(pane))

        return cls(detector, attempt(observe, "observe"))

    def merge(self, other: Observed) -> Observed:
        """Merge with what the detector keeps of the stretch that follows."""
        if isinstance(self.kept, Fault) or isinstance(other.kept, Fault):
            return self if isinstance(self.kept, Fault) else other
        one, next_ = self.kept, other.kept
        return replace(self, kept=attempt(lambda: _summary(one.merge(next_), "merge"), "merge"))


def observed(detectors: Sequence[Registered], pane: Table) -> tuple[Observed, ...]:
    """Let each detector observe one pane, numbered from 0; none can change it for another."""
    shown = read_only(replace(pane, rows=np.arange(len(pane), dtype=np.int64)))
    return tuple(Observed.of(detector, shown) for detector in detectors)


def read_only(table: Table) -> Table:
    """Give the same rows in arrays that cannot be written to."""
    views = {name: getattr(table, name).view() for name in _ARRAYS}
    for view in views.values():
        view.flags.writeable = False
    return replace(table, **views)


def attempt(act: Callable[[], T], verb: str) -> T | Fault:
    """Do what others wrote; give what came of it, or what went wrong.

    Raises
    ------
    CrackleError
        When the log failed in its hands: that is no fault of a detector.
    """
    try:
        return act()
    except CrackleError:
        raise
    except DetectorError as error:
        return Fault(why(error))
    except (Exception, SystemExit) as error:
        return Fault(f"{verb} raised {why(error)}")


def _summary(given: Summary, verb: str = "observe") -> Summary:
    if all(callable(getattr(given, name, None)) for name in _VERBS):
        return given
    raise DetectorError(
        f"{verb} gave {type(given).__name__}, which is no summary: "
        f"one has {', '.join(_VERBS[:-1])} and {_VERBS[-1]}"
    )
