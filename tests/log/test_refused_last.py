"""Lines that were refused since the last event, in a segment that holds no event yet."""

from __future__ import annotations

from crackle_stream.event import batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.forget import Labels, forget
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from crackle_stream.log.retention import Retention
from crackle_stream.source import Rejection
from tests.torture.lives import event


def a_segment_of_refused_lines_only() -> tuple[MemoryDisk, EventLog, list[Rejection]]:
    disk = MemoryDisk()
    log = open_for_writing(disk, "group", segment_bytes=900)
    log.append(batch_events([event(0)]))
    lines: list[Rejection] = []
    while f"{1:020d}.seg" not in disk.names():
        line = Rejection(len(lines), 0, "not_json", "no JSON", None, b"secret", "0" * 64, "s")
        log.append(batch_events([]), [line])
        lines.append(line)
    return disk, log, lines


def test_refused_lines_that_begin_a_segment_are_listed() -> None:
    disk, log, lines = a_segment_of_refused_lines_only()
    for seen in (log, EventLog(LogReader(disk))):
        assert list(seen.rejections()) == lines
        assert [line.rejection for line in seen.quarantined()] == lines
        assert seen.info().rejections == len(lines)


def test_what_is_forgotten_is_also_blanked_in_a_segment_without_events() -> None:
    disk, log, lines = a_segment_of_refused_lines_only()
    log.close()
    assert forget(disk, Labels(["secret"]), now=1).rejections == len(lines)
    assert not any(b"secret" in content for content in disk.files.values())
    again = open_for_writing(disk, "group")
    assert [line.excerpt for line in again.rejections()] == [b""] * len(lines)


def test_retention_may_leave_a_segment_without_events() -> None:
    disk, log, _ = a_segment_of_refused_lines_only()
    assert log.retain(Retention(max_events=0)).first == 1
    assert len(list(log.rejections())) == 1
    assert EventLog(LogReader(disk)).verify().state == "unclosed"


def test_a_log_looked_at_below_a_position_does_not_show_what_was_refused_behind_it() -> None:
    _, log, lines = a_segment_of_refused_lines_only()
    assert list(log.below(1).rejections()) == lines[:-1]
