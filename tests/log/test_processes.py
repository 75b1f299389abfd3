"""A log between real processes: killed writers, two writers, live readers."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crackle_stream.errors import LogLockedError
from crackle_stream.event import batch_events
from crackle_stream.log import files
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.segment import Segment
from tests.torture.lives import event, read

WRITER = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from tests.torture.lives import event
from crackle_stream.event import batch_events
from crackle_stream.log.eventlog import EventLog

log = EventLog.create_or_open(Path({path!r}), "group", segment_bytes=30_000)
print("ready", log.count, flush=True)
while True:
    first = log.count
    given = log.append(batch_events([event(n) for n in range(first, first + 1 + first % 3)]))
    print("acknowledged", given.stop, flush=True)
"""


@contextmanager
def writer(path: Path) -> Iterator[subprocess.Popen[str]]:
    code = WRITER.format(tests=str(Path(__file__).parents[2]), path=str(path))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("ready")
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_a_killed_writer_has_lost_nothing_it_acknowledged(tmp_path: Path) -> None:
    for milliseconds in (20, 90, 200):
        with writer(tmp_path) as process:
            time.sleep(milliseconds / 1000)
            process.send_signal(signal.SIGKILL)
            assert process.stdout is not None
            lines = process.stdout.read().splitlines()
        whole = [line for line in lines if line.startswith("acknowledged ")]
        acknowledged = int(whole[-2].split()[1]) if len(whole) > 1 else 0
        reader = EventLog.open(tmp_path)
        assert reader.verify().state in ("unclosed", "torn")
        assert reader.count >= acknowledged
        assert read(reader) == [event(n) for n in range(reader.count)]


def test_a_second_process_may_read_but_not_write(tmp_path: Path) -> None:
    with writer(tmp_path) as process:
        with pytest.raises(LogLockedError, match=f"process {process.pid} on "):
            EventLog.create_or_open(tmp_path)
        reader = EventLog.open(tmp_path)
        counts: list[int] = []
        while len(counts) < 150:
            counts.append(reader.refresh())
            new = list(reader.blocks(counts[-2] if len(counts) > 1 else 0))
            labels = [label for block in new for label in block.batch.labels or []]
            first = new[0].first if new else 0
            assert labels == [f"task {n}" for n in range(first, first + len(labels))]
        assert counts == sorted(counts)
    with EventLog.create_or_open(tmp_path) as log:
        first = log.count
        assert log.append(batch_events([event(first)])) == range(first, first + 1)
        assert read(log) == [event(n) for n in range(first + 1)]


def test_a_reader_that_looked_twice_at_a_segment_without_events_reads_it_whole_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, create = Segment.size, files.create_segment

    def create_and_look(*given: Any) -> None:
        create(*given)
        reader.refresh()
        tail = reader._reader.tail
        # As when the writer appends between two looks at the size.
        monkeypatch.setattr(Segment, "size", lambda seen: size(seen) + (seen is tail))
        reader.refresh()
        monkeypatch.setattr(Segment, "size", size)

    with EventLog.create_or_open(tmp_path, segment_bytes=2_500) as log:
        append_some(log)
        reader = EventLog.open(tmp_path)
        monkeypatch.setattr("crackle_stream.log.writer.create_segment", create_and_look)
        while len(list(tmp_path.glob("*.seg"))) < 4:
            append_some(log)
            reader.refresh()
        assert read(reader) == [event(n) for n in range(log.count)]


def append_some(log: EventLog) -> None:
    log.append(batch_events([event(n) for n in range(log.count, log.count + 5)]))
