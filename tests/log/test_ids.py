"""Events that come twice are recognised by their ids, the same after every restart."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.ids import IdWindow


def event(key: str | None, value: float = 0.0) -> TaskEvent:
    return TaskEvent(metrics={"x": value}, id=key)


def push(log: EventLog, window: IdWindow, events: list[TaskEvent]) -> tuple[list[int], list[int]]:
    """Append what is new; give the rows that repeat and those that contradict."""
    sifted = window.sift(batch_events(events))
    log.append(sifted.batch)
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
)
def test_it_is_the_last_so_many_positions_that_count_whenever_the_window_was_opened(
    batches: list[list[tuple[str | None, int]]], size: int, restarts: set[int]
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
        assert push(log, window, [event(key, value) for key, value in batch]) == expected
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
