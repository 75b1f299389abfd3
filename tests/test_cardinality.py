"""More names and labels than anybody means: bounded, counted, and the same on replay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from crackle_stream import Kiln, TaskEvent, ThermalProfile
from crackle_stream.cli import main
from crackle_stream.cooling.cooler import Cooler
from crackle_stream.cooling.plan import Plan
from crackle_stream.event import batch_events
from crackle_stream.log.eventlog import EventLog
from crackle_stream.window.groups import GroupSpec

FEW = replace(ThermalProfile(), max_metrics=2, max_groups=3)


def log_of(path: Path, count: int = 40) -> EventLog:
    log = EventLog.create_or_open(path)
    for n in range(count):
        event = TaskEvent(metrics={"x": n % 5, f"own-{n}": 1.0}, label=f"task-{n}", time=n)
        log.append(batch_events([event]))
    return log


def test_further_labels_are_one_group_and_the_stored_label_stays(tmp_path: Path) -> None:
    with log_of(tmp_path / "log") as log:
        report = Cooler(log, Plan(profile=FEW, group_by=GroupSpec())).cool()
        assert report.windows == 4
        notes = {note.topic: note.text for note in report.notes}
        assert notes["groups"] == (
            "37 events of further groups than the first 3 were counted under __other__"
        )
        assert log.labels([39]) == ["task-39"]


def test_further_metric_names_are_counted_and_the_stored_metrics_stay(tmp_path: Path) -> None:
    with log_of(tmp_path / "log") as log:
        report = Cooler(log, Plan(profile=FEW)).cool()
        assert report.metrics == 2
        assert any("__other__ and left out: 39" in note.text for note in report.notes)
    with Kiln(tmp_path / "log") as kiln:
        assert "own-39" in list(kiln.entries())[-1].metrics


@pytest.mark.parametrize("blocks", [1, 7, 40])
def test_what_is_left_out_does_not_depend_on_how_events_came(tmp_path: Path, blocks: int) -> None:
    with log_of(tmp_path / "log") as log:
        batches = [block.batch for block in log.blocks()]
        events = [batch.event(row) for batch in batches for row in range(len(batch))]
        expected = Cooler(log, Plan(profile=FEW, group_by=GroupSpec())).cool()
    other = EventLog.in_memory()
    for start in range(0, len(events), blocks):
        other.append(batch_events(events[start : start + blocks]))
    found = Cooler(other, Plan(profile=FEW, group_by=GroupSpec())).cool()
    assert (found.notes, found.patterns) == (expected.notes, expected.patterns)


@pytest.mark.parametrize(("names", "more"), [(9_999, False), (10_000, False), (10_001, True)])
def test_log_info_lists_the_first_names_and_says_that_there_are_more(
    tmp_path: Path, names: int, more: bool
) -> None:
    with EventLog.create_or_open(tmp_path / "log", durability="none") as log:
        log.append(batch_events([TaskEvent(metrics={f"m{n:05}": 1.0}) for n in range(names)]))
    result = CliRunner().invoke(main, ["log", "info", str(tmp_path / "log"), "--format", "json"])
    info = json.loads(result.stdout)
    assert len(info["metrics"]) == min(names, 10_000)
    assert info["more_metrics"] is more
    shown = CliRunner().invoke(main, ["log", "info", str(tmp_path / "log")]).stdout
    assert ("and more" in shown) is more
