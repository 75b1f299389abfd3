"""The library: firing in every way Python people expect, and cooling at any time."""

import asyncio
import errno
import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction

import numpy as np
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
from crackle_stream.cooling.replay import replay
from crackle_stream.errors import LogDamagedError, LogLockedError, StorageError, UsageError
from crackle_stream.log.disk import OsFile
from crackle_stream.log.eventlog import EventLog
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


def test_durations_that_vary_by_chance_make_no_constant_of_what_three_tasks_report(kiln):
    for value, seconds in ((22.5, 3e-5), (23.1, 8e-3), (45.2, 1e-6)):
        event = TaskEvent(metrics={"temperature": value}, duration=seconds, outcome="ok")
        kiln.add_entry(event)
    assert "conservation" not in {pattern.kind for pattern in kiln.cool()}


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


def test_a_generator_is_no_task_since_its_call_is_not_its_work(kiln):
    def rows():
        yield 1

    async def pages():
        yield 1

    for function in (rows, pages):
        with pytest.raises(UsageError, match="is a generator: write `with"):
            kiln.task(function)


def test_a_callable_without_a_name_is_an_anonymous_task(kiln):
    assert kiln.task(functools.partial(int, "3"))() == 3
    (entry,) = kiln.entries()
    assert (entry.label, entry.value) == ("anonymous task", 3)


def cyclic():
    ring = []
    ring.append(ring)
    return ring


def nested(levels):
    return [nested(levels - 1)] if levels else []


@pytest.mark.parametrize(
    "value",
    [object(), cyclic(), nested(40), "x" * 300_000, "name-\udcff", 1j],
    ids=["object", "cyclic", "nested", "large", "surrogate", "complex"],
)
def test_what_has_no_small_json_form_is_not_kept_as_a_value(kiln, value):
    @kiln.task
    def plot():
        return value

    assert plot() is value
    (entry,) = kiln.entries()
    assert (entry.value, entry.outcome) == (None, "ok")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("text", "text"),
        ((1, 2), [1, 2]),
        ([], []),
        ({}, {}),
        ({"a": "b"}, {"a": "b"}),
        (True, True),
    ],
)
def test_what_has_a_json_form_is_kept_as_a_value(kiln, value, kept):
    with kiln.firing("plot") as task:
        task.result(value)
    (entry,) = kiln.entries()
    assert entry.value == kept


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (SystemExit(3), "SystemExit: 3"),
        (GeneratorExit(), "GeneratorExit"),
    ],
)
def test_whatever_ends_a_block_is_recorded_and_goes_on(kiln, error, said):
    with pytest.raises(type(error)), kiln.firing("etl"):
        raise error
    (entry,) = kiln.entries()
    assert (entry.outcome, entry.error) == ("failed", said)


def test_an_error_about_a_file_name_that_is_no_utf8_goes_on_as_it_is(kiln):
    name = b"clay-\xff".decode("utf-8", "surrogateescape")
    with pytest.raises(FileNotFoundError, match="clay-"), kiln.firing("read"):
        raise FileNotFoundError(name)
    (entry,) = kiln.entries()
    assert entry.error == r"FileNotFoundError: clay-\udcff"


def test_a_metric_that_is_not_finite_is_refused_where_it_is_reported(kiln):
    def train():
        with kiln.firing("train") as task:
            task.metric("epoch", 3)
            task.metric("loss", float("nan"))

    with pytest.raises(ValueError, match="metric 'loss' is nan"):
        train()
    (entry,) = kiln.entries()
    assert (entry.outcome, entry.metrics) == ("failed", {"epoch": 3.0})


def test_a_label_that_is_too_long_is_refused_before_the_task_runs(kiln):
    with pytest.raises(ValueError, match="label"):
        kiln.firing("x" * 257)


def test_tasks_that_are_cancelled_are_recorded_even_while_they_are_being_recorded(tmp_path):
    async def slow(kiln):
        async with kiln.firing("slow"):
            await asyncio.sleep(60)

    async def quick(kiln):
        async with kiln.firing("quick"):
            pass

    async def main(kiln):
        for job in (slow, quick):
            running = [asyncio.create_task(job(kiln)) for _ in range(40)]
            await asyncio.sleep(0)
            for task in running:
                task.cancel()
            ended = await asyncio.gather(*running, return_exceptions=True)
            assert all(isinstance(end, asyncio.CancelledError) for end in ended)

    with Kiln(tmp_path / "log") as kiln:
        asyncio.run(main(kiln))
        entries = [(e.label, e.outcome, e.error) for e in kiln.entries()]
        expected = [("quick", "ok", None), ("slow", "failed", "CancelledError")]
        assert sorted(entries) == sorted(expected * 40)


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


class Doubting(Sensor):
    def cool(self, output, all_metrics):
        if self.temperature == 23.1:
            raise ArithmeticError("no answer")
        return output.with_metric("seen", len(all_metrics))


def test_a_hook_that_raises_costs_no_other_task_its_own(kiln):
    kiln.fire_all(Doubting(task.label, task.temperature) for task in sensors())
    with pytest.raises(ArithmeticError, match="no answer"):
        kiln.cool()
    kiln.cool()
    amended = kiln.decisions.amendments(3)
    assert [amended.of(at).get("seen") for at in range(3)] == [3.0, None, 3.0]


def test_what_a_hook_reports_is_held_to_the_limits_of_a_task(kiln):
    class Unsure(Sensor):
        def cool(self, output, all_metrics):
            return TaskOutput(None, {"share": float("nan")} if self.temperature < 23 else {"n": 1})

    kiln.fire_all(Unsure(task.label, task.temperature) for task in sensors())
    with pytest.raises(ValueError, match="metric 'share' is nan"):
        kiln.cool()
    kiln.cool()
    assert [dict(kiln.decisions.amendments(3).of(at)) for at in range(3)] == [
        {},
        {"n": 1},
        {"n": 1},
    ]


def test_a_replay_of_a_durable_kiln_gives_what_it_found(tmp_path):
    class Judged(Sensor):
        def cool(self, output, all_metrics):
            return output.with_metric("heat", 3 * output.value)

    with Kiln(tmp_path / "log", profile=FAST) as kiln:
        kiln.fire_all(Judged(f"sensor-{i}", 20.0 + i + 50 * (i > 6)) for i in range(12))
        found = kiln.cool()
    assert any("heat" in pattern.subject for pattern in found)
    with EventLog.open(tmp_path / "log") as log:
        (report,) = replay(log, Plan(profile=FAST))
    assert list(report.patterns) == found


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


@pytest.mark.parametrize("number", ["1.5", None, 2**53 + 1, 10**400, np.ones(2)])
def test_what_is_no_number_or_would_be_rounded_is_refused_by_name(kiln, number):
    with pytest.raises(ValueError, match="metric 'x' is"):
        kiln.add_entries([TaskEvent(metrics={"y": 1.0}), TaskEvent(metrics={"x": number})])
    with pytest.raises(ValueError, match="metric 'x' is"), kiln.firing("a") as task:
        task.metric("x", number)
    assert [entry.outcome for entry in kiln.entries()] == ["failed"]


@pytest.mark.parametrize(
    "number", [np.float64(1.5), np.float32(1.5), Fraction(3, 2), Decimal("1.5"), np.array(1.5)]
)
def test_numbers_of_other_libraries_are_metrics(kiln, number):
    kiln.add_entry(TaskEvent(metrics={"x": number}, id="a"))
    kiln.add_entry(TaskEvent(metrics={"x": np.int64(2), "y": True}))
    assert [entry.metrics for entry in kiln.entries()] == [{"x": 1.5}, {"x": 2.0, "y": 1.0}]


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


def test_two_markers_at_one_place_are_both_found(kiln):
    kiln.fire_all(sensors())
    kiln.mark("deploy")
    kiln.mark("release")
    for name in ("deploy", "release"):
        plan = Plan(checkpoints=CheckpointSpec.parse(None, [f"marker:{name}"]))
        assert [(r.checkpoint, r.label) for r in kiln.online(plan).finish()] == [(3, name)]


def test_online_cooling_begins_with_the_cycle(kiln):
    kiln.fire_all(sensors())
    kiln.mark("deploy")
    kiln.fire_all(sensors())
    kiln.reset()
    kiln.fire_all(sensors())
    plan = Plan(checkpoints=CheckpointSpec.parse("2", ["marker:deploy", "end"]))
    reports = list(kiln.online(plan).finish())
    assert [(r.checkpoint, r.events) for r in reports] == [(8, 2), (9, 3)]


def test_threads_that_decide_at_once_wait_for_their_turn(tmp_path):
    with Kiln(tmp_path / "log") as kiln:
        kiln.fire_all(sensors())
        with ThreadPoolExecutor(4) as threads:
            marks = list(threads.map(kiln.mark, [f"mark-{i}" for i in range(12)]))
        assert marks == [3] * 12
        assert sorted(kiln.decisions.markers()[3]) == sorted(f"mark-{i}" for i in range(12))


def test_a_decision_gives_up_when_another_never_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("crackle_stream.cooling.decisions.PATIENCE_S", 0.02)
    with (
        Kiln(tmp_path / "log") as kiln,
        EventLog.create_or_open(tmp_path / "log" / "decisions"),
        pytest.raises(LogLockedError, match="decisions"),
    ):
        kiln.mark("deploy")


def test_a_reset_that_could_not_be_recorded_resets_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("crackle_stream.cooling.decisions.PATIENCE_S", 0.02)
    with Kiln(tmp_path / "log") as kiln:
        kiln.fire_all(sensors())
        with EventLog.create_or_open(tmp_path / "log" / "decisions"), pytest.raises(LogLockedError):
            kiln.reset()
        assert kiln.task_count() == 3


def test_a_log_has_one_kiln_at_a_time(tmp_path):
    with Kiln(tmp_path / "log"), pytest.raises(LogLockedError, match="being written"):
        Kiln(tmp_path / "log")
    with Kiln(tmp_path / "log") as kiln:
        assert kiln.task_count() == 0


def test_a_kiln_that_cannot_read_its_decisions_leaves_the_log_free(tmp_path):
    with Kiln(tmp_path / "log") as kiln:
        kiln.mark("deploy")
    (segment,) = (tmp_path / "log" / "decisions").glob("*.seg")
    segment.write_bytes(b"no segment" * 50)
    # What was raised is kept, as a console keeps it: it refers to the kiln that was begun.
    with pytest.raises(LogDamagedError) as _raised:
        Kiln(tmp_path / "log")
    with EventLog.create_or_open(tmp_path / "log"):
        pass


def test_an_empty_directory_of_decisions_is_no_decision(tmp_path):
    with Kiln(tmp_path / "log"):
        (tmp_path / "log" / "decisions").mkdir()
    with Kiln(tmp_path / "log") as kiln:
        kiln.mark("deploy")
        assert kiln.decisions.markers() == {0: ("deploy",)}


def test_cooling_sees_a_whole_prefix_while_threads_fire(tmp_path):
    with Kiln(tmp_path / "log", profile=ThermalProfile.no_detection()) as kiln:
        done = threading.Event()

        def work():
            for i in range(150):
                with kiln.firing("worker") as task:
                    task.metric("i", i)
            done.set()

        thread = threading.Thread(target=work)
        thread.start()
        reports = [kiln.report()]
        while not done.is_set():
            assert kiln.statistics().count("i") >= reports[-1].events
            reports.append(kiln.report())
        thread.join()
        reports.append(kiln.report())
    assert all(report.events == report.checkpoint for report in reports)
    assert [r.events for r in reports] == sorted(r.events for r in reports)
    assert reports[-1].events == 150


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


def test_an_entry_with_an_id_is_recorded_once_and_another_with_it_refused():
    kiln = Kiln()
    first = TaskEvent(metrics={"s": 1.0}, id="a")
    assert kiln.add_entry(first) == 0
    assert kiln.add_entry(TaskEvent(metrics={"s": 2.0}, id="b")) == 1
    assert kiln.add_entry(first) == 0
    assert kiln.add_entries([first, TaskEvent(metrics={}, id="c")]) == range(2, 3)
    with pytest.raises(ValueError, match="position 1 has the id 'b'"):
        kiln.add_entry(TaskEvent(metrics={"s": 3.0}, id="b"))
    assert kiln.task_count() == 3


def test_threads_that_send_the_same_ids_record_each_once():
    kiln = Kiln()
    events = [TaskEvent(metrics={"s": n}, id=f"{n}") for n in range(60)]
    extra = TaskEvent(metrics={"s": -1.0})

    def send(_):
        for event in events:
            kiln.add_entry(event)
            kiln.add_entry(extra)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(4)))
    ids = [event.id for event in kiln.entries()]
    assert sorted(id_ for id_ in ids if id_) == sorted(event.id for event in events)
    assert ids.count(None) == 240


def test_an_entry_that_the_disk_failed_to_keep_is_not_acknowledged_when_it_is_sent_again(
    tmp_path, monkeypatch
):
    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    kiln = Kiln(tmp_path / "log")
    kept, lost = (TaskEvent(metrics={"s": 1.0}, id=name) for name in "ab")
    assert kiln.add_entry(kept) == 0
    monkeypatch.setattr(OsFile, "fdatasync", fail)
    for _ in range(2):
        with pytest.raises(StorageError):
            kiln.add_entry(lost)
    assert kiln.add_entry(kept) == 0
    kiln.close()
