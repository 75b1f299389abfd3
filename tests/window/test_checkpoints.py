from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackle_stream.errors import UsageError
from crackle_stream.timestamp import HOUR, NO_TIME, parse_time
from crackle_stream.window.checkpoints import CheckpointFinder, CheckpointSpec


def found(spec, times, labels=None, sizes=()):
    finder, first, positions = CheckpointFinder(spec), 0, []
    for size in [*sizes, len(times)]:
        stop = min(first + size, len(times))
        part = None if labels is None else labels[first:stop]
        positions += finder.feed(first, np.array(times[first:stop], np.int64), part)
        first = stop
    return positions + finder.finish()


def brute_force(spec, times, labels):
    """Each N on its own: was it asked for?"""
    wanted = []
    for n in range(1, len(times) + 1):
        at = n in spec.positions or (spec.every and n % spec.every == 0)
        at = at or (spec.end and n == len(times))
        at = at or any(fnmatchcase(labels[n - 1], glob) for glob in spec.labels)
        if n < len(times):
            low, high = max(times[:n]), max(times[: n + 1])
            if spec.every_span and low != NO_TIME:
                at = at or low // spec.every_span < high // spec.every_span
            at = at or any(low < moment <= high for moment in spec.times)
        if at:
            wanted.append(n)
    return wanted


@given(
    st.lists(
        st.tuples(st.integers(0, 40) | st.just(NO_TIME), st.sampled_from(["a", "b", "deploy"])),
        max_size=25,
    ),
    st.builds(
        CheckpointSpec,
        every=st.none() | st.integers(1, 7),
        every_span=st.none() | st.integers(1, 15),
        positions=st.lists(st.integers(1, 30), max_size=2).map(tuple),
        times=st.lists(st.integers(1, 40), max_size=2).map(tuple),
        labels=st.sampled_from([(), ("dep*",), ("a", "b")]),
        end=st.booleans(),
    ),
    st.lists(st.integers(0, 9), max_size=6),
)
def test_any_portions_give_the_checkpoints_of_the_definition(events, spec, sizes):
    times = [time for time, _ in events]
    labels = [label for _, label in events]
    assert found(spec, times, labels, sizes) == brute_force(spec, times, labels)


def test_every_hour_counts_from_the_epoch_and_sees_only_what_was_before():
    start = parse_time("2026-03-01T12:40Z")
    times = [start, start + HOUR // 4, start + HOUR // 2, start + HOUR, start + 4 * HOUR]
    assert found(CheckpointSpec.parse("1h"), times) == [2, 4]


def test_an_event_that_goes_back_makes_no_checkpoint_again():
    assert found(CheckpointSpec(every_span=10, end=False), [5, 12, 8, 13, 21]) == [1, 4]


def test_a_moment_is_a_checkpoint_before_the_first_event_that_reaches_it():
    spec = CheckpointSpec.parse(None, ["time:2026-03-01T12:00Z"])
    moment = parse_time("2026-03-01T12:00Z")
    assert found(spec, [moment - 1, moment, moment + 1]) == [1]


def test_a_label_is_a_checkpoint_after_its_event():
    assert found(CheckpointSpec.parse(None, ["label:dep*"]), [0, 0, 0], ["a", "deploy", "a"]) == [2]


def test_a_marker_is_a_checkpoint_where_it_stands_when_it_is_asked_for():
    finder = CheckpointFinder(CheckpointSpec.parse(None, ["marker:release"]))
    finder.feed(0, np.zeros(10, np.int64))
    assert finder.marker("other", 4) == []
    assert finder.marker("release", 7) == [7]
    assert finder.marker("release", 7) == []


def test_without_any_choice_there_is_one_at_the_end():
    assert found(CheckpointSpec.parse(), [NO_TIME] * 3) == [3]
    assert CheckpointSpec() == CheckpointSpec.parse()
    assert found(CheckpointSpec.parse("2"), [NO_TIME] * 3) == [2]
    assert found(CheckpointSpec.parse("2", ["end"]), [NO_TIME] * 3) == [2, 3]


def test_an_empty_log_has_no_checkpoint():
    assert found(CheckpointSpec.parse(), []) == []


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "noon", "time:", "time:2026-03-01T12:00", "label:", "marker:", "1.5"]
)
def test_a_place_that_cannot_be_meant_is_refused(text):
    with pytest.raises(UsageError):
        CheckpointSpec.parse(None, [text])


@pytest.mark.parametrize("text", ["0", "often", "-3"])
def test_a_step_that_cannot_be_meant_is_refused(text):
    with pytest.raises(UsageError):
        CheckpointSpec.parse(text)


def test_events_passed_over_are_an_error():
    finder = CheckpointFinder(CheckpointSpec.parse("2"))
    with pytest.raises(ValueError, match="expected position 0, got 5"):
        finder.feed(5, np.zeros(1, np.int64))


def test_labels_that_are_missing_are_an_error():
    with pytest.raises(ValueError, match="need the labels"):
        CheckpointFinder(CheckpointSpec(labels=("a",))).feed(0, np.zeros(1, np.int64))
