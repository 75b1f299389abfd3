"""Kill -9 of the real `crackle fire` while it reads, again and again, and compare after each."""

from __future__ import annotations

import contextlib
import os
import random
import re
import select
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

import click
from msgspec import Struct

from crackle_stream.errors import NotALogError
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.files import SUFFIX, UNFINISHED, segment_firsts
from tests.torture.firing import Fired, Shape
from tests.torture.lines import Lines
from tests.torture.outcome import Outcome

ACCOUNTS: Final = re.compile(r"read=(\d+) accepted=(\d+) duplicate=(\d+) quarantined=(\d+)\s*$")
FRESH: Final = 0.08
"""Share of runs that start an interpreter of their own."""


class Told(Struct, frozen=True):
    """What one log went through.

    Parameters
    ----------
    kills
        How many kills landed in which phase.
    lost
        What was wrong.
    """

    kills: dict[str, int]
    lost: str | None = None


class Moment(Struct, frozen=True):
    """When to kill: so long after so many acknowledgements."""

    acks: int
    seconds: float


class Life:
    """One log that is fed by killed processes until one of them comes to the end of the source."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.rng = random.Random(seed)
        self.path = directory / "log"
        self.lines = Lines(seed, self.rng.choice([40, 400, 1_500]))
        self.piped = seed % 2 == 1
        self.file = directory / "lines.jsonl"
        self.shape = Shape(
            durability=self.rng.choice(["group", "group", "sync", "interval", "none"]),
            segment_bytes=self.rng.choice([2_500, 6_000, 30_000]),
            chunk_bytes=self.rng.choice([300, 1_000, 4_000]),
        )
        self.acknowledged = 0  # lines that are passed for good
        self.events = 0
        self.kills: Counter[str] = Counter()

    def live(self) -> None:
        self.file.write_bytes(self.lines.text)
        while not self.round():
            pass

    def round(self) -> bool:
        """Let a process feed the log and kill it; True when it ended before it was killed."""
        before = self.state()
        begun = self.acknowledged
        source = "-" if self.piped else str(self.file)
        fresh = self.rng.random() < FRESH
        with Fired(source, self.path, self.shape, fresh=fresh) as fired:
            Watch(self, fired, self.moment(fresh)).watch()
            fired.kill()
            self.note(fired.rest(), begun)
            code, errors = fired.code, fired.errors
        passed = self.check()
        if code == 0:
            self.check_accounts(errors, begun, passed)
            assert self.state() == "clean", f"after its end the log is {self.state()}"
            return True
        assert code == -9, f"exit code {code}: {errors}"
        self.kills[self.phase(before)] += 1
        return False

    def moment(self, fresh: bool) -> Moment:
        """Choose when to kill: while it starts, at work, or while it closes."""
        choice = self.rng.random()
        if choice < 0.3:
            return Moment(0, self.rng.uniform(0, 0.5 if fresh else 0.02))
        if choice < 0.4:
            return Moment(len(self.lines.lines), self.rng.uniform(0, 0.003))
        return Moment(self.rng.randrange(1, 40), self.rng.choice([0, self.rng.uniform(0, 0.002)]))

    def note(self, acks: list[dict[str, Any]], begun: int) -> None:
        """Remember what was acknowledged; a pipe's lines are counted anew by each process."""
        for ack in acks:
            self.acknowledged = ack["line"] + (begun if self.piped else 0)
            self.events = ack["acknowledged"]

    def opened(self) -> EventLog | None:
        try:
            return EventLog.open(self.path)
        except NotALogError:
            return None

    def state(self) -> str:
        log = self.opened()
        return "none" if log is None else log.verify().state

    def check(self) -> int:
        """All that was acknowledged is there, nothing twice, and nothing else."""
        log = self.opened()
        if log is None:
            assert not self.acknowledged, f"{self.acknowledged} lines were acknowledged: no log"
            return 0
        verdict = log.verify()
        assert verdict.state in ("clean", "unclosed", "torn"), verdict.summary
        position = log.last_position(str(self.file.resolve()))
        known = 0 if position is None else position.line
        passed = self.lines.check(log, line=None if self.piped else known, repeats=self.repeats)
        assert passed >= self.acknowledged, f"line {passed}, acknowledged: {self.acknowledged}"
        assert log.count >= self.events, f"{log.count} events, acknowledged: {self.events}"
        return passed

    @property
    def repeats(self) -> bool:
        return self.piped and not drops_repeats()

    def check_accounts(self, errors: str, begun: int, passed: int) -> None:
        told = ACCOUNTS.search(errors)
        assert told, f"no accounts: {errors}"
        read, accepted, duplicate, quarantined = map(int, told.groups())
        assert read == accepted + duplicate + quarantined, told.group()
        assert passed == len(self.lines.lines), f"ended at line {passed}"

    def phase(self, before: str) -> str:
        """Tell by what it has left where a kill has landed."""
        names = os.listdir(self.path) if self.path.exists() else []
        firsts = segment_firsts(names)
        unfinished = [name for name in names if name.endswith(SUFFIX + UNFINISHED)]
        if not firsts:
            return "start"
        if unfinished:
            return "compaction" if unfinished[0].removesuffix(UNFINISHED) in names else "roll"
        log = self.opened()
        assert log is not None
        state = log.verify().state
        if log.count == self.count_before and state == before:
            return "start"
        if log._reader.last_segment().sealed:
            return "roll"
        return {"clean": "close", "torn": "write"}.get(state, "append")
