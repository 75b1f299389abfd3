"""Forgetting: nothing of what was forgotten is left, all else is as it was."""

from __future__ import annotations

import errno
import random
import struct
from hashlib import sha256
from pathlib import Path

import pytest
from msgspec.structs import replace

from crackle_stream.errors import LogLockedError, StorageError
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.forget import Forgotten, Labels, forget
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from crackle_stream.source import Rejection, SourcePosition
from tests.torture.lives import event, read
from tests.torture.simulated_disk import Crash, SimulatedDisk

SEGMENT_BYTES = 1_500
SECRET = 1234.5678
TRACES = [b"alice", struct.pack("<d", SECRET), b"secret", struct.pack("<d", 77.125)]


def secret(label: str = "alice/7") -> TaskEvent:
    return TaskEvent(
        label=label,
        metrics={"a": SECRET, "only secret": SECRET},
        duration=77.125,
        id="secret id",
        outcome="failed",
        error="secret error",
        attributes={"who": "secret"},
        value={"what": "secret"},
        time=5,
    )


def refused(text: bytes, line: int = 1) -> Rejection:
    return Rejection(line, 0, "not_json", "no JSON", None, text, sha256(text).hexdigest())


def filled(disk: MemoryDisk) -> None:
    log = open_for_writing(disk, "group", segment_bytes=SEGMENT_BYTES)
    for n in range(0, 30, 3):
        three = [event(n), secret(f"alice/{n}"), event(n + 2)]
        lines = [refused(b'{"label": "alice/9"', n), refused(b'{"label": "bob"', n + 1)]
        log.append(batch_events(three), lines, SourcePosition("s", n + 3, 1, 0))
    log.close()
    disk.files["torn/0.seg.1"] = bytearray(b"alice")


def traces(disk: MemoryDisk) -> list[tuple[str, bytes]]:
    return [(name, t) for name, data in disk.files.items() for t in TRACES if t in data]


def opened(disk: MemoryDisk) -> EventLog:
    return EventLog(LogReader(disk))


def test_no_byte_of_what_was_forgotten_is_left_in_any_file() -> None:
    disk = MemoryDisk()
    filled(disk)
    assert {trace for _, trace in traces(disk)} == set(TRACES)
    done = forget(disk, Labels(["alice/*"]), now=9)
    assert traces(disk) == []
    assert (done.events, done.rejections, done.torn) == (10, 10, 1)


def test_all_else_is_as_it_was() -> None:
    disk = MemoryDisk()
    filled(disk)
    before = opened(disk)
    kept = {n: e for n, e in enumerate(read(before)) if n % 3 != 1}
    forget(disk, Labels(["alice/*"]), now=9)
    log = opened(disk)
    found = {b.first + i: b.batch.event(i) for b in log.blocks() for i in range(len(b.batch))}
    assert found == kept
    assert (log.count, log.info().events) == (30, 20)
    assert log.last_position("s") == SourcePosition("s", 30, 1, 0)
    assert [gap.start for gap in log.gaps()] == list(range(1, 30, 3))
    assert {(gap.reason, gap.when, gap.detail) for gap in log.gaps()} == {("forgotten", 9, "")}
    lines = list(log.rejections())
    assert [line.line for line in lines] == [n + i for n in range(0, 30, 3) for i in (0, 1)]
    assert {line.excerpt for line in lines} == {b"", b'{"label": "bob"'}
    assert log.verify().state == "clean"
    (missing,) = log.info().missing
    assert (missing.reason, missing.positions, missing.latest) == ("forgotten", 10, 9)


def test_a_dry_run_tells_the_same_and_changes_nothing() -> None:
    disk = MemoryDisk()
    filled(disk)
    before = {name: bytes(data) for name, data in disk.files.items()}
    told = forget(disk, Labels(["alice/*"]), now=9, dry_run=True)
    assert {name: bytes(data) for name, data in disk.files.items()} == before
    done = forget(disk, Labels(["alice/*"]), now=9)
    assert (told.events, told.rejections, told.positions) == (
        done.events,
        done.rejections,
        done.positions,
    )
    assert forget(disk, Labels(["alice/*"]), now=10) == Forgotten()


def test_a_log_can_be_written_to_after_forgetting_all_of_it() -> None:
    disk = MemoryDisk()
    filled(disk)
    forget(disk, Labels(["*"]), now=9)
    assert read(opened(disk)) == []
    log = open_for_writing(disk, "group")
    assert log.count == 30
    log.append(batch_events([event(30)]))
    assert log.times_rise(31)
    assert read(log) == [event(30)]


@pytest.mark.parametrize(
    ("excerpt", "goes"),
    [
        (b'{"label": "alice/1"}', True),
        (b'{"label": "\\u0061lice/1"}', True),
        (b'{"note": "malice/1 x"}', True),
        (b"alice/1,5,6", True),
        (b'{"label": "alice"}', False),
        (b'{"label": "bob"', False),
        (b"\xff\xfealice/\xff", True),
    ],
)
def test_a_refused_line_loses_its_text_where_such_a_label_may_stand_in_it(
    excerpt: bytes, goes: bool
) -> None:
    disk = MemoryDisk()
    with open_for_writing(disk, "group") as log:
        log.append(batch_events([]), [refused(excerpt)])
    assert forget(disk, Labels(["alice/*"]), now=9).rejections == goes
    (line,) = opened(disk).rejections()
    assert line.excerpt == (b"" if goes else excerpt)
    assert (line.line, line.sha256) == (1, sha256(excerpt).hexdigest())


def test_what_is_kept_of_a_refused_line_goes_if_the_label_may_stand_in_the_rest() -> None:
    disk = MemoryDisk()
    with open_for_writing(disk, "group") as log:
        part = replace(refused(b'{"metrics": {"x'), sha256=sha256(b"a longer line").hexdigest())
        log.append(batch_events([]), [part, refused(b"bob", 2)])
    assert forget(disk, Labels(["alice/*"]), now=9).rejections == 1
    assert [line.excerpt for line in opened(disk).rejections()] == [b"", b"bob"]
    assert forget(disk, Labels(["alice/*"]), now=9).rejections == 0


@pytest.mark.parametrize("failure", [Crash(), OSError(errno.EIO, "bad")])
def test_a_crash_at_every_step_leaves_each_segment_old_or_new(failure: BaseException) -> None:
    step, ended = 0, False
    while not ended:
        step += 1
        disk = SimulatedDisk(random.Random(step))
        log = open_for_writing(disk, "group", segment_bytes=SEGMENT_BYTES)
        for n in range(0, 12, 2):
            log.append(batch_events([event(n), secret()]))
        log.close()
        disk.stop_at, disk.failure = disk.steps + step, failure
        try:
            forget(disk, Labels(["alice/*"]), now=9)
            ended = True
        except (Crash, StorageError):
            pass
        after = disk.after_crash()
        reader = EventLog(LogReader(after))
        found = {
            b.first + i: b.batch.event(i) for b in reader.blocks() for i in range(len(b.batch))
        }
        assert {n: e for n, e in found.items() if n % 2 == 0} == {
            n: event(n) for n in range(0, 12, 2)
        }, step
        assert reader.verify().state in ("clean", "unclosed", "torn"), step
        forget(after, Labels(["alice/*"]), now=9)
        again = EventLog(LogReader(after))
        assert read(again) == [event(n) for n in range(0, 12, 2)], step
        assert again.verify().state == "clean"
        held = [bytes(inode.seen) for inode in after.inodes.values()]
        assert not any(trace in data for data in held for trace in TRACES), step
    assert step > 10


def test_a_log_that_is_written_to_is_not_touched(tmp_path: Path) -> None:
    disk = MemoryDisk()
    log = open_for_writing(disk, "group")
    log.append(batch_events([secret()]))
    with pytest.raises(LogLockedError):
        forget(disk, Labels(["*"]), now=9)
    assert read(log) == [secret()]


def test_a_reader_goes_on_over_what_was_forgotten(tmp_path: Path) -> None:
    from crackle_stream.log.upkeep import forget_labels

    with EventLog.create_or_open(tmp_path) as log:
        log.append(batch_events([event(0), secret()]))
    reader = EventLog.open(tmp_path)
    forget_labels(tmp_path, ["alice/*"])
    with EventLog.create_or_open(tmp_path) as log:
        log.append(batch_events([event(2)]))
    assert reader.refresh() == 3
    assert read(EventLog.open(tmp_path)) == [event(0), event(2)]
    assert read(reader)[-1] == event(2)
