"""Who hears of alarms: callbacks, in a thread of their own, so that firing waits for none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, TypeAlias

from crackle_stream.cooling.alarms import LOOK_BACK, AlarmWatch
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.event import EventBatch
from crackle_stream.log.eventlog import EventLog
from crackle_stream.profile import ThermalProfile
from crackle_stream.stats.alarm import Alarm

PAUSE: Final = 0.01
"""Seconds in which events gather before they are looked at."""

Callback: TypeAlias = Callable[[Alarm], object]

_logger = logging.getLogger(__name__)


class AlarmListeners:
    """Follows a log that is written to, and calls callbacks one alarm at a time.

    They run in a thread of their own while events come in, and in that of whoever cools or closes.
    An exception in one is logged with its traceback (logger ``crackle_stream.cooling.listeners``);
    the others are called all the same.

    Parameters
    ----------
    log, profile
        As for `AlarmWatch`.
    start
        Log position before which nothing is read.
    """

    def __init__(self, log: EventLog, profile: ThermalProfile, start: int) -> None:
        self._log = log
        self._callbacks: tuple[Callback, ...] = ()
        since = log.count
        start = max(start, log.first, since - LOOK_BACK)
        self._watch = AlarmWatch(log, self._call, profile, start=start, since=since)
        self._awake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="crackle-alarms", daemon=True)
        self._thread.start()
        self._awake.set()

    @property
    def unwatched(self) -> int:
        """How many values of metrics beyond those watched there were."""
        return self._watch.unwatched

    def add(self, callback: Callback) -> None:
        """Call this one too, from the next alarm on."""
        self._callbacks = (*self._callbacks, callback)

    def remove(self, callback: Callback) -> bool:
        """Call this one no more; say whether any is left."""
        self._callbacks = tuple(other for other in self._callbacks if other != callback)
        return bool(self._callbacks)

    def offer(self, first: int, batch: EventBatch) -> None:
        """Say what was just appended."""
        self._watch.offer(first, batch)
        if not self._awake.is_set():
            self._awake.set()

    def follow(self, stop: int) -> None:
        """Tell of alarms below a position now."""
        self._watch.follow(stop)

    def judge(self, report: CoolingReport, plan: Plan) -> None:
        """Tell what a cooling makes of the open alarms."""
        self._watch.judge(report, plan)

    def reset(self, start: int) -> None:
        """Begin anew at a position."""
        self._watch.reset(start)

    def close(self) -> None:
        """Tell what is left to tell, and end."""
        self.end()
        self._look()

    def end(self) -> None:
        """End without looking any further."""
        self._ended.set()
        self._awake.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while self._awake.wait() and not self._ended.is_set():
            self._awake.clear()
            if not self._look():
                return
            self._ended.wait(PAUSE)

    def _look(self) -> bool:
        try:
            self._watch.follow(self._log.acknowledged)
        except Exception:
            _logger.exception("alarms have ended: the log cannot be read")
            return False
        return True

    def _call(self, alarm: Alarm) -> None:
        for callback in self._callbacks:
            try:
                callback(alarm)
            except Exception:
                _logger.exception("%r failed to take an alarm", callback)
