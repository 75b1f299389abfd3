"""Alarms of a log: the same however they are looked at, in bounded memory, judged by cooling."""

import numpy as np
import pytest
from msgspec.structs import replace

from crackle_stream.cooling import alarms as watching
from crackle_stream.cooling.alarms import AlarmWatch
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.forget import Labels, forget
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from crackle_stream.pattern import Evidence, Level, PhaseTransitionPattern, Span
from crackle_stream.profile import ThermalProfile
from crackle_stream.stats.alarm import Alarm


def batches(size, count=700, seed=1):
    """Three metrics: one steps at 400, one scatters from 500 on, one is there only now and then."""
    rng = np.random.default_rng(seed)
    shift, burst, rare = rng.normal(size=(3, count))
    shift[400:] += 4
    burst[500:] *= 4
    events = [
        TaskEvent(metrics={"shift": s, "burst": b, **({"rare": r} if i % 3 else {})})
        for i, (s, b, r) in enumerate(zip(*(x.tolist() for x in (shift, burst, rare)), strict=True))
    ]
    return [batch_events(events[i : i + size]) for i in range(0, count, size)]


def watched(size, look_each, *, hand_over=True, lag=0):
    log, told = EventLog.in_memory(), []
    watch = AlarmWatch(log, told.append)
    for number, batch in enumerate(batches(size)):
        added = log.append(batch)
        if hand_over and number % 5 != 2:
            watch.offer(added.start, batch)
        if number % look_each == 0:
            watch.follow(max(log.count - lag, 0))
    watch.follow()
    return told


@pytest.mark.parametrize("size", [1, 7, 64, 700])
@pytest.mark.parametrize("look_each", [1, 13])
@pytest.mark.parametrize("hand_over", [True, False])
def test_alarms_are_the_same_however_events_come_and_whenever_it_looks(size, look_each, hand_over):
    whole = watched(700, 1, hand_over=False)
    assert [(alarm.metric, alarm.form) for alarm in whole] == [
        ("shift", "level"),
        ("burst", "spread"),
    ]
    assert watched(size, look_each, hand_over=hand_over) == whole
    assert watched(size, look_each, hand_over=hand_over, lag=3) == whole


def test_what_is_handed_over_and_not_looked_at_is_bounded_and_not_lost(monkeypatch):
    monkeypatch.setattr(watching, "HANDED", 10)
    whole = watched(700, 1)
    log, told = EventLog.in_memory(), []
    watch = AlarmWatch(log, told.append)
    for batch in batches(1):
        watch.offer(log.append(batch).start, batch)
        assert len(watch._handed) <= 10
    watch.follow()
    assert told == whole
    assert watch._handed == {}


def test_what_is_handed_over_after_it_was_read_is_dropped():
    log, told = EventLog.in_memory(), []
    watch = AlarmWatch(log, told.append)
    for batch in batches(7):
        added = log.append(batch)
        watch.follow()
        watch.offer(added.start, batch)
    watch.follow()
    assert (len(told), watch._handed) == (2, {})


def test_open_alarms_are_bounded_and_the_oldest_are_withdrawn_unjudged(monkeypatch):
    monkeypatch.setattr(watching, "MOST_OPEN", 1)
    assert [(a.status, a.metric) for a in watched(700, 1)] == [
        ("raised", "shift"),
        ("raised", "burst"),
        ("withdrawn", "shift"),
    ]


def test_events_before_its_start_are_not_looked_at():
    log, told = EventLog.in_memory(), []
    (batch,) = batches(700)
    log.append(batch)
    AlarmWatch(log, told.append, start=350).follow()
    assert [alarm.metric for alarm in told] == ["burst"]


def test_forgotten_events_are_passed_by():
    disk, told = MemoryDisk(), []
    events = [
        TaskEvent(metrics={"x": i * 7919 % 101 + (200.0 if i >= 400 else 0.0)}, label=f"{i % 5}")
        for i in range(700)
    ]
    with open_for_writing(disk, "none", segment_bytes=4_000) as log:
        for start in range(0, 700, 50):
            log.append(batch_events(events[start : start + 50]))
    forget(disk, Labels(["0", "1"]), now=1)
    log = EventLog(LogReader(disk))
    watch = AlarmWatch(log, told.append)
    watch.follow()
    assert [(alarm.onset, alarm.before.n) for alarm in told] == [(399, 239)]
    assert watch.position == 700


def test_metrics_beyond_those_a_profile_looks_at_are_counted():
    log, told = EventLog.in_memory(), []
    (batch,) = batches(700)
    log.append(batch)
    watch = AlarmWatch(log, told.append, ThermalProfile(max_metrics=1))
    watch.follow()
    assert ([alarm.metric for alarm in told], watch.unwatched) == (["burst"], 700 + 466)


ALARM = Alarm(
    status="raised",
    metric="x",
    form="level",
    position=110,
    onset=100,
    before=Level(0.0, 1.0, 100),
    after=Level(3.0, 1.0, 11),
    confidence=0.99,
)


def transition(at, low, high, metric="x", name="p"):
    return PhaseTransitionPattern(
        id=name,
        description="",
        confidence=0.9,
        subject=(metric,),
        metrics={},
        involved_tasks=(),
        involved_count=0,
        window=Span(0, 199, 200),
        evidence=Evidence(n=200, effect=1.0, p_value=0.0, q_value=0.0, tested=1),
        form="level",
        at=at,
        at_low=low,
        at_high=high,
    )


def judged(report, plan=Plan()):  # noqa: B008
    told = []
    watch = AlarmWatch(EventLog.in_memory(), told.append)
    watch._open.append(ALARM)
    watch.judge(report, plan)
    assert len(told) + len(watch.open) == 1
    return (told or watch.open)[0]


@pytest.mark.parametrize(
    ("at", "low", "high", "status"),
    [
        (100, 98, 103, "confirmed"),
        (90, 88, 90, "confirmed"),
        (88, 86, 89, "withdrawn"),
        (120, 120, 125, "confirmed"),
        (121, 121, 125, "withdrawn"),
        (60, 50, 150, "confirmed"),
        (105, 190, 20, "confirmed"),
        (None, None, None, "withdrawn"),
    ],
)
def test_a_change_confirms_an_alarm_that_it_is_no_further_from_than_its_delay(
    at, low, high, status
):
    report = CoolingReport(checkpoint=200, patterns=(transition(at, low, high),))
    assert judged(report).status == status


def test_the_change_nearest_to_the_onset_is_the_one_that_confirms():
    near, nearer = transition(95, 93, 96, name="a"), transition(101, 99, 104, name="b")
    alarm = judged(CoolingReport(checkpoint=200, patterns=(near, nearer)))
    assert (alarm.pattern, alarm.checkpoint) == ("b", 200)
    assert alarm == replace(ALARM, status="confirmed", pattern="b", checkpoint=200)


@pytest.mark.parametrize(
    ("made", "status"),
    [
        ({"form": "drift", "metrics": {"slope": 0.1}, "at": None}, "confirmed"),
        ({"form": "drift", "metrics": {"slope": -0.1}, "at": None}, "withdrawn"),
        ({"form": "drift", "at": None}, "withdrawn"),
        ({"form": "trend", "metrics": {"slope_before": 0.0, "slope_after": 0.1}}, "confirmed"),
        ({"form": "trend", "metrics": {"slope_before": 0.1, "slope_after": -0.1}}, "withdrawn"),
    ],
)
def test_a_slope_that_goes_on_confirms_the_step_that_it_looks_like(made, status):
    level = Level(0.0, 1.0, 30)
    slope = replace(transition(30, 28, 33), before=level, after=level, **made)
    report = CoolingReport(checkpoint=200, patterns=(slope,))
    assert judged(report).status == status
    later = replace(slope, at=130, at_low=128, at_high=133)
    if slope.form == "trend":
        assert judged(CoolingReport(checkpoint=200, patterns=(later,))).status == "withdrawn"


def test_an_alarm_names_the_task_at_which_it_began():
    rng = np.random.default_rng(1)
    values = rng.normal(size=300) + 9.0 * (np.arange(300) >= 200)
    events = [
        TaskEvent(label=f"run-{i}", time=i * 10**9, metrics={"x": float(x)})
        for i, x in enumerate(values)
    ]
    log, told = EventLog.in_memory(), []
    log.append(batch_events(events))
    AlarmWatch(log, told.append).follow()
    assert (told[0].onset_label, told[0].onset_time) == ("run-200", "1970-01-01T00:03:20Z")


def test_a_change_of_another_metric_confirms_nothing():
    report = CoolingReport(checkpoint=200, patterns=(transition(100, 98, 103, metric="y"),))
    assert judged(report).status == "withdrawn"


@pytest.mark.parametrize(
    ("report", "plan"),
    [
        (CoolingReport(checkpoint=110), Plan()),
        (CoolingReport(checkpoint=200, partial=True), Plan()),
        (CoolingReport(checkpoint=200), Plan(start=101)),
        (CoolingReport(checkpoint=200), Plan(profile=ThermalProfile().without_phase_transitions())),
    ],
    ids=["noticed later", "out of time", "begins later", "not looked for"],
)
def test_an_alarm_that_a_cooling_did_not_look_at_stays_open(report, plan):
    assert judged(report, plan) == ALARM
