"""A file system that is really cut off while a log on it is written, and mounted again."""

from __future__ import annotations

import gc
import os
import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final

from msgspec import Struct

from crackle_stream.errors import NotALogError, StorageError
from crackle_stream.event import batch_events
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.promises import Durability
from crackle_stream.source import SourcePosition
from tests.torture.lives import check_events, event, rejection
from tests.torture.mounts import CUTS, Image, image

SEGMENT_BYTES: Final = 8_000
LIFE: Final = 10
"""Cut-offs that a log lives through."""

LEVELS: Final[tuple[Durability, ...]] = ("sync", "group", "group", "interval", "none")
KEPT: Final[tuple[Durability, ...]] = ("sync", "group")
USABLE: Final = ("clean", "unclosed", "torn")


class Writer(Struct, frozen=True):
    """Appends until it fails, and tells what was acknowledged."""

    path: Path
    durability: Durability
    seed: int

    def append_on(self, descriptor: int) -> None:
        """Append, and at times close and open again."""
        rng = random.Random(self.seed)
        while True:
            with self.opened() as log:
                while rng.random() < 0.95:
                    first = log.count
                    stop = first + rng.choice([1, 1, 1, 2, 30])
                    events = batch_events([event(n) for n in range(first, stop)])
                    log.append(events, [rejection(first)], SourcePosition("s", stop, stop, 0))
                    os.write(descriptor, b"%d\n" % stop)

    def opened(self) -> EventLog:
        """Open the log; only what was to be kept may not be lost."""
        loss = self.durability not in KEPT
        return EventLog.create_or_open(
            self.path, self.durability, accept_loss=loss, segment_bytes=SEGMENT_BYTES
        )


def cut_off(kind: str, rounds: int, start: int) -> tuple[Counter[str], list[str]]:
    """Cut a file system off so often; give what state logs were in, and what went wrong."""
    ends: Counter[str] = Counter()
    lost: list[str] = []
    with image(kind) as made:
        for seed in range(start, start + -(-rounds // LIFE)):
            life = CutLife(seed, made)
            for _ in range(min(LIFE, rounds - ends.total())):
                wrong = life.cut_off()
                ends[life.end if wrong is None else "wrong"] += 1
                if wrong is not None:
                    again = f"python -m tests.torture kernel --only-cutoffs --start {seed}"
                    lost.append(f"{kind}, seed {seed} ({life.durability}): {wrong}; again: {again}")
                    break
    return ends, lost


class CutLife:
    """One log on one image, cut off again and again.

    Attributes
    ----------
    end
        In what state the log was found the last time.
    """

    def __init__(self, seed: int, image: Image) -> None:
        self.rng = random.Random(seed)
        self.image = image
        self.path = image.where / f"log-{seed}"
        self.durability: Durability = self.rng.choice(LEVELS)
        self.acknowledged = 0
        self.end = "none"

    def cut_off(self) -> str | None:
        """Append, cut off, mount again, compare, open for writing; say what went wrong."""
        writer = Writer(self.path, self.durability, self.rng.getrandbits(32))
        wrong = None
        try:
            self.image.mount()
            code, acks = appended_until(writer, self.rng.choice([0, 1, 5, 40]), self._cut)
            self.image.umount()
            self.image.mount()
            self._compare(writer, acks)
            assert code == StorageError.exit_code, f"the writer has ended with code {code}"
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        gc.collect()  # what an error refers to keeps files open
        self.image.umount()
        return wrong

    def _cut(self) -> None:
        time.sleep(self.rng.choice([0, 0.002, 0.02]) * self.rng.random())
        self.image.cut_off(self.rng.choice(list(CUTS.values())))

    def _compare(self, writer: Writer, acks: int) -> None:
        kept = self.durability in KEPT
        self.acknowledged = max(self.acknowledged, acks if kept else 0)
        try:
            log = EventLog.open(self.path)
        except NotALogError:
            assert not self.acknowledged, f"no log, and {self.acknowledged} were acknowledged"
            self.end = "none"
            return
        verdict = log.verify()
        self.end = verdict.state
        usable = USABLE if kept else (*USABLE, "uncertain")
        assert verdict.state in usable, f"{verdict.state}: {verdict.summary}"
        self._check(log)
        with writer.opened() as opened:
            self._check(opened)
            self.acknowledged = opened.count
        assert EventLog.open(self.path).verify().state == "clean"

    def _check(self, log: EventLog) -> None:
        """All that was acknowledged, in order, with its position and its refused lines."""
        count = log.count
        assert count >= self.acknowledged, f"{count} events, {self.acknowledged} were acknowledged"
        check_events(log, 0, count)
        position = log.last_position("s")
        assert (position.offset if position else 0) == count
        lines = [refused.line for refused in log.rejections()]
        assert lines == sorted(set(lines))
        assert not count or lines[0] == 0


def appended_until(writer: Writer, acks: int, cut: Callable[[], None]) -> tuple[int, int]:
    """Let a process append, cut off after some acknowledgements.

    Returns
    -------
    tuple of int
        How the process has ended, and how many events were acknowledged.
    """
    receiving, sending = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(receiving)
        os._exit(_code_of(writer, sending))
    os.close(sending)
    try:
        with open(receiving, "rb") as pipe:
            told = [*islice(pipe, acks)]
            cut()
            told += pipe.readlines()
    except BaseException:
        os.kill(process, signal.SIGKILL)
        raise
    finally:
        status = os.waitpid(process, 0)[1]
    return os.waitstatus_to_exitcode(status), int(told[-1]) if told else 0


def _code_of(writer: Writer, descriptor: int) -> int:
    try:
        writer.append_on(descriptor)
    except StorageError as error:
        return error.exit_code
    except BaseException:
        traceback.print_exc()
    return 99
