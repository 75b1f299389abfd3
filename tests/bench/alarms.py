"""Alarms while firing: how often without a reason, how soon with one; river's detectors beside.

Rivals are given values standardised by the mean and deviation of their first 100, and begin anew
after an alarm, as ours do by themselves.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from crackle_stream import Kiln, TaskEvent
from crackle_stream.cooling.alarms import AlarmWatch
from crackle_stream.cooling.online import OnlineCooling
from crackle_stream.cooling.plan import Plan
from crackle_stream.event import batch_events
from crackle_stream.log.eventlog import EventLog
from crackle_stream.stats.alarms import WARM_UP, DriftDetector
from crackle_stream.window.checkpoints import CheckpointSpec
from tests.bench import streams
from tests.bench.spent import cpu_in_turns
from tests.bench.streams import Draw, Values
from tests.bench.table import Row, print_table

Detector: TypeAlias = Callable[[float], bool]
"""Takes a value and says whether it raises an alarm."""

LENGTH = 10_000
BEFORE, AFTER = 300, 500
RUNS = 5
FIRINGS = 1_000


def _slow_season(rng: np.random.Generator, n: int, metrics: int) -> Values:
    return streams.wave(rng, n, metrics, 2_000)


NULLS: dict[str, Draw] = {
    "normal": streams.normal,
    "lognormal": streams.lognormal,
    "t3": streams.student,
    "counts": streams.poisson(3),
    "rare": streams.poisson(0.1),
    "rounded": streams.rounded,
    "AR(.7)": streams.autoregressive,
    "AR(.95)": partial(streams.autoregressive, coefficient=0.95),
    "season": partial(streams.wave, period=24),
    "slow one": _slow_season,
    "walk": streams.random_walk,
}

PLANTED: dict[str, Callable[[Values], Values]] = {
    "1 sd": lambda tail: tail + 1,
    "2 sd": lambda tail: tail + 2,
    "3 sd": lambda tail: tail + 3,
    "spread x 3": lambda tail: tail * 3,
}


def print_tables(draws: int, seed: int) -> None:
    """Print all tables of alarms."""
    makers = {"ours": _Ours, "clipped CUSUM": _Cusum, **rivals()}
    print_table(
        "alarms per 10,000 values without a change [fresh draws]",
        list(NULLS),
        false_alarms(makers, draws, seed),
    )
    print_table(
        f"median delay of an alarm, change at {BEFORE}, then share that {AFTER} values missed",
        [*PLANTED, *PLANTED],
        delays(makers, draws, seed),
    )
    print_table(
        "ours, change anywhere in 1,000: raised, onset within 5, and confirmed by cooling at 1,000",
        ("raised", "within 5", "confirmed", "withdrawn"),
        judgements(draws, seed),
    )
    print_table("CPU of a value, over that of river's ADWIN", ("ratio",), cost(makers, seed))
    print_table(
        "CPU of firing with on_alarm over firing without",
        ("2 metrics", "8 metrics"),
        firing(),
    )


class _Ours:
    """What `kiln.on_alarm` runs for each metric."""

    def __init__(self) -> None:
        self.detector = DriftDetector("x")
        self._position = -1

    def __call__(self, value: float) -> bool:
        self._position += 1
        return self.detector.update(self._position, value) is not None


class _Standardised:
    """A detector on values standardised by their first 100; it begins anew after an alarm."""

    def __init__(self, make: Callable[[], Detector], *, robust: bool = False) -> None:
        self._make = make
        self._robust = robust
        self._first: list[float] = []

    def __call__(self, value: float) -> bool:
        if len(self._first) < WARM_UP:
            self._first.append(value)
            if len(self._first) == WARM_UP:
                self._begin(np.array(self._first))
            return False
        if not self._detect((value - self._centre) / self._scale):
            return False
        self._first = []
        return True

    def _begin(self, first: Values) -> None:
        self._centre, self._scale = first.mean(), first.std()
        if self._robust:
            self._centre = np.median(first)
            self._scale = 1.4826 * np.median(np.abs(first - self._centre))
        self._centre, self._scale = float(self._centre), float(self._scale) or 1.0
        self._detect = self._make()


class _Cusum(_Standardised):
    """Page's two-sided cusum of values by median and MAD, clipped at 4."""

    def __init__(self) -> None:
        super().__init__(lambda: _page(0.5, 8.0), robust=True)


def _page(allowance: float, threshold: float) -> Detector:
    sums = [0.0, 0.0]

    def detect(value: float) -> bool:
        clipped = min(max(value, -4.0), 4.0)
        sums[0] = max(0.0, sums[0] + clipped - allowance)
        sums[1] = max(0.0, sums[1] - clipped - allowance)
        return max(sums) > threshold

    return detect


def rivals() -> dict[str, Callable[[], Detector]]:
    """Give river's detectors with its defaults."""
    from river import drift

    def begin(make: Callable[[], Any]) -> Detector:
        detector = make()

        def detect(value: float) -> bool:
            detector.update(value)
            return bool(detector.drift_detected)

        return detect

    made = {
        "ADWIN": drift.ADWIN,
        "PageHinkley": drift.PageHinkley,
        "KSWIN": partial(drift.KSWIN, seed=1),
    }
    return {name: partial(_Standardised, partial(begin, make)) for name, make in made.items()}


def false_alarms(makers: dict[str, Callable[[], Detector]], draws: int, seed: int) -> Iterator[Row]:
    """Give how many alarms there are without anything to alarm of."""
    for name, make in makers.items():
        # KSWIN takes a hundred times as long.
        length, turns = (2_000, min(draws, 2)) if name == "KSWIN" else (LENGTH, draws)
        rates = []
        for draw in NULLS.values():
            found = 0
            for turn in range(turns):
                values = draw(np.random.default_rng([seed, turn]), length, 1)[:, 0]
                detect = make()
                found += sum(detect(value) for value in values.tolist())
            rates.append(found / turns * LENGTH / length)
        yield name, rates


def delays(makers: dict[str, Callable[[], Detector]], draws: int, seed: int) -> Iterator[Row]:
    """Give the median delay among those noticed, and the share of those that were not."""
    for name, make in makers.items():
        found = [
            [_delay(make(), plant, np.random.default_rng([seed, turn])) for turn in range(draws)]
            for plant in PLANTED.values()
        ]
        seen = [[delay for delay in some if delay is not None] for some in found]
        medians = [int(np.median(some)) if some else None for some in seen]
        yield name, [*medians, *(1 - len(some) / draws for some in seen)]


def _delay(
    detect: Detector, plant: Callable[[Values], Values], rng: np.random.Generator
) -> int | None:
    values = rng.normal(size=BEFORE + AFTER)
    values[BEFORE:] = plant(values[BEFORE:])
    for place, value in enumerate(values.tolist(), 1 - BEFORE):
        if detect(value) and place > 0:
            return place
    return None


def judgements(draws: int, seed: int) -> Iterator[Row]:
    """Give what becomes of alarms at a checkpoint of 1,000, as shares of draws."""
    changes = {**PLANTED, "nothing, normal": None, "nothing, AR(.95)": None, "a walk": None}
    for name, plant in changes.items():
        tally = np.zeros(4)
        for turn in range(draws):
            rng = np.random.default_rng([seed, turn])
            at, values = int(rng.integers(150, 950)), _stream(name, rng)
            if plant is not None:
                values[at:] = plant(values[at:])
            tally += _judged(values, at)
        yield name, (tally / draws).tolist()


def _stream(name: str, rng: np.random.Generator) -> Values:
    if name == "a walk":
        return streams.random_walk(rng, 1_000, 1)[:, 0]
    if name == "nothing, AR(.95)":
        return streams.autoregressive(rng, 1_000, 1, 0.95)[:, 0]
    return rng.normal(size=1_000)


def _judged(values: Values, at: int) -> tuple[bool, bool, bool, bool]:
    """Say whether an alarm was raised, within 5 of a place, confirmed, and one withdrawn."""
    told: list[Any] = []
    with EventLog.in_memory() as log:
        log.append(batch_events([TaskEvent(metrics={"x": x}) for x in values.tolist()]))
        watch = AlarmWatch(log, told.append)
        plan = Plan(checkpoints=CheckpointSpec(every=1_000, end=False))
        list(OnlineCooling(log, plan, alarms=watch).finish())
    near = any(abs(alarm.onset - at) <= 5 for alarm in told)
    statuses = {alarm.status for alarm in told}
    return bool(told), near, "confirmed" in statuses, "withdrawn" in statuses


def cost(makers: dict[str, Callable[[], Detector]], seed: int) -> Iterator[Row]:
    """Give CPU ratios on normal values, KSWIN's on a tenth of them."""
    values = np.random.default_rng(seed).normal(size=5_000).tolist()

    def work(make: Callable[[], Detector], few: bool) -> None:
        detect = make()
        for value in values[:500] if few else values:
            detect(value)

    works = [partial(work, make, name == "KSWIN") for name, make in makers.items()]
    spent = dict(zip(makers, cpu_in_turns(works, RUNS), strict=True))
    spent["KSWIN"] *= 10
    for name, seconds in spent.items():
        yield name, [seconds / spent["ADWIN"]]


def firing() -> Iterator[Row]:
    """Give the ratio for a log in memory, and for one on disk, of events one at a time."""
    for name, durability in (("in memory", None), ("none", "none"), ("group", "group")):
        yield name, [_ratio(durability, metrics) for metrics in (2, 8)]


def _ratio(durability: Any, metrics: int) -> float:
    rng = np.random.default_rng(1)
    names = [f"m{which}" for which in range(metrics)]
    rows = rng.normal(size=(FIRINGS, metrics)).tolist()
    events = [TaskEvent(metrics=dict(zip(names, row, strict=True))) for row in rows]

    def fire(*, heard: bool) -> None:
        with tempfile.TemporaryDirectory(prefix="crackle-bench-") as name:
            path = None if durability is None else Path(name) / "log"
            with Kiln(path, durability=durability or "group") as kiln:
                if heard:
                    kiln.on_alarm(lambda _: None)
                for event in events:
                    kiln.add_entry(event)

    without, with_alarms = cpu_in_turns(
        [partial(fire, heard=False), partial(fire, heard=True)], RUNS
    )
    return with_alarms / without
