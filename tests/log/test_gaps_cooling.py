"""Cooling a log from which events are gone: what is left is analysed, at its positions."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from crackle_stream.cooling.cooler import Cooler
from crackle_stream.cooling.decisions import Amendment, Decisions
from crackle_stream.cooling.online import OnlineCooling
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.replay import replay
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.cooling.statistics import FollowedMoments
from crackle_stream.errors import LogError
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.forget import Labels, forget
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from crackle_stream.log.retention import Retention
from crackle_stream.log.salvage import salvage
from crackle_stream.window.checkpoints import CheckpointSpec
from crackle_stream.window.groups import GroupSpec
from crackle_stream.window.spec import WindowSpec

EVENTS = 1_200
rng = np.random.default_rng(7)
NOISE = rng.normal(size=(EVENTS, 2))


def task(n: int, time: int | None = None) -> TaskEvent:
    level = 3.0 if n >= 700 else 0.0
    x = level + NOISE[n, 0]
    metrics = {"x": float(x), "y": float(2 * x + NOISE[n, 1] / 4)}
    return TaskEvent(label=f"{'ab'[n // 7 % 2]}/{n % 20}", metrics=metrics, time=time)


def in_order(n: int) -> TaskEvent:
    return task(n, n * 10**9)


def out_of_order(n: int) -> TaskEvent:
    return task(n, (n ^ 3) * 10**9)


def untimed(n: int) -> TaskEvent:
    return task(n)


def written(tasks: list[TaskEvent], block: int = 100) -> MemoryDisk:
    disk = MemoryDisk()
    with open_for_writing(disk, "none", segment_bytes=4_000) as log:
        for start in range(0, len(tasks), block):
            log.append(batch_events(tasks[start : start + block]))
    return disk


def with_gaps(tasks: list[TaskEvent]) -> tuple[EventLog, list[int]]:
    """Make a log of which the beginning, some labels and a whole segment are gone."""
    disk = written(tasks)
    with open_for_writing(disk, "none") as log:
        log.retain(Retention(max_events=len(tasks) - 150))
    forget(disk, Labels(["?/5", "a/11"]), now=1)
    names = [name for name in disk.names() if name.endswith(".seg")]
    del disk.files[names[2]]
    copy = MemoryDisk()
    salvage(disk, copy, now=2)
    log = EventLog(LogReader(copy))
    there = [b.first + row for b in log.blocks(columns=()) for row in range(len(b.batch))]
    assert there[0] > 0
    assert {gap.reason for gap in log.gaps()} == {"forgotten", "damaged"}
    return log, there


def encoded(reports: list[CoolingReport]) -> bytes:
    return msgspec.json.encode(reports)


PLANS = {
    "whole": Plan(),
    "windows": Plan(window=WindowSpec.parse("300")),
    "sliding": Plan(window=WindowSpec.parse("400", slide="200")),
    "every": Plan(checkpoints=CheckpointSpec.parse("250")),
    "labels": Plan(checkpoints=CheckpointSpec.parse("500", ["label:a/13", "end"])),
    "groups": Plan(group_by=GroupSpec.parse(r"re:^\w")),
    "log order": Plan(order="log", window=WindowSpec.parse("450")),
    "late": Plan(lateness=10**9, window=WindowSpec.parse("300")),
}
CASES = {
    **{f"in order, {name}": (in_order, plan) for name, plan in PLANS.items()},
    **{f"out of order, {name}": (out_of_order, PLANS[name]) for name in ("windows", "late")},
    "untimed, windows": (untimed, PLANS["windows"]),
}


@pytest.mark.parametrize(("kind", "plan"), CASES.values(), ids=CASES)
def test_what_is_found_is_what_a_log_of_the_rest_gives(
    kind: Callable[[int], TaskEvent], plan: Plan
) -> None:
    plan = msgspec.structs.replace(plan, checkpoints=CheckpointSpec())
    log, there = with_gaps([kind(n) for n in range(EVENTS)])
    (report,) = replay(log, plan, decisions=Decisions(None))
    dense = EventLog(LogReader(written([kind(n) for n in there])))
    (expected,) = replay(dense, plan, decisions=Decisions(None))
    assert report.patterns
    assert (report.events, report.windows) == (expected.events, expected.windows)
    for found, other in zip(report.patterns, expected.patterns, strict=True):
        assert (found.kind, found.subject, found.confidence) == (
            other.kind,
            other.subject,
            other.confidence,
        )
        assert found.window.n == other.window.n
        assert found.window.first == there[other.window.first]
        assert found.window.last == there[other.window.last]
        at = getattr(other, "at", None)
        assert getattr(found, "at", None) == (None if at is None else there[at])
    assert [note.topic for note in report.notes][:2] == ["start", "gaps"]


@pytest.mark.parametrize(("kind", "plan"), CASES.values(), ids=CASES)
def test_cooling_while_it_grows_and_cooling_again_give_the_same_bytes(
    kind: Callable[[int], TaskEvent], plan: Plan
) -> None:
    log, _ = with_gaps([kind(n) for n in range(900)])
    disk = log._reader.disk
    assert isinstance(disk, MemoryDisk)
    with open_for_writing(disk, "none") as growing:
        online = OnlineCooling(growing, plan, decisions=Decisions(None))
        reports = list(online.advance())
        for start in range(900, EVENTS, 110):
            more = range(start, min(start + 110, EVENTS))
            growing.append(batch_events([kind(n) for n in more]))
            reports += online.advance()
        reports += online.finish()
    again = EventLog(LogReader(disk))
    assert encoded(list(replay(again, plan, decisions=Decisions(None)))) == encoded(reports)


def test_checkpoints_stand_where_they_stood_also_inside_gaps_and_at_an_end_that_is_gone() -> None:
    disk = written([in_order(n) for n in range(100)], block=10)
    tail = [msgspec.structs.replace(in_order(n), label="gone") for n in range(100, 125)]
    with open_for_writing(disk, "none") as log:
        log.append(batch_events(tail))
    forget(disk, Labels(["gone", "*/5"]), now=1)
    log = EventLog(LogReader(disk))
    plan = Plan(checkpoints=CheckpointSpec.parse("10", ["label:a/4", "end"]))
    reports = list(replay(log, plan, decisions=Decisions(None)))
    stops = [report.checkpoint for report in reports]
    assert [stop for stop in stops if stop % 10 == 0] == list(range(10, 130, 10))
    assert stops[-1] == 125
    labels = {report.checkpoint: report.label for report in reports}
    assert labels[10] is not None
    assert labels[120] is None


def test_forgetting_between_two_checkpoints_begins_anew() -> None:
    disk = written([in_order(n) for n in range(EVENTS)])
    log = EventLog(LogReader(disk))
    plan = Plan(window=WindowSpec.parse("300"))
    cooler = Cooler(log, plan, decisions=Decisions(None))
    before = cooler.cool(800)
    forget(disk, Labels(["*/5"]), now=1)
    log._reader.look_again()
    # 42 events below 842 are gone, so that it is at the place at which the first cooling ended.
    after = cooler.cool(1_200, since=842)
    fresh = Cooler(EventLog(LogReader(disk)), plan, decisions=Decisions(None))
    assert encoded([after]) == encoded([fresh.cool(1_200, since=842)])
    assert before.events == 800
    assert after.events == 1_140


def test_events_that_go_while_they_are_analysed_end_it() -> None:
    disk = written([in_order(n) for n in range(EVENTS)])
    log = EventLog(LogReader(disk))
    cooler = Cooler(log, Plan(), decisions=Decisions(None))
    original = log.gaps
    log.gaps = lambda *within: list(original(*within))[1:]  # type: ignore[assignment,method-assign]
    forget(disk, Labels(["*/5"]), now=1)
    log._reader.look_again()
    with pytest.raises(LogError, match="removed while they were analysed; cool again"):
        cooler.cool()


def test_amendments_stay_at_their_positions() -> None:
    disk = written([in_order(n) for n in range(EVENTS)])
    decisions = Decisions(None)
    decisions.amend([Amendment(n, 0, {"x": 0.0, "y": 0.0}) for n in range(690, 730)])
    forget(disk, Labels(["*/5"]), now=1)
    log = EventLog(LogReader(disk))
    there = [b.first + row for b in log.blocks(columns=()) for row in range(len(b.batch))]
    amended = [
        msgspec.structs.replace(in_order(n), metrics={"x": 0.0, "y": 0.0})
        if 690 <= n < 730
        else in_order(n)
        for n in there
    ]
    dense = EventLog(LogReader(written(amended)))
    (one,), (other,) = (
        replay(log, Plan(), decisions=decisions),
        replay(dense, Plan(), decisions=Decisions(None)),
    )
    found = [(pattern.subject, pattern.confidence) for pattern in one.patterns]
    assert found == [(pattern.subject, pattern.confidence) for pattern in other.patterns]


def test_running_moments_are_those_of_what_is_left() -> None:
    log, there = with_gaps([in_order(n) for n in range(EVENTS)])
    dense = EventLog(LogReader(written([in_order(n) for n in there])))
    mine, theirs = (FollowedMoments(each, 0).get() for each in (log, dense))
    assert mine.snapshot() == theirs.snapshot()
