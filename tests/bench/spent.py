"""What work costs: child processes by the kernel's accounts, calls by the clock, in turns."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Command(NamedTuple):
    """A program, and the file it reads on stdin."""

    words: Sequence[str | Path]
    stdin: Path = Path(os.devnull)


class Cost(NamedTuple):
    """Processor seconds (user and system), seconds passed, and the most bytes resident."""

    cpu: float
    wall: float
    resident: float


def run(command: Command) -> Cost:
    """Run a command to its end."""
    with command.stdin.open("rb") as stdin:
        start = time.perf_counter()
        child = subprocess.Popen(
            [str(word) for word in command.words],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        with child:
            said = child.stderr.read() if child.stderr else b""
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{command.words} ended with {child.returncode}: {said.decode()}")
    wall = time.perf_counter() - start
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024.0)


def run_in_turns(
    commands: Mapping[str, Command], runs: int, between: Callable[[], None] = lambda: None
) -> dict[str, Cost]:
    """Give each command's median costs, in turns so that all meet the same noise."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            between()
            costs[name].append(run(command))
    return {
        name: Cost(*map(statistics.median, zip(*all_, strict=True))) for name, all_ in costs.items()
    }


def cpu_in_turns(works: Sequence[Callable[[], Any]], runs: int) -> list[float]:
    """Give each call's median processor seconds, in turns."""
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(runs):
        for work, times in zip(works, spent, strict=True):
            begin = time.process_time()
            work()
            times.append(time.process_time() - begin)
    return [statistics.median(times) for times in spent]
