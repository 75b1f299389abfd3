"""Events that come twice are recognised by their ids, the same after every restart."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.ids import IdWindow


def event(key: str | None, value: float = 0.0) -> TaskEvent:
    return TaskEvent(metrics={"x": value}, id=key)


def push(
    log: EventLog, window: IdWindow, events: list[TaskEvent], *, told: bool = True
) -> tuple[list[int], list[int]]:
    """Append what is new; give the rows that repeat and those that contradict."""
    sifted = window.sift(batch_events(events))
    appended = log.append(sifted.batch)
    if told:
        window.take_in(appended, sifted.batch)
    return sorted(sifted.repeats), sorted(sifted.conflicts)


def test_the_same_event_again_is_a_repeat_and_another_with_its_id_a_conflict() -> None:
    log = EventLog.in_memory()
    window = IdWindow(log)
    assert push(log, window, [event("a"), event(None), event("b"), event("a")]) == ([3], [])
    assert push(log, window, [event("b"), event("a", 1.0), event("c"), event(None)]) == ([0], [1])
    assert [entry.batch.ids for entry in log.blocks()] == [["a", None, "b"], ["c", None]]


def test_a_window_of_none_looks_for_nothing() -> None:
    log = EventLog.in_memory()
    assert push(log, IdWindow(log, 0), [event("a"), event("a", 1.0)]) == ([], [])


@settings(max_examples=150, deadline=None)
@given(
    batches=st.lists(
        st.lists(
            st.tuples(st.sampled_from([None, *"abcdef"]), st.integers(0, 1)), min_size=1, max_size=6
        ),
        max_size=12,
    ),
    size=st.integers(1, 9),
    restarts=st.sets(st.integers(0, 11)),
    untold=st.sets(st.integers(0, 11)),
)
def test_it_is_the_last_so_many_positions_that_count_whenever_the_window_was_opened(
    batches: list[list[tuple[str | None, int]]], size: int, restarts: set[int], untold: set[int]
) -> None:
    log = EventLog.in_memory()
    window = IdWindow(log, size)
    kept: list[TaskEvent] = []
    for number, batch in enumerate(batches):
        if number in restarts:
            window = IdWindow(log, size)
        expected: tuple[list[int], list[int]] = ([], [])
        for row, (key, value) in enumerate(batch):
            one = event(key, value)
            before = [e for e in kept[-size:] if key is not None and e.id == key]
            if before:
                expected[before[-1] != one].append(row)
            else:
                kept.append(one)
        events = [event(key, value) for key, value in batch]
        assert push(log, window, events, told=number not in untold) == expected
        assert [
            block.batch.event(row) for block in log.blocks() for row in range(len(block.batch))
        ] == kept


def test_ids_are_found_behind_gaps_and_removed_segments(tmp_path: Path) -> None:
    from crackle_stream.log.retention import Retention
    from crackle_stream.log.upkeep import forget_labels

    with EventLog.create_or_open(tmp_path, segment_bytes=1_500) as log:
        for n in range(30):
            log.append(batch_events([TaskEvent(metrics={}, label=f"task {n}", id=f"{n}")]))
    forget_labels(tmp_path, ["task 25"])
    with EventLog.create_or_open(tmp_path) as log:
        assert log.retain(Retention(max_events=8)).events > 0
        window = IdWindow(log)
        again = [TaskEvent(metrics={}, label=f"task {n}", id=f"{n}") for n in (24, 25, 26)]
        assert push(log, window, again) == ([0, 2], [])


def test_what_is_removed_while_the_window_is_open_is_no_more_known_than_after_a_restart(
    tmp_path: Path,
) -> None:
    from crackle_stream.log.retention import Retention

    with EventLog.create_or_open(tmp_path, segment_bytes=1_500) as log:
        window = IdWindow(log)
        for n in range(30):
            push(log, window, [event(f"{n}")])
        log.retain(Retention(max_events=8))
        first = log.first
        assert first > 0
        again = [event(f"{n}", 1.0) for n in (first - 1, first)]
        assert push(log, window, again) == ([], [1])
        assert push(log, IdWindow(log), [event(f"{first - 1}", 1.0)]) == ([0], [])


def test_long_ids_are_known_without_being_held() -> None:
    log = EventLog.in_memory()
    window = IdWindow(log)
    long = ["x" * 100_000 + f"{n}" for n in range(50)]
    for key in long:
        push(log, window, [event(key), event(None)])
    tracemalloc.start()
    window = IdWindow(log)
    window.sift(batch_events([event("a")]))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000
    assert push(log, window, [event(long[7]), event(long[8], 1.0), event(long[9] + "0")]) == (
        [0],
        [1],
    )


def test_events_without_ids_do_not_hide_what_was_appended_before_them() -> None:
    log = EventLog.in_memory()
    push(log, IdWindow(log), [event("a")])
    window = IdWindow(log)
    assert push(log, window, [event(None)]) == ([], [])
    assert push(log, window, [event("a")]) == ([0], [])


@pytest.mark.parametrize("size", range(1, 6))
def test_of_single_events_the_last_so_many_are_known_and_no_other(size: int) -> None:
    log = EventLog.in_memory()
    window = IdWindow(log, size)
    for count in range(1, 4 * size):
        push(log, window, [event(f"{count - 1}")])
        known = [at for at in range(count) if window.sift(batch_events([event(f"{at}")])).repeats]
        assert known == list(range(max(count - size, 0), count))
