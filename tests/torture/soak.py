"""One process that appends, retains, cools and reads for long: what it holds must not grow."""

from __future__ import annotations

import gc
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click
from msgspec import Struct

from crackle_stream.event import TaskEvent
from crackle_stream.kiln import Kiln
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.retention import Retention
from tests.torture.firing import Shape, shrink
from tests.torture.outcome import Outcome

KEPT: Final = 800
"""Events that retention leaves."""

ALLOWED: Final = {"memory": 4 << 20, "descriptors": 3, "threads": 0, "segments": 2}
"""By how much the most that was held may be above that of the middle third of a run: a log has a
segment more or less, which the kiln and the reader that stays both hold open. What an allocator
holds back goes up and down by tens of MiB, so that peaks are compared."""


class Held(Struct, frozen=True):
    """What the process holds at one moment."""

    memory: int
    descriptors: int
    threads: int
    segments: int


@click.command("soak")
@click.option("--seconds", default=20.0, show_default=True, help="How long.")
def command(seconds: float) -> Outcome:
    """Append, retain, cool and read for a while, and compare what is held."""
    shrink(Shape(segment_bytes=5_000))
    with tempfile.TemporaryDirectory(prefix="crackle-soak-") as directory:
        soak = Soak(Path(directory) / "log")
        held = list(soak.run(seconds))
    grown = {name: _growth(held, name) for name in ALLOWED}
    return Outcome(
        layer="soak",
        ran=f"{len(held):,} rounds, {soak.segments:,} segments, {soak.events:,} events, "
        f"{soak.coolings:,} coolings; memory {grown['memory'] / (1 << 20):+.1f} MiB",
        lost=tuple(
            f"{name} grew by {by:,} from the middle third of the run to the last"
            for name, by in grown.items()
            if by > ALLOWED[name]
        ),
    )


class Soak:
    """A kiln at work, with readers that come and go beside one that stays.

    Attributes
    ----------
    events, segments, coolings
        How many there were.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rng = random.Random(1)
        self.events = self.segments = self.coolings = 0

    def run(self, seconds: float) -> Iterator[Held]:
        """Work, and give what is held after each round."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with Kiln(self.path) as kiln:
                stays = EventLog.open(self.path)
                for _ in range(10):
                    self.round(kiln, stays)
                    yield self.held()

    def round(self, kiln: Kiln, stays: EventLog) -> None:
        """Append, remove what is old, cool, and read as others would."""
        for _ in range(20):
            kiln.add_entries(map(self.event, range(self.events, self.events + 10)))
            self.events += 10
        self.segments += kiln.log.retain(Retention(max_events=KEPT)).segments
        kiln.cool(kiln.plan())
        kiln.statistics()
        self.coolings += 1
        stays.refresh()
        for log in (stays, *(EventLog.open(self.path) for _ in range(5))):
            held = sum(len(block.batch) for block in log.blocks(log.first))
            assert held == kiln.task_count(), f"{held} events of {kiln.task_count()} are read"

    def event(self, n: int) -> TaskEvent:
        """Give the n-th event."""
        metrics = {name: self.rng.gauss(n % 7, 1) for name in ("cpu", "memory", "seconds")}
        return TaskEvent(label=f"task {n % 50}", metrics=metrics, time=n * 10**9)

    def held(self) -> Held:
        """Look at what the process holds."""
        gc.collect()
        status = Path("/proc/self/status").read_text().split()
        return Held(
            memory=int(status[status.index("VmRSS:") + 1]) << 10,
            descriptors=len(os.listdir("/proc/self/fd")),
            threads=int(status[status.index("Threads:") + 1]),
            segments=len(list(self.path.glob("*.seg"))),
        )


def _growth(held: Sequence[Held], name: str) -> int:
    """Give by how much the peak of the last third is above that of the middle third."""
    third = len(held) // 3
    values: list[int] = [getattr(moment, name) for moment in held]
    return max(values[-third:]) - max(values[third:-third])
