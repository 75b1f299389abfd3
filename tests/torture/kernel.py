"""The log on a real kernel: calls that fail, files that may not grow, full disks, cut-offs."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final

import click

from tests.torture import tight
from tests.torture.cutoffs import cut_off
from tests.torture.faults import READING, Scenes, counted, suffer
from tests.torture.mounts import Image, image, tmpfs
from tests.torture.outcome import Outcome

LIMITED: Final = (tight.small_files, tight.few_descriptors)
FILLED: Final = (tight.full_disk, tight.reserve_kept)


class Account:
    """What was run so far, what went wrong, and what could not run."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.lost: list[str] = []
        self.skipped: list[str] = []

    def add(self, what: str, found: list[str | None]) -> None:
        """Note some runs, each with what went wrong in it."""
        self.ran.append(f"{len(found):,} {what}")
        self.lost += [wrong for wrong in found if wrong is not None]


@click.command("kernel")
@click.option("--cutoffs", default=60, show_default=True, help="Of file systems, in all.")
@click.option("--start", default=0, show_default=True, help="First seed of the cut-offs.")
@click.option(
    "--reads", default=4, show_default=True, help="Of calls that only read, fail one in so many."
)
@click.option("--only-cutoffs", is_flag=True, help="Only the cut-offs.")
def command(cutoffs: int, start: int, reads: int, only_cutoffs: bool) -> Outcome:
    """Have a real kernel refuse, interrupt and forget."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leaves no mount behind
    account = Account()
    if not only_cutoffs:
        _inject(account, reads)
        _tighten(account)
    for kind, share in (("ext4", cutoffs - cutoffs // 3), ("xfs", cutoffs // 3)):
        _cut(account, kind, share, start)
    return Outcome(
        layer="kernel",
        ran=", ".join(account.ran),
        lost=tuple(account.lost),
        skipped=tuple(account.skipped),
    )


def _inject(account: Account, reads: int) -> None:
    if shutil.which("strace") is None:
        account.skipped.append("faults in calls: there is no strace")
        return
    with (
        tempfile.TemporaryDirectory(prefix="crackle-kernel-") as directory,
        ProcessPoolExecutor(os.cpu_count()) as pool,
    ):
        scenes = Scenes(Path(directory))
        faults = [
            fault
            for fault in counted(scenes)
            if fault.call not in READING or fault.number % reads == 0
        ]
        account.add("faults in calls", list(pool.map(partial(suffer, scenes), faults)))


def _tighten(account: Account) -> None:
    for run in LIMITED:
        account.add(_named(run), list(run()))
    if _mountable(account, "full disks", lambda: tmpfs("1m")):
        for run in FILLED:
            account.add(_named(run), list(run()))


def _cut(account: Account, kind: str, rounds: int, start: int) -> None:
    if not _mountable(account, f"cut-offs of {kind}", lambda: image(kind)):
        return
    ends, lost = cut_off(kind, rounds, start)
    states = ", ".join(f"{state} {number}" for state, number in ends.most_common())
    account.ran.append(f"{ends.total():,} cut-offs of {kind} ({states})")
    account.lost += lost


def _named(run: Callable[[], Iterator[str | None]]) -> str:
    return run.__name__.replace("_", " ")


def _mountable(
    account: Account, what: str, make: Callable[[], AbstractContextManager[Path | Image]]
) -> bool:
    """Whether a file system can be made and mounted here; what cannot run is noted."""
    try:
        with make() as made:
            if isinstance(made, Image):
                made.mount()
    except OSError as error:
        account.skipped.append(f"{what}: {error}")
        return False
    return True
