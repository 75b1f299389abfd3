"""A simulated disk that loses what was not synced: random lives, and a failure at every step."""

from __future__ import annotations

import errno
import gc
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from typing import Final
from unittest.mock import patch

import click

from crackle_stream.errors import CrackleError, StorageError
from crackle_stream.event import batch_events
from crackle_stream.log import append
from crackle_stream.log.eventlog import open_for_writing
from tests.torture.lives import SEGMENT_BYTES, Life, check_events, event
from tests.torture.outcome import Outcome
from tests.torture.simulated_disk import Crash, SimulatedDisk

SEEDS: Final = 20_000
SHARE: Final = 500
FAILURES: Final = (Crash(), OSError(errno.EIO, "bad"), OSError(errno.ENOSPC, "full"))
REGRESSIONS: Final = (80, 306, 349, 398, 400, 435, 703, 984, 1413, 10281875)
"""Lives that failed once: a sync, of a file or of the directory, was believed after one failed."""


def lives(seeds: range) -> list[str]:
    """Live some lives; give what was lost."""
    gc.freeze()
    # So that an append of many events is several frames.
    with patch.object(append, "BLOCK_EVENTS", 8):
        return [lost for seed in seeds if (lost := _live(seed))]


def _live(seed: int) -> str:
    try:
        Life(seed).live()
    except (AssertionError, CrackleError) as error:
        again = f"python -m tests.torture simdisk --start {seed} --seeds 1"
        return f"seed {seed}: {type(error).__name__}: {error} ({again})"
    return ""


def script(disk: SimulatedDisk) -> int:
    """Write two segments of single events; give how many were acknowledged when it ended."""
    acknowledged = 0
    try:
        log = open_for_writing(disk, "group", segment_bytes=SEGMENT_BYTES)
        for n in range(14):
            log.append(batch_events([event(n)]))
            acknowledged = n + 1
        log.close()
    except (Crash, StorageError):
        pass
    return acknowledged


def failed_steps() -> Iterator[str]:
    """Fail at every operation of the script, in every way; crash; give what was lost."""
    for failure in FAILURES:
        for step in range(1, steps() + 1):
            disk = SimulatedDisk(random.Random(step))
            disk.stop_at, disk.failure = step, failure
            acknowledged = script(disk)
            try:
                log = open_for_writing(disk.after_crash(), "group", accept_loss=True)
                assert log.count >= acknowledged, f"{log.count} of {acknowledged} are there"
                check_events(log, 0, log.count)
            except (AssertionError, CrackleError) as error:
                yield f"{failure!r} at operation {step} of the script: {error}"


def steps() -> int:
    """Count the operations of the script."""
    disk = SimulatedDisk(random.Random(0))
    script(disk)
    return disk.steps


@click.command()
@click.option("--seeds", default=SEEDS, show_default=True, help="How many lives.")
@click.option("--start", default=0, show_default=True, help="The first one's seed.")
@click.option("--processes", default=2, show_default=True)
def command(seeds: int, start: int, processes: int) -> Outcome:
    """Random lives on a simulated disk, and a failure at every operation of a script."""
    shares = [
        range(first, min(first + SHARE, start + seeds))
        for first in range(start, start + seeds, SHARE)
    ]
    lost = list(failed_steps())
    with ProcessPoolExecutor(processes) as pool:
        lost += chain.from_iterable(pool.map(lives, shares))
    return Outcome(
        layer="simdisk",
        ran=f"{seeds:,} lives; {len(FAILURES)} failures at each of {steps()} operations",
        lost=tuple(lost),
    )
