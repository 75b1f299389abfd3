"""The library: firing in every way Python people expect, and cooling at any time."""

import asyncio
import threading

import pytest

from crackle_stream import (
    CoolingRate,
    CrackleTask,
    GlazeLayer,
    Kiln,
    Plan,
    TaskEvent,
    TaskOutput,
    ThermalProfile,
)
from crackle_stream.window.checkpoints import CheckpointSpec

FAST = ThermalProfile.fast_cooling()


class Sensor(CrackleTask[float]):
    def __init__(self, label, temperature):
        self.label = label
        self.temperature = temperature

    def fire(self):
        return TaskOutput(self.temperature).with_metric("temperature", self.temperature)


def sensors():
    return [Sensor("kiln-door", 22.5), Sensor("kiln-wall", 23.1), Sensor("kiln-vent", 45.2)]


@pytest.fixture
def kiln():
    with Kiln(profile=FAST) as kiln:
        yield kiln


def test_three_sensors_give_what_the_seed_gave(kiln):
    outputs = kiln.fire_all(sensors())
    patterns = kiln.cool()
    assert [output.value for output in outputs] == [22.5, 23.1, 45.2]
    (cluster,) = [p for p in patterns if p.kind == "clustering" and p.subject == ("temperature",)]
    assert set(cluster.involved_tasks) == {"kiln-door", "kiln-wall"}
    (shift,) = [p for p in patterns if p.subject == ("temperature",) and p.kind != "clustering"]
    assert (shift.kind, shift.at, shift.at_label) == ("phase_transition", 2, "kiln-vent")
    assert all(pattern.confidence <= 0.6 for pattern in patterns)


def test_slower_builds_shift_at_the_fourth(kiln):
    for i, seconds in enumerate([45, 42, 48, 95, 102]):
        kiln.add_entry(TaskEvent(label=f"build-{i}", metrics={"seconds": seconds}))
    (shift,) = [p for p in kiln.cool() if p.kind == "phase_transition"]
    assert (shift.at, shift.at_label) == (3, "build-3")


def test_fire_task_records_nothing_and_fire_and_record_does(kiln):
    kiln.fire_task(sensors()[0])
    assert kiln.task_count() == 0
    kiln.fire_and_record(sensors()[0])
    (entry,) = kiln.entries()
    assert (entry.label, entry.outcome, entry.value) == ("kiln-door", "ok", 22.5)
    assert entry.metrics == {"temperature": 22.5}
    assert entry.time is not None
    assert entry.duration is not None
    assert entry.duration >= 0


def test_a_failing_task_is_recorded_and_its_exception_goes_on(kiln):
    class Broken(CrackleTask[None]):
        label = "broken"

        def fire(self):
            raise OSError("no clay")

    with pytest.raises(OSError, match="no clay"):
        kiln.fire_and_record(Broken())
    (entry,) = kiln.entries()
    assert (entry.outcome, entry.error) == ("failed", "OSError: no clay")


def test_a_block_reports_metrics_attributes_and_result(kiln):
    with kiln.firing("etl") as task:
        task.metric("rows", 12)
        task.attribute("branch", "main")
        task.result({"rows_out": 11})
    (entry,) = kiln.entries()
    assert entry.metrics == {"rows": 12.0, "rows_out": 11.0}
    assert entry.attributes == {"branch": "main"}
    assert task.position == 0


def test_a_failing_block_keeps_the_metrics_it_had(kiln):
    def etl():
        with kiln.firing("etl") as task:
            task.metric("rows", 12)
            return 1 / 0

    with pytest.raises(ZeroDivisionError):
        etl()
    (entry,) = kiln.entries()
    assert (entry.outcome, entry.metrics) == ("failed", {"rows": 12.0})


def test_a_decorated_function_is_recorded_and_returns_what_it_returned(kiln):
    @kiln.task
    def build(rows):
        """Build."""
        return TaskOutput("built", {"rows": rows})

    @kiln.task(label="nightly")
    def test():
        return "a result"

    assert build(3).value == "built"
    assert test() == "a result"
    assert build.__doc__ == "Build."
    first, second = kiln.entries()
    assert (first.label, first.metrics, first.value) == ("build", {"rows": 3.0}, "built")
    assert (second.label, second.metrics, second.value) == ("nightly", {}, "a result")


def test_async_functions_and_blocks_are_recorded_too(kiln):
    @kiln.task
    async def fetch(pages):
        await asyncio.sleep(0)
        return {"pages": pages}

    async def main():
        async with kiln.firing("crawl") as task:
            task.metric("pages", 2)
        with pytest.raises(ValueError, match="gone"):
            async with kiln.firing("crawl"):
                raise ValueError("gone")
        return await fetch(5)

    assert asyncio.run(main()) == {"pages": 5}
    assert [(e.label, e.outcome, e.metrics) for e in kiln.entries()] == [
        ("crawl", "ok", {"pages": 2.0}),
        ("crawl", "failed", {}),
        ("fetch", "ok", {"pages": 5.0}),
    ]


def test_what_has_no_json_form_is_not_kept_as_a_value(kiln):
    with kiln.firing("plot") as task:
        task.result(object())
    (entry,) = kiln.entries()
    assert entry.value is None


def test_many_threads_fire_into_one_kiln(tmp_path):
    with Kiln(tmp_path / "log") as kiln:

        def work(worker):
            for i in range(25):
                with kiln.firing(f"worker-{worker}") as task:
                    task.metric("i", i)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert kiln.task_count() == 100
        by_label = {}
        for entry in kiln.entries():
            by_label.setdefault(entry.label, []).append(entry.metrics["i"])
        assert by_label == {f"worker-{n}": [float(i) for i in range(25)] for n in range(4)}


def test_a_durable_kiln_goes_on_where_it_was(tmp_path):
    with Kiln(tmp_path / "log", profile=FAST) as kiln:
        kiln.fire_all(sensors()[:2])
    with Kiln(tmp_path / "log", profile=FAST) as kiln:
        kiln.fire_all(sensors()[2:])
        assert kiln.task_count() == 3
        assert {p.kind for p in kiln.cool()} >= {"clustering", "phase_transition"}


def test_cooling_does_not_close_the_kiln(kiln):
    kiln.fire_all(sensors())
    before = kiln.cool()
    assert kiln.cool() == before
    kiln.fire_all(sensors())
    assert kiln.task_count() == 6


def test_reset_begins_a_cycle_and_keeps_the_log(tmp_path):
    with Kiln(tmp_path / "log", profile=FAST) as kiln:
        kiln.fire_all(sensors())
        kiln.reset()
        assert (kiln.task_count(), kiln.cool(), list(kiln.entries())) == (0, [], [])
        kiln.fire_all(sensors())
        assert all(pattern.window.first == 3 for pattern in kiln.cool())
        assert kiln.log.count == 6
    with Kiln(tmp_path / "log") as reopened:
        assert reopened.task_count() == 3


def test_a_task_that_looks_back_overrides_its_metrics(kiln):
    class Judged(Sensor):
        def cool(self, output, all_metrics):
            mean = sum(m["temperature"] for m in all_metrics) / len(all_metrics)
            return output.with_metric("above_mean", output.value - mean)

    kiln.fire_all(Judged(f"sensor-{i}", 20.0 + i) for i in range(3))
    kiln.fire_all(Judged(f"sensor-{i}", 90.0 + i) for i in range(3, 6))
    patterns = kiln.cool()
    shifts = [p for p in patterns if p.kind == "phase_transition" and "above_mean" in p.subject]
    assert [shift.at for shift in shifts] == [3]
    assert patterns == kiln.cool()
    assert all("above_mean" not in entry.metrics for entry in kiln.entries())


def test_a_glaze_layer_derives_in_order_and_when_looking_back(kiln):
    class Build(CrackleTask[None]):
        label = "build"

        def fire(self):
            return TaskOutput(None, {"seconds": 40.0, "tests": 800.0})

        def cool(self, output, all_metrics):
            return output.with_metric("tests", 400.0)

    glazed = (
        GlazeLayer(Build())
        .with_derived_metric("pace", lambda m: m["tests"] / m["seconds"])
        .with_derived_metric("minutes", lambda m: 60 * m["pace"])
        .with_label("glazed build")
    )
    output = kiln.fire_and_record(glazed)
    assert (glazed.label, output.metrics["pace"], output.metrics["minutes"]) == (
        "glazed build",
        20.0,
        1200.0,
    )
    kiln.cool()
    assert kiln.decisions.amendments(1).of(0)["pace"] == 10.0


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused_before_anything_is_written(kiln, number):
    with pytest.raises(ValueError, match="metric 'x' is"):
        kiln.add_entry(TaskEvent(metrics={"x": number}))
    assert kiln.task_count() == 0


def test_many_entries_go_into_one_frame_and_all_or_none(kiln):
    good = [TaskEvent(metrics={"x": float(i)}) for i in range(10)]
    assert kiln.add_entries(good) == range(10)
    with pytest.raises(ValueError, match="label"):
        kiln.add_entries([*good, TaskEvent(metrics={}, label="x" * 257)])
    assert kiln.task_count() == 10


def test_running_statistics_are_those_of_the_cycle(kiln):
    for x in (1.0, 2.0, 4.0):
        kiln.add_entry(TaskEvent(metrics={"x": x, "y": -x}))
    assert kiln.statistics().variance("x") == pytest.approx(7 / 3)
    assert kiln.statistics().covariance("x", "y") == pytest.approx(-7 / 3)
    kiln.reset()
    kiln.add_entry(TaskEvent(metrics={"x": 9.0}))
    assert kiln.statistics().count("x") == 1


def test_online_cooling_gives_each_checkpoint_once(kiln):
    online = kiln.online(Plan(checkpoints=CheckpointSpec.parse("2", ["marker:deploy"])))
    kiln.fire_all(sensors())
    assert [report.checkpoint for report in online.advance()] == [2]
    kiln.mark("deploy")
    kiln.fire_all(sensors())
    reports = list(online.advance())
    assert [(r.checkpoint, r.label) for r in reports] == [(3, "deploy"), (4, None), (6, None)]
    assert list(online.advance()) == []


def test_profiles_say_what_the_seed_said():
    rates = [CoolingRate.fast(), CoolingRate.normal(), CoolingRate.slow()]
    assert [rate.cluster_threshold for rate in rates] == [1.5, 2.5, 4.0]
    assert [rate.correlation_threshold for rate in rates] == [0.5, 0.7, 0.9]
    assert [rate.phase_transition_sensitivity for rate in rates] == [0.3, 0.5, 0.8]
    assert [rate.conservation_tolerance for rate in rates] == [0.5, 0.3, 0.1]
    assert [rate.min_tasks_for_detection for rate in rates] == [2, 3, 5]
    assert FAST.max_duration_s == 10.0
    assert ThermalProfile.default().max_duration_s == 60.0
    assert ThermalProfile.slow_cooling().max_duration_s == 300.0


def test_no_detection_records_and_finds_nothing():
    kiln = Kiln(profile=ThermalProfile.no_detection())
    kiln.fire_all(sensors())
    assert (kiln.task_count(), kiln.cool()) == (3, [])
