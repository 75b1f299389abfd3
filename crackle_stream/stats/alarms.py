"""Live alarms while events come in: a trigger to look, never a result."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from crackle_stream.pattern import Level
from crackle_stream.stats.alarm import Alarm, AlarmForm
from crackle_stream.stats.focus import Change, Focus
from crackle_stream.stats.normal_scores import NormalScores

MAX_METRICS: Final = 1_000
WARM_UP: Final = 100
"""Values of a metric that are its reference; no change among them is seen."""
THRESHOLD: Final = 26.0
"""Statistic of an alarm: less than one in 10,000 values of noise (``tests/bench/alarms.py``)."""
SUREST: Final = 0.99

Mark: TypeAlias = tuple[int, int, float, float]
"""Log position of a value, and number, sum and sum of squares of those before it."""


class DriftAlarms:
    """One `DriftDetector` a metric, fed event by event in log order.

    Parameters
    ----------
    max_metrics
        Metrics watched at most; `unwatched` counts the values of further ones.
    ignores
        Tells which metrics to leave out.

    Examples
    --------
    >>> alarms = DriftAlarms()
    >>> levels = [float(i * i % 7) + (9.0 if i >= 500 else 0.0) for i in range(1_000)]
    >>> (alarm,) = [a for i, x in enumerate(levels) for a in alarms.update(i, {"seconds": x})]
    >>> alarm.onset, alarm.position < 510, alarm.form, alarm.before.mean < alarm.after.mean
    (500, True, 'level', True)
    """

    def __init__(
        self, max_metrics: int = MAX_METRICS, ignores: Callable[[str], bool] = lambda _: False
    ) -> None:
        self.max_metrics = max_metrics
        self.unwatched = 0
        self._ignores = ignores
        self._detectors: dict[str, DriftDetector] = {}

    def update(self, position: int, metrics: Mapping[str, float]) -> list[Alarm]:
        """Take in one event and give the alarms it raises, by metric name."""
        alarms = []
        for name, value in metrics.items():
            detector = self._detectors.get(name) or self._admit(name)
            if detector is not None:
                alarm = detector.update(position, value)
                if alarm is not None:
                    alarms.append(alarm)
        return sorted(alarms, key=lambda alarm: alarm.metric)

    def _admit(self, name: str) -> DriftDetector | None:
        if self._ignores(name):
            return None
        if len(self._detectors) >= self.max_metrics:
            self.unwatched += 1
            return None
        self._detectors[name] = DriftDetector(name)
        return self._detectors[name]


class DriftDetector:
    """Whether one metric changed its level or its spread, in constant time and memory a value.

    The first values are its reference. Later ones become their normal scores in it, and FOCuS asks
    of the scores and of the folded scores whether their mean changed. Under the null (independent
    values of any one distribution, or autoregressive ones) that is the same test whatever the
    distribution; a single outlier counts as one value of 2.7 standard deviations. After an alarm
    it begins anew with the next values. Of a metric that never falls (or never rises) in its
    reference, and mostly moves, the steps are watched.

    Parameters
    ----------
    metric
        Its name.
    warm_up
        Values in the reference.
    threshold
        Statistic of an alarm.
    """

    def __init__(self, metric: str, warm_up: int = WARM_UP, threshold: float = THRESHOLD) -> None:
        self._metric = metric
        self._warm_up = warm_up
        self._threshold = threshold
        self._reference: list[float] = []
        self._watch: _Watch | None = None

    def update(self, position: int, value: float) -> Alarm | None:
        """Take in a value, and give the alarm that it raises."""
        if self._watch is None:
            self._warm(value)
            return None
        change = self._watch.update(position, value)
        if change is None:
            return None
        alarm = self._watch.alarm(self._metric, position, change)
        self._watch = None
        return alarm

    def _warm(self, value: float) -> None:
        self._reference.append(value)
        if len(self._reference) == self._warm_up:
            self._watch = _Watch(self._reference, self._threshold)
            self._reference = []


class _Watch:
    """The values of a metric since its reference began."""

    def __init__(self, values: list[float], threshold: float) -> None:
        self._previous = values[-1] if _counts(values) else None
        reference = values if self._previous is None else _steps(values)
        self._scores = NormalScores(reference)
        levels, spreads = zip(*map(self._scores.of, reference), strict=True)
        self._level: Focus[Mark] = Focus(levels, threshold)
        self._spread: Focus[Mark] = Focus(spreads, threshold)
        # Around a value of the metric, so that an offset of 1e9 costs no digits.
        self._centre = sorted(reference)[len(reference) // 2]
        apart = [value - self._centre for value in reference]
        self._n = len(apart)
        self._total = sum(apart)
        self._squares = sum(value * value for value in apart)

    def update(self, position: int, value: float) -> Change[Mark] | None:
        if self._previous is not None:
            value, self._previous = value - self._previous, value
        mark = (position, self._n, self._total, self._squares)
        level, spread = self._scores.of(value)
        apart = value - self._centre
        self._n += 1
        self._total += apart
        self._squares += apart * apart
        shift = self._level.update(level, mark)
        burst = self._spread.update(spread, mark)
        return shift or burst

    def alarm(self, metric: str, position: int, change: Change[Mark]) -> Alarm:
        onset, n, total, squares = change.mark
        after = self._n - n, self._total - total, self._squares - squares
        # Twice what was measured of independent values, which falls as this does.
        chance = 2 * self._n * math.exp(-change.statistic / 2)
        return Alarm(
            status="raised",
            metric=metric,
            form=self._form(),
            position=position,
            onset=onset,
            before=_level(n, total, squares, self._centre),
            after=_level(*after, self._centre),
            confidence=min(max(1.0 - chance, 0.0), SUREST),
            of_steps=self._previous is not None,
        )

    def _form(self) -> AlarmForm:
        """Say which of the two changed more: a wider spread also moves sums, by chance."""
        if self._spread.largest().ratio > self._level.largest().ratio:
            return "spread"
        return "level"


def _level(n: int, total: float, squares: float, centre: float) -> Level:
    mean = total / n
    variance = (squares - total * mean) / max(n - 1, 1)
    return Level(centre + mean, math.sqrt(max(variance, 0.0)), n)


def _counts(values: Sequence[float]) -> bool:
    """Whether values go one way only, and mostly do move: an identifier, a clock, a counter."""
    steps = _steps(values)
    moved = max(sum(step > 0 for step in steps), sum(step < 0 for step in steps))
    still = sum(step == 0 for step in steps)
    return moved + still == len(steps) and 2 * moved > len(steps)


def _steps(values: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise(values)]
