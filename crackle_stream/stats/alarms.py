"""Live drift alarms while events come in: a trigger to look, never a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

MAX_METRICS: Final = 1_000


class Alarm(Struct, frozen=True):
    """A metric whose recent mean left its earlier one.

    Parameters
    ----------
    metric
        Which.
    position
        Log position of the event at which it was noticed, some time after the change.
    before, after
        Mean of the adaptive window before and after its old part was dropped.
    """

    metric: str
    position: int
    before: float
    after: float


class DriftAlarms:
    """One ADWIN a metric, fed event by event (Bifet and Gavaldà 2007, as in river).

    ADWIN tells that a mean changed, not where: what it says starts a cooling pass and enters no
    pattern.

    Parameters
    ----------
    delta
        Bound on the probability of a false alarm at a step.
    max_metrics
        Metrics watched at most; `unwatched` counts the values of further ones.

    Examples
    --------
    >>> alarms = DriftAlarms()
    >>> levels = [float(i % 3) + (100.0 if i >= 500 else 0.0) for i in range(1_000)]
    >>> found = [a for i, x in enumerate(levels) for a in alarms.update(i, {"x": x})]
    >>> found[0].metric, 500 <= found[0].position < 600, found[0].before < found[0].after
    ('x', True, True)
    """

    def __init__(self, delta: float = 0.002, max_metrics: int = MAX_METRICS) -> None:
        self.delta = delta
        self.max_metrics = max_metrics
        self.unwatched = 0
        self._detectors: dict[str, Any] = {}

    def update(self, position: int, metrics: Mapping[str, float]) -> list[Alarm]:
        """Take in one event and give the alarms it raises, by metric name."""
        alarms = []
        for name in sorted(metrics):
            detector = self._detector(name)
            if detector is None:
                self.unwatched += 1
                continue
            before = detector.estimation
            detector.update(metrics[name])
            if detector.drift_detected:
                alarms.append(Alarm(name, position, before, detector.estimation))
        return alarms

    def _detector(self, name: str) -> Any:
        if name not in self._detectors and len(self._detectors) < self.max_metrics:
            # Here, not above: river.drift takes most of a second to import.
            from river.drift import ADWIN

            self._detectors[name] = ADWIN(delta=self.delta)
        return self._detectors.get(name)
