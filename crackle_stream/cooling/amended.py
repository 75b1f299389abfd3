"""Forgetting what was amended of tasks that were forgotten: it holds their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crackle_stream.cooling.decisions import DIRECTORY
from crackle_stream.event import EventBatch, Scalar
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.upkeep import forget_events
from crackle_stream.source import Rejection


def forget_amendments(
    log: Path, positions: Sequence[tuple[int, int]] = (), *, dry_run: bool = False
) -> int:
    """Forget the amendments of all events that a log has forgotten; give how many there were.

    Parameters
    ----------
    log
        The log's directory.
    positions
        Further ones that count as forgotten, as first position and number.
    dry_run
        Only count.
    """
    path = log / DIRECTORY
    if not path.is_dir() or not any(path.iterdir()):
        return 0
    gaps = (gap for gap in EventLog.open(log).gaps() if gap.reason == "forgotten")
    gone = [*((gap.start, gap.count) for gap in gaps), *positions]
    return forget_events(path, _Amendments(gone), dry_run=dry_run).events


class _Amendments:
    """Chooses the amendments of events at some positions."""

    columns = frozenset({"labels", "attributes"})

    def __init__(self, stretches: Sequence[tuple[int, int]]) -> None:
        ordered = sorted(stretches)
        self._starts = np.array([start for start, _ in ordered], np.int64)
        self._stops = np.array([start + count for start, count in ordered], np.int64)

    def rows(self, batch: EventBatch) -> NDArray[np.bool_]:
        """Tell of each decision whether it amends such an event."""
        labels, attributes = batch.labels or [], batch.attributes or []
        pairs = zip(labels, attributes, strict=True)
        return np.array([self._amends(label, told or {}) for label, told in pairs], np.bool_)

    def line(self, rejection: Rejection) -> bool:  # noqa: ARG002
        """Decisions hold no refused lines."""
        return False

    def _amends(self, label: str, told: dict[str, Scalar]) -> bool:
        return label == "amendment" and self._holds(int(str(told["position"])))

    def _holds(self, position: int) -> bool:
        at = int(np.searchsorted(self._starts, position, side="right")) - 1
        return at >= 0 and position < int(self._stops[at])
