"""Kill -9 of the real `crackle fire` while it reads, again and again, and compare after each."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import count
from pathlib import Path

import click
from msgspec import Struct

from tests.torture.killed import KilledLife
from tests.torture.mounts import MEMORY
from tests.torture.outcome import Outcome


class Told(Struct, frozen=True):
    """What came of one life: kills by phase, and what went wrong."""

    kills: dict[str, int]
    wrong: str | None = None


@click.command("kill")
@click.option("--rounds", default=400, show_default=True, help="Kills.")
@click.option("--seconds", default=600.0, show_default=True, help="At most so long.")
@click.option("--start", default=0, show_default=True, help="First seed.")
def command(rounds: int, seconds: float, start: int) -> Outcome:
    """Kill the real command while it reads a file or a pipe, and compare the log each time."""
    begun = time.monotonic()
    kills: Counter[str] = Counter()
    lost: list[str] = []
    lives = 0
    for told in _lives(start):
        lives += 1
        kills.update(told.kills)
        lost += [told.wrong] if told.wrong else []
        if kills.total() >= rounds or time.monotonic() - begun > seconds:
            break
    phases = ", ".join(f"{name} {number}" for name, number in kills.most_common())
    return Outcome(
        layer="kill",
        ran=f"{kills.total():,} kills of {lives:,} logs ({phases})",
        lost=tuple(lost),
    )


def live(seed: int) -> Told:
    """Live one life; its files stay where something went wrong.

    Every other log is in memory, where syncs are quick and kills land elsewhere.
    """
    memory = MEMORY if seed % 4 > 1 and os.path.isdir(MEMORY) else None
    directory = Path(tempfile.mkdtemp(prefix="crackle-kill-", dir=memory))
    life = KilledLife(seed, directory)
    try:
        life.live()
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return Told(
            dict(life.kills),
            f"seed {seed}, kill {life.kills.total() + 1}: {type(error).__name__}: {error} ("
            f"{Path(where.filename).name}:{where.lineno}; files: {directory}; again, as far as "
            f"times repeat themselves: python -m tests.torture kill --rounds 100 --start {seed})",
        )
    shutil.rmtree(directory)
    return Told(dict(life.kills))


def _lives(start: int) -> Iterator[Told]:
    """Live one life after the other, a few at a time, without end."""
    seeds = count(start)
    workers = 2 * (os.cpu_count() or 1)  # which mostly wait: for the disk, and for the moment
    with ProcessPoolExecutor(workers) as pool:
        living = {pool.submit(live, next(seeds)) for _ in range(workers)}
        try:
            while True:
                ended, living = wait(living, return_when=FIRST_COMPLETED)
                living |= {pool.submit(live, next(seeds)) for _ in ended}
                yield from (life.result() for life in ended)
        finally:
            pool.shutdown(cancel_futures=True)
