"""One log that is fed by one killed process after the other, and compared after each."""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from crackle_stream.log.files import SUFFIX, UNFINISHED, segment_firsts
from tests.torture.firing import Fired, Shape
from tests.torture.lines import Lines
from tests.torture.watch import PATIENCE, Moment, Watch, opened

ACCOUNTS: Final = re.compile(r"read=(\d+) accepted=(\d+) duplicate=(\d+) quarantined=(\d+)\s*$")
FRESH: Final = 0.08
"""Share of runs that start an interpreter of their own."""


class Seen(Struct, frozen=True):
    """A log as a reader finds it."""

    state: str = "none"
    count: int = 0
    segments: tuple[str, ...] = ()
    sealed: bool = False


class KilledLife:
    """One log that is fed by killed processes until one of them comes to the end of the source.

    Seeds that are odd read a pipe, whose producer sends again what was not acknowledged.

    Attributes
    ----------
    kills
        How many landed in which phase.
    """

    def __init__(self, seed: int, directory: Path) -> None:
        self.rng = random.Random(seed)
        self.path = directory / "log"
        self.file = (directory / "lines.jsonl").resolve()
        self.piped = seed % 2 == 1
        self.lines = Lines(seed, self.rng.choice([40, 400, 1_500]))
        self.shape = Shape(
            durability=self.rng.choice(["group", "group", "sync", "interval", "none"]),
            segment_bytes=self.rng.choice([2_500, 6_000, 30_000]),
            chunk_bytes=self.rng.choice([300, 1_000, 4_000]),
        )
        self.passed = self.events = 0  # lines and events that were acknowledged
        self.kills: Counter[str] = Counter()

    def live(self) -> None:
        """Kill until a process has come to its end."""
        self.file.write_bytes(self.lines.text)
        while not self.round():
            pass

    def round(self) -> bool:
        """Let a process feed the log and kill it; True when it had ended by then."""
        begun, before = self.passed, see(self.path)
        source, fresh = "-" if self.piped else str(self.file), self.rng.random() < FRESH
        with Fired(source, self.path, self.shape, fresh=fresh) as fired:
            for acks in Watch(self, fired, self.moment(fresh)):
                self.note(acks, begun)
            fired.kill()
            self.note(fired.rest(), begun)
            code, errors = fired.wait(), fired.errors
        there = self.check()
        if code == 0:
            self.check_end(errors, there, begun)
            return True
        assert code == -9, f"exit code {code}: {errors}"
        self.kills[phase(before, see(self.path), self.path)] += 1
        return False

    def moment(self, fresh: bool) -> Moment:
        """Choose when to kill: while it starts, while it works, or while it closes."""
        choice = self.rng.random()
        if self.at_end and choice < 0.5:
            return Moment(1 << 30, PATIENCE)
        if choice < 0.3 or self.at_end:
            return Moment(0, self.rng.uniform(0, 0.7 if fresh else 0.06))
        if choice < 0.4:
            return Moment(1 << 30, self.rng.uniform(0, 0.003))
        return Moment(self.rng.randrange(1, 30), self.rng.choice([0, self.rng.uniform(0, 0.002)]))

    def note(self, acks: list[dict[str, Any]], begun: int) -> None:
        """Remember what was acknowledged; each process counts a pipe's lines anew."""
        for ack in acks:
            self.passed = ack["line"] + (begun if self.piped else 0)
            self.events = ack["acknowledged"]

    @property
    def at_end(self) -> bool:
        """Whether the last line was acknowledged."""
        return self.passed == len(self.lines.lines)

    def check(self) -> int:
        """All that was acknowledged is there, nothing twice, nothing else; give how many lines."""
        log = opened(self.path)
        if log is None:
            assert not self.passed, f"there is no log, and {self.passed} lines were acknowledged"
            return 0
        verdict = log.verify()
        assert verdict.state in ("clean", "unclosed", "torn"), verdict.summary
        position = log.last_position(str(self.file))
        line = None if self.piped else position.line if position else 0
        there = self.lines.check(log, line, again=self.piped)
        assert there >= self.passed, f"lines up to {there}, and {self.passed} were acknowledged"
        assert log.count >= self.events, f"{log.count} events, {self.events} were acknowledged"
        return there

    def check_end(self, errors: str, there: int, begun: int) -> None:
        """A process that was not killed has read everything, and accounts for it."""
        assert there == len(self.lines.lines), f"it ended at line {there}"
        state = see(self.path).state
        assert state == "clean", f"it has ended, and the log is {state}"
        told = ACCOUNTS.search(errors)
        assert told, f"no accounts: {errors}"
        read, accepted, duplicate, quarantined = map(int, told.groups())
        good, bad = self.lines.upto(len(self.lines.lines))
        if self.piped:
            good, bad = good - self.lines.upto(begun)[0], bad - self.lines.upto(begun)[1]
            assert read == good + bad, f"{told.group()}: {good} events and {bad} others were sent"
            assert (accepted + duplicate, quarantined) == (good, bad), told.group()
        assert read == accepted + duplicate + quarantined, told.group()


def see(path: Path) -> Seen:
    """Look at a log."""
    log = opened(path)
    if log is None:
        return Seen()
    firsts = segment_firsts(os.listdir(path))
    sealed = bool(firsts) and log._reader.last_segment().sealed
    return Seen(log.verify().state, log.count, tuple(map(str, firsts)), sealed)


def phase(before: Seen, after: Seen, path: Path) -> str:
    """Tell by what it has left in which phase a process was killed."""
    names = os.listdir(path) if path.exists() else []
    unfinished = [name for name in names if name.endswith(SUFFIX + UNFINISHED)]
    if unfinished and after.segments:
        return "compaction" if unfinished[0].removesuffix(UNFINISHED) in names else "roll"
    if after.sealed:
        return "roll"
    if after == before or not after.count:
        return "start"
    return {"clean": "close", "torn": "write"}.get(after.state, "between writes")
