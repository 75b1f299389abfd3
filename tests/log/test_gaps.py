"""Gaps in blocks: fewer events than positions, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crackle_stream.errors import LogFormatError
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.kiln import Kiln
from crackle_stream.log import frame
from crackle_stream.log.block import (
    Origin,
    check_payload,
    decode_blocks,
    decode_payload,
    encode_block,
)
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.forget import Labels, forget
from crackle_stream.log.frame import BLOCK, GAPPED, HEADER_SIZE, PLAIN, Header
from crackle_stream.log.gap import Gap, join
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from crackle_stream.log.retention import Retention
from crackle_stream.log.upkeep import compact_all, forget_labels
from tests.torture.lives import event, read, rejection

FIRST = 100


def header_of(first: int = FIRST) -> Header:
    return Header(kind=BLOCK, log_id=1, sequence=1, first=first, durable=0)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.booleans(), max_size=12))
def test_what_is_there_comes_back_at_its_positions(there: list[bool]) -> None:
    events = [event(n) for n, here in enumerate(there) if here]
    gone = [Gap(FIRST + n, 1, "forgotten", 7) for n, here in enumerate(there) if not here]
    block = encode_block(batch_events(events), (), [Origin(len(there), 0)], join(gone))
    header = block.header(header_of())
    assert header.count == len(there)
    assert header.encoding == (GAPPED if gone else PLAIN)
    payload = decode_payload(memoryview(block.data)[HEADER_SIZE:])
    check_payload(payload, header)
    blocks = list(decode_blocks(payload, header))
    found = {b.first + row: b.batch.event(row) for b in blocks for row in range(len(b.batch))}
    assert found == {FIRST + n: event(n) for n, here in enumerate(there) if here}
    assert sum(gap.count for gap in payload.gaps) == len(gone)


@pytest.mark.parametrize(
    "gaps",
    [
        [Gap(99, 1, "forgotten", 0)],
        [Gap(103, 3, "forgotten", 0)],
        [Gap(102, 1, "forgotten", 0), Gap(101, 1, "forgotten", 0)],
        [Gap(101, 2, "forgotten", 0), Gap(102, 1, "forgotten", 0)],
        [Gap(101, 0, "forgotten", 0)],
        [],
    ],
)
def test_gaps_that_do_not_fit_the_header_are_refused(gaps: list[Gap]) -> None:
    block = encode_block(batch_events([event(0), event(1)]), (), [Origin(3, 0)], gaps)
    header = Header(kind=BLOCK, log_id=1, sequence=1, first=FIRST, durable=0, count=5)
    with pytest.raises(LogFormatError, match="do not fit together"):
        check_payload(decode_payload(memoryview(block.data)[HEADER_SIZE:]), header)


def test_a_reader_that_knows_no_gaps_refuses_them_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = MemoryDisk()
    with open_for_writing(disk, "group") as log:
        log.append(batch_events([event(0), event(1)]))
    forget(disk, Labels(["task 0"]), now=1)
    assert read(EventLog(LogReader(disk))) == [event(1)]
    monkeypatch.setattr(frame, "GAPPED", 0)
    with pytest.raises(LogFormatError, match=r"encoding 1.*install a newer"):
        read(EventLog(LogReader(disk)))


def test_times_across_a_gap_are_compared() -> None:
    for times, rise in [([1, 9, 2], True), ([5, 9, 2], False), ([5, 1, 6], True)]:
        for apart in (False, True):
            disk = MemoryDisk()
            tasks = [TaskEvent(metrics={}, label=str(n), time=t) for n, t in enumerate(times)]
            with open_for_writing(disk, "group") as log:
                for batch in [[t] for t in tasks] if apart else [tasks]:
                    log.append(batch_events(batch))
            forget(disk, Labels(["1"]), now=1)
            log = EventLog(LogReader(disk))
            assert [log.times_rise(stop) for stop in range(4)] == [True, True, True, rise]


def test_a_segment_that_begins_with_a_gap_does_not_break_the_order_of_times() -> None:
    disk = MemoryDisk()
    with open_for_writing(disk, "group", segment_bytes=1_000) as log:
        for n in range(7):
            log.append(batch_events([event(n)]))
    last = max(name for name in disk.names() if name.endswith(".seg"))
    assert 0 < int(last[:20]) < 6, "the last segment holds several blocks"
    forget(disk, Labels([f"task {int(last[:20])}"]), now=1)
    assert EventLog(LogReader(disk)).times_rise(7)


def test_compacting_keeps_gaps_rejections_and_positions() -> None:
    disk = MemoryDisk()
    with open_for_writing(disk, "group", segment_bytes=100_000) as log:
        for n in range(30):
            log.append(batch_events([event(n)]), [rejection(n)])
    forget(disk, Labels(["task 1?"]), now=3)
    before = EventLog(LogReader(disk))
    gaps, events = list(before.gaps()), read(before)
    old, new = compact_all(disk)
    assert new.blocks < old.blocks == 30
    assert new.bytes < old.bytes
    after = EventLog(LogReader(disk))
    assert join(after.gaps()) == join(gaps) == [Gap(10, 10, "forgotten", 3)]
    assert read(after) == events
    assert [line.line for line in after.rejections()] == list(range(30))
    assert after.verify().state == "clean"
    assert compact_all(disk) == (new, new)


def test_a_reader_that_follows_an_event_less_segment_sees_that_it_was_written_anew(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log"
    with EventLog.create_or_open(path) as log:
        log.append(batch_events([]), [rejection(4)])
    reader = EventLog.open(path)
    assert forget_labels(path, ["?"]).rejections == 1
    with EventLog.create_or_open(path) as log:
        log.append(batch_events([event(0)]))
    assert reader.refresh() == 1
    assert read(reader) == [event(0)]


def test_a_kiln_counts_the_tasks_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with Kiln(path) as kiln:
        for n in range(10):
            kiln.add_entry(TaskEvent(metrics={"x": float(n)}, label=f"t{n % 5}"))
    forget_labels(path, ["t3"])
    with Kiln(path) as kiln:
        assert kiln.task_count() == 8
        kiln.add_entry(TaskEvent(metrics={"x": 1.0}, label="t3"))
        assert kiln.task_count() == len(list(kiln.entries())) == 9
        assert kiln.statistics().mean("x") == pytest.approx((45 - 3 - 8 + 1) / 9)
        kiln.log.retain(Retention(max_events=0))
        assert kiln.task_count() == len(list(kiln.entries())) == 1
        kiln.reset()
        assert kiln.task_count() == 0
