"""Random lives of a log on a simulated disk: append, sync, fail, crash, open again, and compare."""

from __future__ import annotations

import contextlib
import errno
import random

from simulated_disk import Crash, SimulatedDisk

from crackle_stream.errors import LogDamagedError, StorageError
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.source import Rejection, SourcePosition

SEGMENT_BYTES = 2_500


class Life:
    """A log's life through crashes, and what is known to have happened in it."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.disk = SimulatedDisk(self.rng)
        self.durability = self.rng.choice(["sync", "group", "none"])
        self.appends: list[int] = []  # events upto the end of each append that was tried
        self.safe = 0  # events that must be there

    def live(self, rounds: int = 4) -> None:
        for _ in range(rounds):
            self.trouble()
            with contextlib.suppress(Crash, StorageError):
                self.work()
            self.end()
        self.disk.stop_at = None
        self.check(self.open())

    def trouble(self) -> None:
        self.disk.stop_at = self.rng.randrange(1, 60)
        self.disk.failure = self.rng.choice(
            [Crash(), Crash(), OSError(errno.EIO, "bad"), OSError(errno.ENOSPC, "full")]
        )

    def work(self) -> None:
        log = self.open()
        self.check(log)
        for _ in range(self.rng.randrange(12)):
            self.append(log)
            if self.rng.random() < 0.1:
                log.sync()
                self.safe = log.count
        if self.rng.random() < 0.5:
            log.close()
            self.safe = log.count

    def open(self) -> EventLog:
        try:
            return open_for_writing(self.disk, self.durability, segment_bytes=SEGMENT_BYTES)
        except LogDamagedError as error:
            if "--accept-loss" not in str(error):
                raise  # an honest disk never damages what was synced
            self.disk._lock = None
            return open_for_writing(
                self.disk, self.durability, segment_bytes=SEGMENT_BYTES, accept_loss=True
            )

    def append(self, log: EventLog) -> None:
        first = log.count
        size = self.rng.choice([1, 1, 1, 2, 30])
        upto = first + size
        self.appends.append(upto)
        given = log.append(
            batch_events([event(n) for n in range(first, upto)]),
            [rejection(first)],
            SourcePosition("s", upto, len(self.appends), 0),
        )
        assert given == range(first, upto)
        if self.durability != "none":
            self.safe = upto

    def end(self) -> None:
        killed = self.rng.random() < 0.3
        self.disk = self.disk.after_kill() if killed else self.disk.after_crash()

    def check(self, log: EventLog) -> None:
        """Acknowledged is within recovered, recovered within attempted; in order, once each."""
        count = log.count
        assert count >= self.safe, f"{self.safe} events were acknowledged, {count} are there"
        assert count in {0, *self.appends}, f"{count} events: a part of an append"
        assert read(log) == [event(n) for n in range(count)]
        position = log.last_position("s")
        assert (0 if position is None else position.offset) == count
        lines = [rejected.line for rejected in log.rejections()]
        starts = [upto for upto in [0, *self.appends] if upto < count]
        assert lines == starts
        assert log.verify().state in ("clean", "unclosed")
        self.appends = [upto for upto in self.appends if upto <= count]
        self.safe = count if self.durability != "none" else self.safe


def event(n: int) -> TaskEvent:
    names = "ab" if n % 3 else "abc"
    return TaskEvent(label=f"task {n}", metrics=dict.fromkeys(names, n / 2), time=n)


def rejection(line: int) -> Rejection:
    return Rejection(line, line, "not_json", "no JSON", None, b"{" * (line % 5), "0" * 64)


def read(log: EventLog) -> list[TaskEvent]:
    return [block.batch.event(row) for block in log.blocks() for row in range(len(block.batch))]
