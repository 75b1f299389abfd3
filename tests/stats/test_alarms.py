from __future__ import annotations

import subprocess
import sys

import numpy as np

from crackle_stream.stats.alarms import DriftAlarms


def run(values, alarms):
    return [alarm for i, x in enumerate(values) for alarm in alarms.update(i, {"x": float(x)})]


def test_a_step_raises_an_alarm_soon_after_it():
    values = np.random.default_rng(1).normal(size=1000)
    values[600:] += 5.0
    first = run(values, DriftAlarms())[0]
    assert 600 <= first.position < 700
    assert first.before < first.after


def test_a_steady_metric_raises_none():
    values = np.random.default_rng(2).normal(size=2000)
    assert run(values, DriftAlarms()) == []


def test_metrics_do_not_disturb_each_other():
    values = np.random.default_rng(3).normal(size=800)
    values[400:] += 5.0
    alarms = DriftAlarms()
    found = [a for i, x in enumerate(values) for a in alarms.update(i, {"steady": 1.0, "x": x})]
    assert {alarm.metric for alarm in found} == {"x"}
    assert [a.position for a in found] == [a.position for a in run(values, DriftAlarms())]


def test_metrics_beyond_the_bound_are_counted_not_watched():
    alarms = DriftAlarms(max_metrics=1)
    alarms.update(0, {"a": 1.0, "b": 2.0})
    alarms.update(1, {"b": 2.0})
    assert alarms.unwatched == 2


def test_rivers_drift_detectors_are_not_imported_until_used():
    code = "import sys, crackle_stream.stats.alarms; sys.exit('river' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
