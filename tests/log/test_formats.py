"""Logs that earlier versions wrote are read for ever."""

from __future__ import annotations

from pathlib import Path

import msgspec

from crackle_stream.event import EventLine, from_line
from crackle_stream.log.eventlog import EventLog
from crackle_stream.source import SourcePosition
from tests.torture.lives import read

FIXTURE = Path(__file__).parents[2] / "replay" / "format-1"


def test_a_log_of_format_1_holds_what_was_written_to_it() -> None:
    log = EventLog.open(FIXTURE / "log")
    lines = (FIXTURE / "events.jsonl").read_bytes().splitlines()
    assert len(lines) == 36
    assert read(log) == [from_line(msgspec.json.decode(line, type=EventLine)) for line in lines]
    assert log.verify().state == "clean"
    assert log.info().segments == 2
    assert log.last_position("builds.jsonl") == SourcePosition("builds.jsonl", 1800, 18, 99)
    assert [rejected.line for rejected in log.rejections()] == [14]
