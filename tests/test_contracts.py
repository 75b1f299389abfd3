"""The promises that hold across rooms; each has its test here or is named where it has it.

Nothing acknowledged is lost: ``tests/log``. Bounded memory and summaries that merge:
``tests/detect/test_summary.py``. The accounts close: also ``tests/cli``.
"""

import io
import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest

from crackle_stream.cooling.cooler import Cooler
from crackle_stream.cooling.online import OnlineCooling
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.replay import replay
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.ingest.accounts import Accounts
from crackle_stream.ingest.chunks import read_chunks
from crackle_stream.log.eventlog import EventLog
from crackle_stream.pattern import KINDS
from crackle_stream.profile import ThermalProfile
from crackle_stream.window.checkpoints import CheckpointSpec
from crackle_stream.window.groups import GroupSpec
from crackle_stream.window.spec import WindowSpec

REPLAY = Path(__file__).parent.parent / "replay"
FAST = ThermalProfile.fast_cooling().with_max_duration(None)


def encoded(reports):
    return [msgspec.json.encode(report) for report in reports]


def planted(n=700, seed=5):
    """Give events with a step, a balance that breaks, two label groups, and times that go back."""
    rng = np.random.default_rng(seed)
    rows_in = rng.poisson(500, n).astype(float)
    errors = rng.poisson(5, n).astype(float)
    events = []
    for i in range(n):
        slow = i >= 420
        metrics = {
            "seconds": rng.normal(60 if slow else 40, 3),
            "rows_in": rows_in[i],
            "rows_out": rows_in[i] - errors[i] - (7 if i >= 600 else 0),
            "errors": errors[i],
        }
        if i % 3:
            metrics["heap"] = rng.lognormal(3, 0.2)
        time = (i + (5 if i % 50 == 0 else 0)) * 60_000_000_000
        label = ("etl", "build")[i % 2]
        outcome = "failed" if rng.random() < 0.05 else "ok"
        events.append(TaskEvent(metrics=metrics, label=label, time=time, outcome=outcome))
    return events


def rising(events):
    """Give the same events with times that never go back, which are cooled incrementally."""
    times = np.maximum.accumulate([event.time for event in events]).tolist()
    return [msgspec.structs.replace(e, time=t) for e, t in zip(events, times, strict=True)]


def log_of(events, block):
    log = EventLog.in_memory()
    for first in range(0, len(events), block):
        log.append(batch_events(events[first : first + block]))
    return log


PLANS = {
    "whole log": Plan(profile=FAST),
    "checkpoints": Plan(profile=FAST, checkpoints=CheckpointSpec.parse("200", ["end"])),
    "sliding windows": Plan(
        profile=FAST,
        window=WindowSpec.parse("200", "100"),
        checkpoints=CheckpointSpec.parse("150", ["end"]),
    ),
    "hours by label": Plan(
        profile=FAST, window=WindowSpec.parse("4h"), group_by=GroupSpec.parse("label")
    ),
    "declared lateness": Plan(
        profile=FAST, lateness=60_000_000_000, checkpoints=CheckpointSpec.parse("300", ["end"])
    ),
    "every hour": Plan(profile=FAST, checkpoints=CheckpointSpec.parse("1h", ["end"])),
    "order of arrival": Plan(profile=FAST, order="log"),
}


@pytest.mark.parametrize("order", [list, rising])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_one_plan_gives_the_same_bytes_whatever_the_blocks_and_whenever_it_is_cooled(plan, order):
    events = order(planted())
    expected = encoded(replay(log_of(events, 700), plan))
    assert any(b'"kind"' in report for report in expected)
    for block in (1, 333):
        assert encoded(replay(log_of(events, block), plan)) == expected

    log = EventLog.in_memory()
    online = OnlineCooling(log, plan)
    reports = []
    for first in range(0, len(events), 90):
        log.append(batch_events(events[first : first + 90]))
        reports += online.advance()
    reports += online.finish()
    assert encoded(reports) == expected


def test_cooling_on_from_a_checkpoint_gives_what_cooling_from_the_start_gives():
    log = log_of(rising(planted()), 100)
    plan = Plan(profile=FAST, window=WindowSpec.parse("150", "50"))
    cooler = Cooler(log, plan)
    following = [cooler.cool(at, since=since) for since, at in ((0, 210), (210, 430), (430, 700))]
    fresh = [
        Cooler(log, plan).cool(at, since=since) for since, at in ((0, 210), (210, 430), (430, 700))
    ]
    assert encoded(following) == encoded(fresh)
    assert encoded([cooler.cool()]) == encoded([Cooler(log, plan).cool()])


def test_an_event_without_a_time_among_some_that_went_back_ends_the_reordering():
    events = planted()
    events[500] = msgspec.structs.replace(events[500], time=None)
    log = log_of(events, 100)
    plan = Plan(profile=FAST, checkpoints=CheckpointSpec.parse("250", ["end"]))
    fresh = [Cooler(log, plan).cool(700).patterns, Cooler(log, plan).cool(500).patterns]
    cooler = Cooler(log, plan)
    assert [cooler.cool(500).patterns, cooler.cool(700, since=500).patterns] == fresh[::-1]


def test_one_plan_gives_the_same_bytes_with_one_worker_or_two():
    plan = PLANS["sliding windows"]
    log = log_of(planted(), 100)
    alone = encoded(replay(log, plan))
    with ProcessPoolExecutor(2) as executor:
        assert encoded(replay(log, plan, executor)) == alone


def test_clusters_list_all_their_members_when_asked():
    rng = np.random.default_rng(3)
    kinds = rng.integers(0, 2, 400)
    events = [TaskEvent(metrics={"a": rng.normal(9 * k), "b": rng.normal(-9 * k)}) for k in kinds]
    log = log_of(events, 400)
    found = Cooler(log, Plan(members=True, start=100)).cool().patterns
    groups = [pattern for pattern in found if pattern.kind == "clustering"]
    expected = [set((100 + np.flatnonzero(kinds[100:] == kind)).tolist()) for kind in (0, 1)]
    assert [set(g.members) for g in groups] in (expected, expected[::-1])
    assert [g.size for g in groups] == [len(g.members) for g in groups]
    without = Cooler(log, Plan(start=100)).cool().patterns
    assert [p.members for p in without if p.kind == "clustering"] == [None, None]


def test_a_log_that_is_opened_again_gives_the_same_bytes(tmp_path):
    events = planted()
    expected = encoded(replay(log_of(events, 100), PLANS["checkpoints"]))
    for half in (events[:350], events[350:]):
        with EventLog.create_or_open(tmp_path / "log") as log:
            log.append(batch_events(half))
    with EventLog.open(tmp_path / "log") as log:
        assert encoded(replay(log, PLANS["checkpoints"])) == expected


def test_hiding_one_kind_changes_no_other():
    log = log_of(planted(), 700)
    everything = Cooler(log, Plan(profile=FAST)).cool().patterns
    assert len({pattern.kind for pattern in everything}) >= 2
    for kind in KINDS:
        kept = Cooler(log, Plan(profile=FAST.hiding(kind))).cool().patterns
        unfound = [msgspec.structs.replace(p, finding=None) for p in kept]
        others = [msgspec.structs.replace(p, finding=None) for p in everything if p.kind != kind]
        assert unfound == others


@pytest.mark.parametrize("rates", [("fast", "normal"), ("normal", "slow")])
def test_a_faster_rate_finds_a_superset(rates):
    log = log_of(planted(), 700)
    more, fewer = (
        {p.id for p in Cooler(log, Plan(profile=FAST.with_rate(rate))).cool().patterns}
        for rate in rates
    )
    assert fewer <= more


@pytest.fixture(scope="module")
def recorded():
    log = EventLog.in_memory()
    with (REPLAY / "daily-reports" / "events.jsonl").open("rb") as stream:
        for chunk in read_chunks(stream, "daily-reports"):
            log.append(chunk.batch, chunk.rejections, chunk.position)
    return Cooler(log, Plan(profile=FAST)).cool()


def test_every_pattern_carries_its_proof(recorded):
    assert recorded.patterns
    for pattern in recorded.patterns:
        evidence = pattern.evidence
        assert 0 <= evidence.p_value <= evidence.q_value <= 1
        assert 0 < evidence.n <= pattern.window.n == 1781
        assert evidence.tested >= 1
        assert np.isfinite(evidence.effect)
        assert 0 < pattern.confidence < 1
        assert pattern.description
        assert pattern.id
        assert pattern.finding in {finding.id for finding in recorded.findings}
        assert len(pattern.involved_tasks) <= 20


def test_the_json_of_a_pattern_has_its_keys_in_the_order_of_the_contract(recorded):
    order = [
        "kind", "id", "description", "confidence", "subject", "metrics", "involved_tasks",
        "involved_count", "window", "group", "checkpoint", "evidence", "finding", "partial",
    ]  # fmt: skip
    for pattern in recorded.patterns:
        keys = list(json.loads(msgspec.json.encode(pattern)))
        common = [key for key in keys if key in order]
        assert keys[: len(common)] == common == [key for key in order if key in keys]
        assert None not in json.loads(msgspec.json.encode(pattern)).values()


def test_patterns_are_sorted_by_confidence_then_kind_then_subject(recorded):
    ranks = [(-p.confidence, p.kind, p.subject) for p in recorded.patterns]
    assert ranks == sorted(ranks)


def test_the_accounts_close_over_good_bad_and_blank_lines():
    lines = [b'{"metrics":{"x":1}}', b"", b"no json", b'{"metrics":{"x":NaN}}', b"   ", b"[]"]
    accounts = Accounts()
    log = EventLog.in_memory()
    for chunk in read_chunks(io.BytesIO(b"\n".join(lines * 1000)), "lines"):
        log.append(chunk.batch, chunk.rejections, chunk.position)
        accounts.add(read=chunk.read, accepted=len(chunk.batch), quarantined=len(chunk.rejections))
    assert str(accounts) == "read=4000 accepted=1000 duplicate=0 quarantined=3000"
    assert accounts.closes()
    assert (log.count, sum(1 for _ in log.rejections())) == (1000, 3000)


def noise(seed, n=300, metrics=10):
    rng = np.random.default_rng([17, seed])
    draw = (rng.standard_normal, rng.standard_exponential, lambda size: rng.poisson(9, size))
    values = draw[seed % 3]((n, metrics))
    names = [f"metric_{i}" for i in range(metrics)]
    return [TaskEvent(metrics=dict(zip(names, map(float, row), strict=True))) for row in values]


def test_normal_cooling_says_nothing_of_noise_nineteen_times_in_twenty():
    profile = ThermalProfile().with_max_duration(None)
    said = [
        bool(Cooler(log_of(noise(seed), 300), Plan(profile=profile)).cool().patterns)
        for seed in range(20)
    ]
    assert sum(said) <= 1


def test_two_hundred_checkpoints_over_noise_say_nothing():
    plan = Plan(
        profile=ThermalProfile().with_max_duration(None),
        window=WindowSpec.parse("25"),
        checkpoints=CheckpointSpec.parse("25"),
    )
    reports = list(replay(log_of(noise(1, n=5000, metrics=3), 5000), plan))
    assert len(reports) == 200
    assert not any(report.patterns for report in reports)
