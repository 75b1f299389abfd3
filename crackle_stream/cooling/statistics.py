"""Running moments of a stretch of log, fed in canonical panes."""

from __future__ import annotations

from crackle_stream.log.eventlog import EventLog
from crackle_stream.profile import MAX_METRICS
from crackle_stream.stats.moments import RunningMoments
from crackle_stream.window.panes import PaneCutter
from crackle_stream.window.rows import RowReader


class FollowedMoments:
    """Running variances and covariances of a log from a position on, kept up as it grows.

    Each canonical pane is read once; the rows of the last, open pane are taken in anew each time,
    so that the result does not depend on when it was asked for.

    Parameters
    ----------
    log
        The events.
    start
        Log position of the first event counted.
    max_metrics
        Distinct metric names followed at most: the first in the log.
    """

    def __init__(self, log: EventLog, start: int, max_metrics: int = MAX_METRICS) -> None:
        self._log = log
        self._next = start
        self._reader = RowReader(max_metrics=max_metrics)
        self._panes = PaneCutter()
        self._moments = RunningMoments()

    def get(self) -> RunningMoments:
        """Give the moments of all events that are in the log now."""
        for block in self._log.blocks(self._next, columns=("durations", "outcomes")):
            for pane in self._panes.push(self._reader.read(block.batch, block.first)):
                self._moments.observe(pane)
            self._next = block.first + len(block.batch)
        moments = RunningMoments.restore(self._moments.snapshot())
        rest = self._panes.rest()
        if rest is not None:
            moments.observe(rest)
        moments.left_out = self._reader.left_out
        return moments
