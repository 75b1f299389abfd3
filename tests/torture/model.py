"""A log against a list: hypothesis appends, reads, reopens, forgets and removes in any order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import click
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.forget import Labels, forget
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.promises import Durability
from crackle_stream.log.reader import LogReader
from crackle_stream.log.retention import Retention
from crackle_stream.log.salvage import salvage
from crackle_stream.log.upkeep import compact_all
from crackle_stream.source import SourcePosition
from tests.torture.lives import rejection
from tests.torture.outcome import Outcome

SEGMENT_BYTES: Final = 2_500
EXAMPLES: Final = 20

scalars = st.none() | st.booleans() | st.text(max_size=4) | st.integers(-(2**53), 2**53)
events = st.builds(
    TaskEvent,
    metrics=st.dictionaries(
        st.sampled_from("abcd"), st.floats(allow_nan=False, allow_infinity=False), max_size=3
    ),
    label=st.sampled_from(["build", "deploy", "test", "測試", ""]),
    time=st.none() | st.integers(0, 20) | st.integers(-(2**63) + 1, 2**63 - 1),
    duration=st.none() | st.floats(0, 10),
    outcome=st.sampled_from([None, "ok", "failed"]),
    error=st.none() | st.text(max_size=3),
    id=st.none() | st.text(max_size=3),
    attributes=st.none() | st.dictionaries(st.sampled_from("xy"), scalars, min_size=1),
    value=st.none() | st.lists(st.integers(), max_size=2),
)
batches = st.lists(events, max_size=4) | st.lists(events, min_size=20, max_size=20)


class LogMachine(RuleBasedStateMachine):
    """The log, and the same as a dict of positions."""

    readers = Bundle("readers")

    def __init__(self) -> None:
        super().__init__()
        self.disk = MemoryDisk()
        self.events: dict[int, TaskEvent] = {}
        self.ever: dict[int, TaskEvent] = {}
        self.next = self.first = self.lines = 0
        self.sources: dict[str, SourcePosition] = {}
        self.log = self.writing("group")

    def writing(self, durability: Durability) -> EventLog:
        return open_for_writing(self.disk, durability, segment_bytes=SEGMENT_BYTES)

    @rule(batch=batches, refused=st.integers(0, 2), source=st.sampled_from([None, "s", "t"]))
    def append(self, batch: list[TaskEvent], refused: int, source: str | None) -> None:
        position = None if source is None else SourcePosition(source, self.next, self.lines, 0)
        given = self.log.append(batch_events(batch), [rejection(self.lines)] * refused, position)
        assert given == range(self.next, self.next + len(batch))
        self.events |= dict(enumerate(batch, self.next))
        self.ever |= self.events
        self.next += len(batch)
        if position is not None:
            self.sources[position.source] = position

    @rule(durability=st.sampled_from(["sync", "group", "none"]))
    def reopen(self, durability: Durability) -> None:
        self.log.close()
        assert self.log.verify().state == "clean"
        self.log = self.writing(durability)

    @rule(target=readers)
    def look(self) -> Any:
        return EventLog(LogReader(self.disk))

    @rule(reader=readers)
    def follow(self, reader: EventLog) -> None:
        if reader._reader.disk is self.disk:  # and not one of which there is a copy by now
            before = reader.count
            assert before <= reader.refresh() == self.next
            # A file that was open when events were forgotten still shows them to who has it open.
            read = self.read(reader, self.first, None, None)
            assert all(read[n] == event for n, event in self.events.items())
            assert all(self.ever[n] == event for n, event in read.items())

    @rule(first=st.integers(0, 40), size=st.integers(0, 40), columns=st.booleans())
    def read_range(self, first: int, size: int, columns: bool) -> None:
        wanted = None if columns else {"labels"}
        read = self.read(self.log, first, first + size, wanted)
        assert list(read) == [n for n in sorted(self.events) if first <= n < first + size]
        if columns:
            assert all(self.events[n] == event for n, event in read.items())
        else:
            assert all(self.events[n].label == event.label for n, event in read.items())

    @rule(data=st.data())
    def ask_for_labels(self, data: st.DataObject) -> None:
        asked = data.draw(st.lists(st.sampled_from(sorted(self.events)))) if self.events else []
        assert self.log.labels(asked) == [self.events[n].label for n in asked]

    @rule(stop=st.integers(0, 40))
    def ask_whether_times_rise(self, stop: int) -> None:
        assert self.log.times_rise(stop) == _rise(
            [event.time for n, event in sorted(self.events.items()) if n < stop]
        )

    @rule(label=st.sampled_from(["build", "deploy", "t*"]))
    def forget(self, label: str) -> None:
        self.log.close()
        labels = Labels([label])
        forget(self.disk, labels, now=1)
        self.events = {n: e for n, e in self.events.items() if not labels.match(e.label)}
        self.log = self.writing("group")

    @rule(most=st.integers(0, 30))
    def retain(self, most: int) -> None:
        done = self.log.retain(Retention(max_events=most))
        self.first = done.first
        self.events = {n: e for n, e in self.events.items() if n >= done.first}
        assert len(self.events) >= min(most, len(self.events))

    @rule()
    def compact(self) -> None:
        self.log.close()
        before, after = compact_all(self.disk)
        assert after.blocks <= before.blocks
        self.log = self.writing("group")

    @rule()
    def move_to_a_copy(self) -> None:
        self.log.close()
        copy = MemoryDisk()
        done = salvage(self.disk, copy, now=1)
        assert not done.losses
        assert done.events == len(self.events)
        self.disk = copy
        self.log = self.writing("group")

    @invariant()
    def whole(self) -> None:
        assert self.log.count == self.next
        assert self.log.first == self.first
        assert self.read(self.log, 0, None, None) == self.events
        for source, position in self.sources.items():
            assert self.log.last_position(source) == position

    @staticmethod
    def read(
        log: EventLog, first: int, stop: int | None, columns: set[str] | None
    ) -> dict[int, TaskEvent]:
        return {
            block.first + row: block.batch.event(row)
            for block in log.blocks(first, stop, columns)
            for row in range(len(block.batch))
        }


def _rise(times: Sequence[int | None]) -> bool:
    known = [time for time in times if time is not None]
    return len(known) == len(times) and all(one <= other for one, other in pairwise(known))


@click.command()
@click.option("--seconds", default=60, show_default=True)
def command(seconds: int) -> Outcome:
    """Let hypothesis do anything to a log and to a list, and compare."""
    until, rounds, lost = time.monotonic() + seconds, 0, ""
    while time.monotonic() < until and not lost:
        try:
            run_state_machine_as_test(LogMachine, settings=_settings())
        except Exception as error:
            lost = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
        rounds += 1
    return Outcome(
        layer="model",
        ran=f"{rounds * EXAMPLES:,} programs of up to 30 steps",
        lost=(lost,) if lost else (),
    )


def _settings() -> settings:
    return settings(
        max_examples=EXAMPLES,
        stateful_step_count=30,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
