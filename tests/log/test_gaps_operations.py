"""A log from which things are removed, in any order, is the list from which they are removed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.forget import Labels, forget
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from crackle_stream.log.retention import Retention
from crackle_stream.log.salvage import salvage
from crackle_stream.log.upkeep import compact_all
from crackle_stream.source import SourcePosition
from tests.torture.lives import event, rejection

SEGMENT_BYTES = 1_500

operations = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 9)),
        st.tuples(st.just("forget"), st.integers(0, 9)),
        st.tuples(st.just("retain"), st.integers(0, 30)),
        st.tuples(st.just("compact"), st.just(0)),
        st.tuples(st.just("salvage"), st.just(0)),
    ),
    max_size=12,
)


class Model:
    """The log, and the same as a dict of positions."""

    def __init__(self) -> None:
        self.disk = MemoryDisk()
        self.events: dict[int, TaskEvent] = {}
        self.next = 0
        self.lines: list[int] = []

    def append(self, size: int) -> None:
        first = self.next
        with self.writing() as log:
            for n in range(first, first + size):
                self.events[n] = event(n)
            batch = batch_events([event(n) for n in range(first, first + size)])
            position = SourcePosition("s", first + size, 1, 0)
            assert log.append(batch, [rejection(first)], position) == range(first, first + size)
        self.next += size

    def forget(self, digit: int) -> None:
        forget(self.disk, Labels([f"task *{digit}"]), now=1)
        self.events = {n: e for n, e in self.events.items() if n % 10 != digit}

    def retain(self, most: int) -> None:
        with self.writing() as log:
            done = log.retain(Retention(max_events=most))
        gone = {n for n in self.events if n < done.first}
        assert done.events == len(gone)
        assert len(self.events) - len(gone) >= min(most, len(self.events))
        self.events = {n: e for n, e in self.events.items() if n not in gone}

    def compact(self, _: int) -> None:
        before, after = compact_all(self.disk)
        assert after.blocks <= before.blocks

    def salvage(self, _: int) -> None:
        copy = MemoryDisk()
        if not self.disk.files:
            return
        done = salvage(self.disk, copy, now=1)
        assert not done.losses
        assert done.events == len(self.events)
        self.disk = copy

    def writing(self) -> EventLog:
        return open_for_writing(self.disk, "group", segment_bytes=SEGMENT_BYTES)

    def check(self) -> None:
        if not self.disk.files:
            return
        log = EventLog(LogReader(self.disk))
        assert log.count == self.next
        found = {
            block.first + row: block.batch.event(row)
            for block in log.blocks()
            for row in range(len(block.batch))
        }
        assert found == self.events
        missing = {n for gap in log.gaps() for n in range(gap.start, gap.stop)}
        assert missing.isdisjoint(found)
        assert missing | set(found) == set(range(log.first, log.count))
        assert log.labels(sorted(found)) == [f"task {n}" for n in sorted(found)]
        for stop in range(log.count + 1):
            assert log.times_rise(stop)
        assert log.verify().state == "clean"
        info = log.info()
        assert (info.events, info.next, info.first) == (len(found), log.count, log.first)
        position = log.last_position("s")
        assert (0 if position is None else position.offset) == self.next


@settings(deadline=None, max_examples=60)
@given(operations)
def test_removing_in_any_order_is_removing_from_a_list(steps: list[tuple[str, int]]) -> None:
    model = Model()
    for name, argument in steps:
        getattr(model, name)(argument)
        model.check()
