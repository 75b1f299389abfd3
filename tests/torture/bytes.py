"""Every bit of a log flipped, every length it may be cut to: the verdict, and what is read."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from typing import Final
from unittest.mock import patch

import click
from msgspec import Struct

from crackle_stream.errors import LogDamagedError
from crackle_stream.event import batch_events
from crackle_stream.log import append
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.frame import BLOCK, HEAD, Header, unpack
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.promises import Durability
from crackle_stream.log.reader import LogReader
from crackle_stream.source import SourcePosition
from tests.torture.lives import check_events, event, rejection
from tests.torture.outcome import Outcome

SECTOR: Final = 512


class Frame(Struct, frozen=True):
    """A frame of a log that is whole."""

    offset: int
    header: Header

    @property
    def end(self) -> int:
        """Offset behind it."""
        return self.offset + self.header.size


def make(durability: Durability, sizes: list[int], *, closed: bool = False) -> MemoryDisk:
    """Write a log of small segments, one append for each size."""
    disk = MemoryDisk()
    log = open_for_writing(disk, durability, segment_bytes=1_100)
    for size in sizes:
        first = log.count
        refused = [rejection(first)] if first % 2 else []
        position = SourcePosition("s", first, first, 0)
        log.append(batch_events([event(n) for n in range(first, first + size)]), refused, position)
    if closed:
        log.close()
    disk._lock = None
    return disk


def split() -> MemoryDisk:
    """Write appends of several frames each."""
    with patch.object(append, "BLOCK_EVENTS", 2):
        return make("none", [3, 1, 5])


LOGS: Final[dict[str, Callable[[], MemoryDisk]]] = {
    "closed": lambda: make("group", [1, 2, 1, 1], closed=True),
    "left open": lambda: make("group", [1, 2, 1, 1]),
    "compacted": lambda: make("sync", [1] * 9),
    "unsynced": lambda: make("none", [1, 2, 1, 1]),
    "several frames an append": split,
}

SYNCED: Final = {"closed", "left open", "compacted"}


def segments(disk: MemoryDisk) -> list[str]:
    """Name the segments."""
    return [name for name in disk.names() if name.endswith(".seg")]


def frames(content: bytes | bytearray) -> list[Frame]:
    """Give the frames of a whole segment."""
    found: list[Frame] = []
    at = 0
    while (header := unpack(bytes(content[at : at + 88]))) is not None:
        found.append(Frame(at, header))
        at = found[-1].end
    return found


def verdict_of_flip(disk: MemoryDisk, name: str, byte: int, *, synced: bool) -> str:
    """Say what a flipped bit of a byte must be taken for, from the frames before the flip.

    Where every append was synced, harm to one is damage, also where nothing follows it.
    """
    whole = frames(disk.files[name])
    hit = next(frame for frame in whole if byte < frame.end)
    if name != segments(disk)[-1] or hit.header.kind == HEAD:
        return "damaged"
    if synced and hit.header.kind == BLOCK:
        return "damaged"
    if max(frame.header.durable for frame in whole if frame is not hit) > hit.offset:
        return "damaged"
    return "torn" if hit is whole[-1] else "uncertain"


def verdict_of_cut(disk: MemoryDisk, name: str, size: int) -> str:
    """Say what a segment cut to a size must be taken for."""
    whole = frames(disk.files[name])
    if name != segments(disk)[-1] or size < whole[0].end:
        return "damaged"
    last = [frame for frame in whole if frame.end <= size][-1]
    if last.end < size or last.header.continued:
        return "torn"
    return "unclosed"


def flips(kind: str) -> Iterator[str]:
    """Flip every bit; give what was misjudged or misread."""
    disk = LOGS[kind]()
    for name in segments(disk):
        content = disk.files[name]
        for byte in range(len(content)):
            expected = verdict_of_flip(disk, name, byte, synced=kind in SYNCED)
            for bit in range(8):
                content[byte] ^= 1 << bit
                yield from misjudged(disk, expected, f"{kind}: {name} bit {8 * byte + bit} flipped")
                content[byte] ^= 1 << bit


def cuts(kind: str) -> Iterator[str]:
    """Cut every segment to every length; give what was misjudged or misread."""
    disk = LOGS[kind]()
    for name in segments(disk):
        whole = bytes(disk.files[name])
        for size in range(len(whole)):
            expected = verdict_of_cut(disk, name, size)
            disk.files[name][:] = whole[:size]
            yield from misjudged(disk, expected, f"{kind}: {name} cut to {size}")
            disk.files[name][:] = whole


def accidents(kind: str, rounds: int = 600) -> Iterator[str]:
    """Zero, swap, repeat and append stretches; whatever it is taken for, nothing is made up."""
    rng = random.Random(kind)
    whole = LOGS[kind]()
    for number in range(rounds):
        disk = MemoryDisk()
        disk.files = {name: bytearray(data) for name, data in whole.files.items()}
        name = rng.choice(segments(disk))
        what = _spoil(disk.files[name], rng)
        if disk.files[name] != whole.files[name]:
            yield from misjudged(disk, "", f"{kind}: accident {number}: {name} {what}")


def _spoil(content: bytearray, rng: random.Random) -> str:
    at, to = (rng.randrange(len(content)) // 64 * 64 for _ in range(2))
    kind = rng.choice(["zeroed", "copied over another place", "appended", "followed by noise"])
    if kind == "zeroed":
        content[at : at + SECTOR] = bytes(len(content[at : at + SECTOR]))
    elif kind == "copied over another place":
        stretch = content[at : at + SECTOR][: len(content) - to]
        content[to : to + len(stretch)] = stretch
    elif kind == "appended":
        content += content[at : at + SECTOR]
    else:
        content += rng.randbytes(rng.randrange(1, 300))
    return f"at {at} {kind} ({to})"


def misjudged(disk: MemoryDisk, expected: str, where: str) -> Iterator[str]:
    """Compare a spoiled log's verdict, and what is read of it, with what they must be."""
    log = EventLog(LogReader(disk))
    state = log.verify().state
    if expected and state != expected:
        yield f"{where}: taken for {state}, not {expected}"
    if not expected and state == "clean":
        yield f"{where}: taken for clean"
    try:
        check_events(log, 0, log.count)
    except LogDamagedError as error:
        if state not in ("damaged", "uncertain"):
            yield f"{where}: {state}, and yet {error}"
        check_events(log.below(error.first), 0, error.first)
    except AssertionError as error:
        yield f"{where}: read wrongly: {error}"


def size_of(disk: MemoryDisk) -> int:
    """Give the bytes of all segments."""
    return sum(len(disk.files[name]) for name in segments(disk))


def work(task: tuple[str, str]) -> list[str]:
    """Do one kind of harm to one kind of log."""
    harm, kind = task
    return list({"flips": flips, "cuts": cuts, "accidents": accidents}[harm](kind))


@click.command()
@click.option("--processes", default=2, show_default=True)
def command(processes: int) -> Outcome:
    """Every bit of several small logs flipped, every length of each segment, and accidents."""
    tasks = [(harm, kind) for kind in LOGS for harm in ("flips", "cuts", "accidents")]
    sizes = [
        sum(len(d.files[n]) for n in segments(d)) for d in (make_() for make_ in LOGS.values())
    ]
    with ProcessPoolExecutor(processes) as pool:
        lost = tuple(chain.from_iterable(pool.map(work, tasks)))
    return Outcome(
        layer="bytes",
        ran=f"{8 * sum(sizes):,} bits flipped, {sum(sizes):,} cuts, {len(LOGS) * 600:,} accidents",
        lost=lost,
    )
