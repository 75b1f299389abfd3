"""`kiln.on_alarm`: who hears of what, from which thread, and what a failing callback costs."""

import itertools
import logging
import random
import threading
import time

import pytest

from crackle_stream import Kiln, Plan, TaskEvent, ThermalProfile
from crackle_stream.cooling import alarms as watching
from crackle_stream.errors import UsageError
from crackle_stream.window.checkpoints import CheckpointSpec


def values(count=400, at=250, shift=200.0, seed=1):
    rng = random.Random(seed)
    return [rng.gauss(900 + (shift if i >= at else 0), 40) for i in range(count)]


def events(numbers, metric="rows"):
    return [TaskEvent(metrics={metric: number}) for number in numbers]


def told(heard):
    return [(alarm.status, alarm.metric, alarm.onset) for alarm in heard]


@pytest.fixture
def kiln():
    with Kiln() as kiln:
        yield kiln


@pytest.fixture
def heard(kiln):
    found = []
    kiln.on_alarm(found.append)
    return found


def test_a_change_is_told_soon_after_it_was_fired_without_anybody_asking(kiln, heard):
    for event in events(values()):
        kiln.add_entry(event)
    end = time.monotonic() + 10
    while not heard and time.monotonic() < end:
        time.sleep(0.01)
    assert told(heard) == [("raised", "rows", 250)]
    assert heard[0].position < 265


def test_the_next_cooling_confirms_with_the_pattern_that_it_found(kiln, heard):
    kiln.add_entries(events(values()))
    patterns = kiln.cool()
    assert told(heard) == [("raised", "rows", 250), ("confirmed", "rows", 250)]
    (pattern,) = [p for p in patterns if p.kind == "phase_transition"]
    assert (heard[1].pattern, heard[1].checkpoint) == (pattern.id, 400)


def test_an_alarm_is_judged_once(kiln, heard):
    kiln.add_entries(events(values()))
    kiln.cool()
    kiln.cool()
    assert len(heard) == 2


def test_a_walk_without_a_place_that_it_changed_at_is_withdrawn(kiln, heard):
    steps = (number - 900 for number in values(count=300, at=300, seed=4))
    kiln.add_entries(events(itertools.accumulate(steps)))
    places = [p.at for p in kiln.cool() if p.kind == "phase_transition"]
    assert places == [None]
    assert [alarm.status for alarm in heard] == ["raised", "withdrawn"]
    assert (heard[1].pattern, heard[1].checkpoint) == (None, 300)


def test_cooling_that_does_not_look_for_changes_leaves_alarms_open(kiln, heard):
    kiln.add_entries(events(values()))
    kiln.cool(kiln.plan(profile=ThermalProfile().without_phase_transitions()))
    assert told(heard) == [("raised", "rows", 250)]
    kiln.cool()
    assert told(heard)[1:] == [("confirmed", "rows", 250)]


def test_checkpoints_of_an_online_cooling_judge_as_well(kiln, heard):
    online = kiln.online(Plan(checkpoints=CheckpointSpec(every=400, end=False)))
    kiln.add_entries(events(values(count=900)))
    assert [report.checkpoint for report in online.advance()] == [400, 800]
    assert told(heard) == [("raised", "rows", 250), ("confirmed", "rows", 250)]
    assert heard[1].checkpoint == 400


def test_alarms_enter_no_pattern():
    plain, watched = Kiln(), Kiln()
    watched.on_alarm(lambda _: None)
    for kiln in (plain, watched):
        kiln.add_entries(events(values()))
    assert plain.report() == watched.report()
    watched.close()


def test_it_decorates_and_gives_the_function_back(kiln):
    @kiln.on_alarm
    def hear(alarm):
        return alarm.metric

    assert hear.__name__ == "hear"


def test_several_hear_and_one_that_was_taken_off_does_not(kiln, heard):
    more, gone = [], []
    kiln.on_alarm(more.append)
    taken = kiln.on_alarm(gone.append)
    kiln.off_alarm(taken)
    kiln.add_entries(events(values()))
    kiln.cool()
    assert told(heard) == told(more)
    assert (len(heard), gone) == (2, [])


def test_when_the_last_is_taken_off_nothing_is_followed_any_more(kiln):
    hear = kiln.on_alarm(lambda _: None)
    kiln.off_alarm(hear)
    assert [t for t in threading.enumerate() if t.name == "crackle-alarms" and t.is_alive()] == []
    kiln.add_entries(events(values()))
    assert kiln.task_count() == 400


def test_an_exception_in_a_callback_is_logged_and_costs_nobody_anything(kiln, caplog):
    heard = []

    def fails(_):
        raise RuntimeError("no network")

    kiln.on_alarm(fails)
    kiln.on_alarm(heard.append)
    with caplog.at_level(logging.ERROR):
        kiln.add_entries(events(values()))
        kiln.cool()
    assert len(heard) == 2
    assert "no network" in caplog.text
    assert kiln.task_count() == 400
    assert kiln.add_entries(events(values())) == range(400, 800)


def test_firing_does_not_wait_for_a_callback(kiln):
    begun, go = threading.Event(), threading.Event()

    @kiln.on_alarm
    def waits(_):
        begun.set()
        go.wait(30)

    kiln.add_entries(events(values()))
    assert begun.wait(30)
    assert [kiln.add_entry(event) for event in events([1.0, 2.0])] == [400, 401]
    go.set()


def test_a_callback_may_cool_and_fire(kiln):
    heard = []

    @kiln.on_alarm
    def looks(alarm):
        heard.append(alarm.status)
        if alarm.status == "raised":
            kiln.add_entry(TaskEvent(metrics={}, label="somebody was called"))
            kiln.cool()

    kiln.add_entries(events(values()))
    kiln.close()
    assert heard == ["raised", "confirmed"]


def test_closing_tells_what_was_not_told_yet():
    heard = []
    with Kiln() as kiln:
        kiln.on_alarm(heard.append)
        kiln.add_entries(events(values()))
    assert told(heard) == [("raised", "rows", 250)]


def test_several_threads_fire_and_alarms_are_those_of_the_log(kiln, heard):
    shared, turn = iter(events(values(count=1_200, at=700))), threading.Lock()

    def work():
        while True:
            with turn:
                event = next(shared, None)
            if event is None:
                return
            kiln.add_entry(event)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kiln.cool()
    again = []
    watch = watching.AlarmWatch(kiln.log, again.append)
    watch.follow()
    assert [alarm for alarm in heard if alarm.status == "raised"] == again
    assert len(again) == 1
    assert abs(again[0].onset - 700) <= 8


def test_what_stands_in_the_log_already_is_the_reference_and_is_not_told():
    kiln, heard = Kiln(), []
    kiln.add_entries(events(values()))
    kiln.on_alarm(heard.append)
    later = values(count=160, at=120, shift=-400.0, seed=2)
    kiln.add_entries(events(number + 200 for number in later))
    kiln.close()
    assert told(heard) == [("raised", "rows", 520)]


def test_a_new_cycle_withdraws_what_is_open_and_begins_without_a_reference(kiln, heard):
    kiln.add_entries(events(values()))
    kiln._alarms.follow(400)
    kiln.reset()
    kiln.add_entries(events(values(count=60, at=0)))
    kiln.cool()
    assert told(heard) == [("raised", "rows", 250), ("withdrawn", "rows", 250)]
    assert (heard[1].pattern, heard[1].checkpoint) == (None, None)


def test_durations_and_failures_are_watched_too(kiln, heard):
    kiln.add_entries(
        TaskEvent(
            metrics={}, duration=number, outcome="failed" if i % 20 == 0 or i >= 300 else "ok"
        )
        for i, number in enumerate(values())
    )
    kiln.close()
    assert told(heard)[:2] == [("raised", "duration", 250), ("raised", "outcome.failed", 300)]


def test_values_of_metrics_that_are_too_many_to_watch_are_counted():
    with Kiln(profile=ThermalProfile(max_metrics=2)) as kiln:
        assert kiln.unwatched == 0
        kiln.on_alarm(lambda _: None)
        for name in "abcd":
            kiln.add_entry(TaskEvent(metrics={name: 1.0}))
        kiln.cool()
        assert kiln.unwatched == 2


@pytest.mark.parametrize("what", [None, 3, "hear"])
def test_what_cannot_be_called_is_refused(what):
    with pytest.raises(UsageError, match="cannot be called"):
        Kiln().on_alarm(what)
