"""Refused lines stand in the log until an append resolves them."""

import numpy as np
import pytest

from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.quarantine import key_of, resolved_keys
from crackle_stream.log.retention import Retention
from crackle_stream.log.segment import Segment
from crackle_stream.source import Rejection

NOTHING = batch_events([])


def refused(line, source="a.jsonl", sha256="00"):
    return Rejection(line, 10 * line, "invalid_json", "no", None, b"x", sha256, source)


def one_event(label="a"):
    return batch_events([TaskEvent(label=label, metrics={"x": 1.0})])


def staying(log):
    return [line.rejection.line for line in log.quarantined() if not line.resolved]


def test_a_key_names_source_place_and_bytes_and_nothing_else():
    base = refused(1)
    others = [refused(2), refused(1, source="b"), refused(1, sha256="01")]
    assert len({key_of(line) for line in [base, *others]}) == 4
    same = Rejection(1, 10, "wrong_type", "another", "$.x", b"", "00", "a.jsonl")
    assert key_of(same) == key_of(base)


def test_a_resolved_line_is_told_as_such_and_the_others_stay():
    with EventLog.in_memory() as log:
        log.append(one_event(), [refused(1), refused(2), refused(3)])
        log.append(one_event(), resolved=(key_of(refused(2)),))
        assert staying(log) == [1, 3]
        assert [line.resolved for line in log.quarantined()] == [False, True, False]


def test_an_append_without_events_resolves_too():
    with EventLog.in_memory() as log:
        log.append(NOTHING, [refused(1)])
        log.append(NOTHING, resolved=(key_of(refused(1)),))
        assert staying(log) == []


def test_the_same_line_met_again_later_is_in_quarantine_again():
    """As a pipe brings it that is read twice: a resolution is used up by one line before it."""
    with EventLog.in_memory() as log:
        key = key_of(refused(1))
        log.append(NOTHING, [refused(1)])
        log.append(one_event(), resolved=(key,))
        log.append(NOTHING, [refused(1), refused(1)])
        assert staying(log) == [1, 1]
        log.append(one_event(), resolved=(key, key))
        assert staying(log) == []


def test_a_resolution_of_a_removed_line_resolves_no_later_one(tmp_path):
    with EventLog.create_or_open(tmp_path / "log", "none", segment_bytes=2_000) as log:
        log.append(NOTHING, [refused(1)])
        for i in range(40):
            log.append(one_event(f"before-{i}"))
        log.append(one_event(), resolved=(key_of(refused(1)),))
        log.retain(Retention(max_events=10))
        assert log.first > 0
        log.append(NOTHING, [refused(1)])
        assert staying(log) == [1]


def test_compaction_keeps_what_was_resolved(tmp_path):
    with EventLog.create_or_open(tmp_path / "log", "none", segment_bytes=4_000) as log:
        log.append(NOTHING, [refused(1), refused(2)])
        log.append(one_event(), resolved=(key_of(refused(1)),))
        while len(list((tmp_path / "log").glob("*.seg"))) == 1:
            log.append(one_event())
    with EventLog.open(tmp_path / "log") as log:
        assert staying(log) == [2]


def test_frames_that_resolve_nothing_are_not_decoded_to_find_keys(monkeypatch):
    with EventLog.in_memory() as log:
        for i in range(5):
            log.append(one_event(), [refused(i)])
        log.append(one_event(), resolved=("a", "b"))
        log.refresh()
        decoded = []
        payload = Segment.payload

        def counting(segment, place):
            decoded.append(place)
            return payload(segment, place)

        monkeypatch.setattr(Segment, "payload", counting)
        assert [key for _, key in resolved_keys(log._reader)] == ["a", "b"]
        assert len(decoded) == 1


@pytest.mark.parametrize("seed", range(5))
def test_what_stays_is_what_a_list_would_hold(seed):
    random = np.random.default_rng(seed)
    model = []
    with EventLog.in_memory() as log:
        for _ in range(60):
            line = int(random.integers(1, 6))
            if random.random() < 0.6:
                log.append(one_event(), [refused(line)])
                model.append(line)
            elif line in model:
                log.append(one_event(), resolved=(key_of(refused(line)),))
                model.remove(line)
        assert staying(log) == model
