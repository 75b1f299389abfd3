"""A stream processor degrades, then loses records: few findings, and all of them true."""

from __future__ import annotations

import numpy as np
import pytest

from crackle_stream.cooling.report import CoolingReport
from crackle_stream.event import TaskEvent
from crackle_stream.kiln import Kiln
from crackle_stream.pattern import ConservationPattern, PhaseTransitionPattern

DEGRADES, LOSES, END = 500, 750, 1_000
IDENTIFIERS = {"batch_id", "run_seed", "started_at"}
BY_LATENCY = {"latency_ms", "throughput", "temperature"}
RECORDS = {"records_in", "records_out", "records_bad", "error_rate"}
CHANGES = {
    "latency_ms": DEGRADES,
    "throughput": DEGRADES,
    "temperature": DEGRADES,
    "consumer_lag": DEGRADES,
    "memory_mb": DEGRADES,
    "records_out": LOSES,
}


def processor(seed: int) -> list[TaskEvent]:
    """Give batches that are healthy, then slow while lag and memory grow, then lose records too."""
    rng = np.random.default_rng(seed)
    batch = np.arange(END)
    slow = batch >= DEGRADES
    since = np.where(slow, batch - DEGRADES, 0)
    records_in = rng.normal(1_000, 60, END).round()
    bad = rng.poisson(5, END).astype(float)
    lost = np.where(batch >= LOSES, rng.normal(40, 10, END).round(), 0)
    latency = rng.lognormal(3 + 0.7 * slow, 0.25)
    columns = {
        "records_in": records_in,
        "records_out": records_in - bad - lost,
        "records_bad": bad,
        "error_rate": bad / records_in,
        "latency_ms": latency,
        "throughput": 900 - 4 * latency + rng.normal(0, 20, END),
        "temperature": 40 + 0.02 * latency + rng.normal(0, 0.5, END),
        "consumer_lag": 100 + 0.8 * since + rng.normal(0, 10, END),
        "memory_mb": 500 + 0.3 * since + rng.normal(0, 8, END),
        "batch_id": 88_000 + batch,
        "run_seed": rng.integers(10**9, size=END),
        "started_at": 1.7e9 + 60 * batch,
    }
    return [
        TaskEvent(label=f"batch-{i}", metrics={name: float(x[i]) for name, x in columns.items()})
        for i in range(END)
    ]


@pytest.fixture(scope="module", params=range(3))
def report(request: pytest.FixtureRequest) -> CoolingReport:
    kiln = Kiln()
    kiln.add_entries(processor(request.param))
    return kiln.report()


def test_there_are_at_most_ten_findings_and_no_identifier_is_in_one(report: CoolingReport) -> None:
    assert len(report.findings) <= 10
    for pattern in report.patterns:
        assert IDENTIFIERS.isdisjoint(pattern.subject)
    assert {name for note in report.notes for name in note.subject} >= {"batch_id", "started_at"}


def test_every_change_is_found_at_its_place_and_no_other(report: CoolingReport) -> None:
    changes = [p for p in report.patterns if isinstance(p, PhaseTransitionPattern)]
    for change in changes:
        (metric,) = change.subject
        assert change.at == pytest.approx(CHANGES[metric], abs=40)
    assert {metric for change in changes for metric in change.subject} == set(CHANGES)


def test_the_balance_is_found_with_the_place_where_it_broke(report: CoolingReport) -> None:
    laws = [p for p in report.patterns if isinstance(p, ConservationPattern)]
    assert all(set(law.subject) <= RECORDS for law in laws)
    balances = [law for law in laws if law.form == "linear"]
    assert [law.subject for law in balances] == [("records_bad", "records_in", "records_out")]
    assert balances[0].broke_at == LOSES


def test_metrics_are_said_to_be_correlated_only_where_one_makes_the_other(
    report: CoolingReport,
) -> None:
    pairs = [set(p.subject) for p in report.patterns if p.kind == "correlation"]
    assert {"latency_ms", "throughput"} in pairs
    assert all(pair <= BY_LATENCY or pair <= RECORDS for pair in pairs)
