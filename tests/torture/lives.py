"""Random lives of a log on a simulated disk: append, sync, fail, crash, open again, and compare."""

from __future__ import annotations

import contextlib
import errno
import random
from collections.abc import Iterator

import numpy as np

from crackle_stream.errors import LogDamagedError, StorageError, UsageError
from crackle_stream.event import EventBatch, TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.reader import LogReader
from crackle_stream.source import Rejection, SourcePosition
from tests.torture.simulated_disk import Crash, SimulatedDisk

SEGMENT_BYTES = 2_500


class Life:
    """A log's life through crashes, and what is known to have happened in it.

    Its durability is none of ``interval``, whose syncs are a thread's: what that promises is what
    ``none`` promises, and here both sync when they are told.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.whim = random.Random(~seed)  # apart, so that what is checked changes no life
        self.disk = SimulatedDisk(self.rng)
        self.durability = self.rng.choice(["sync", "group", "none"])
        self.appends: list[int] = []  # events upto the end of each append that was tried
        self.safe = 0  # events that must be there
        self.log: EventLog | None = None
        self.onlooker: EventLog | None = None
        self.seen = 0

    def live(self) -> None:
        for _ in range(self.rng.randrange(1, 4)):
            self.look_at_what_is_left()
            self.trouble()
            try:
                self.work()
            except Crash:
                pass
            except StorageError:
                self.append_no_more()
            self.end()
        self.look_at_what_is_left()
        self.disk.stop_at = None
        log = self.open()
        self.check(log)
        if self.whim.random() < 0.5:
            assert log.verify().state in ("clean", "unclosed")

    def trouble(self) -> None:
        self.disk.stop_at = self.rng.randrange(1, 60)
        self.disk.failure = self.rng.choice(
            [Crash(), Crash(), OSError(errno.EIO, "bad"), OSError(errno.ENOSPC, "full")]
        )

    def work(self) -> None:
        self.log = None
        log = self.log = self.open()
        self.check(log)
        self.onlooker = EventLog(LogReader(self.disk)) if self.rng.random() < 0.3 else None
        self.seen = 0
        for _ in range(self.rng.randrange(12)):
            self.append(log)
            self.look_on(log)
            if self.rng.random() < 0.1:
                log.sync()
                self.safe = log.count
        if self.rng.random() < 0.5:
            log.close()
            self.safe = log.count

    def open(self) -> EventLog:
        left = {name: bytes(inode.seen) for name, inode in self.disk.inodes.items()}
        try:
            log = self.open_for_writing(accept_loss=False)
        except LogDamagedError as error:
            if "--accept-loss" not in str(error):
                raise  # an honest disk never damages what was synced
            log = self.open_for_writing(accept_loss=True)
        if log.cut is not None:
            kept = self.disk.inodes[log.cut.kept].seen
            assert kept == left[log.cut.segment][log.cut.offset :], "what was cut is not kept"
            assert len(kept) == log.cut.size
        return log

    def open_for_writing(self, *, accept_loss: bool) -> EventLog:
        return open_for_writing(
            self.disk, self.durability, segment_bytes=SEGMENT_BYTES, accept_loss=accept_loss
        )

    def look_at_what_is_left(self) -> None:
        """A reader of what a crash left sees no damage in it, before a writer mends it.

        Not each time: it takes as long as the rest of a life.
        """
        if self.whim.random() < 0.7:
            return
        log = EventLog(LogReader(self.disk))
        assert log.count >= self.safe, f"{self.safe} acknowledged, a reader sees {log.count}"
        state = log.verify().state
        assert state != "damaged", "a crash is taken for damage"
        if state != "uncertain":
            check_events(log, 0, log.count)
            log.check_end()

    def append_no_more(self) -> None:
        """A writer that failed once takes nothing more."""
        if self.log is not None:
            self.disk.stop_at = None
            with contextlib.suppress(StorageError, UsageError):  # or closed
                self.log.append(batch_events([event(self.log.count)]))
                raise AssertionError("a writer that had failed went on")

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

    def look_on(self, log: EventLog) -> None:
        """A reader sees whole appends, in order, and never damage."""
        if self.onlooker is None:
            return
        before, self.seen = self.seen, self.onlooker.refresh()
        assert self.seen == log.count, f"the reader sees {self.seen} of {log.count} events"
        check_events(self.onlooker, before, self.seen)

    def end(self) -> None:
        killed = self.rng.random() < 0.3
        self.disk = self.disk.after_kill() if killed else self.disk.after_crash()

    def check(self, log: EventLog) -> None:
        """Acknowledged is within recovered, recovered within attempted; in order, once each."""
        count = log.count
        assert count >= self.safe, f"{self.safe} events were acknowledged, {count} are there"
        assert count in {0, *self.appends}, f"{count} events: a part of an append"
        check_events(log, 0, count)
        position = log.last_position("s")
        assert (0 if position is None else position.offset) == count
        lines = [rejected.line for rejected in log.rejections()]
        starts = [upto for upto in [0, *self.appends] if upto < count]
        assert lines == starts
        self.appends = [upto for upto in self.appends if upto <= count]
        self.safe = count if self.durability != "none" else self.safe


def event(n: int) -> TaskEvent:
    """Give the n-th event of every life."""
    names = "ab" if n % 3 else "abc"
    return TaskEvent(label=f"task {n}", metrics=dict.fromkeys(names, n / 2), time=n)


def rejection(line: int) -> Rejection:
    """Give a line that is refused."""
    return Rejection(line, line, "not_json", "no JSON", None, b"{" * (line % 5), "0" * 64)


def read(log: EventLog) -> list[TaskEvent]:
    """Read all events of a log."""
    return [block.batch.event(row) for block in log.blocks() for row in range(len(block.batch))]


def check_events(log: EventLog, first: int, stop: int) -> None:
    """Compare what a log holds in a range with what `event` gives, column by column."""
    upto = first
    for block in log.blocks(first, stop, {"labels"}):
        batch = block.batch
        assert block.first == upto, f"{block.first} follows {upto}"
        upto += len(batch)
        times = np.arange(block.first, upto)
        assert (batch.times == times).all()
        assert batch.labels == [f"task {n}" for n in range(block.first, upto)]
        assert all(_as_fired(batch, times))
    assert upto == stop, f"events up to {upto} are there, not up to {stop}"


def _as_fired(batch: EventBatch, times: np.ndarray) -> Iterator[bool]:
    for which, matrix in enumerate(batch.matrices):
        mine = batch.set_of == which
        names = ("a", "b") if matrix.values.shape[1] == 2 else ("a", "b", "c")
        yield matrix.names == names
        yield bool(((times[mine] % 3 == 0) == (len(names) == 3)).all())
        yield bool((matrix.values[batch.row_of[mine]] == times[mine, None] / 2).all())
