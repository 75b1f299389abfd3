"""A writer before a log whose bytes were harmed: it refuses, or loses nothing acknowledged."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from crackle_stream.errors import LogDamagedError
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from tests.torture.bytes import LOGS, segments
from tests.torture.lives import check_events

SYNCED: Final = ("closed", "left open", "compacted")
"""Kinds of logs of which every event was acknowledged after a sync."""


def writers(kind: str, seed: int = 0) -> Iterator[str]:
    """Flip one bit of every byte; give where a writer then lost or hid something."""
    rng = random.Random(seed)
    whole = LOGS[kind]()
    acknowledged = EventLog(LogReader(whole)).count if kind in SYNCED else 0
    for name in segments(whole):
        for byte in range(len(whole.files[name])):
            disk, bit = _copy(whole), rng.randrange(8)
            disk.files[name][byte] ^= 1 << bit
            for fault in opened(disk, acknowledged):
                yield f"{kind}: {name} bit {8 * byte + bit} flipped: {fault}"


def shortened(kind: str, step: int = 7) -> Iterator[str]:
    """Cut the last segment short; give where a writer then hid what it cut."""
    whole = LOGS[kind]()
    name = segments(whole)[-1]
    for size in range(0, len(whole.files[name]), step):
        disk = _copy(whole)
        del disk.files[name][size:]
        yield from (f"{kind}: {name} cut to {size}: {fault}" for fault in opened(disk, 0))


def opened(disk: MemoryDisk, acknowledged: int) -> Iterator[str]:
    """Open a harmed log for writing; say what is wrong with what that does.

    Damage in a segment that is not written to any more is the reader's to find.
    """
    before = {name: bytes(data) for name, data in disk.files.items()}
    state, last = EventLog(LogReader(disk)).verify(), segments(disk)[-1]
    must_refuse = state.state in ("damaged", "uncertain") and state.segment == last
    try:
        log = open_for_writing(disk, "group")
    except LogDamagedError as error:
        if state.state not in ("damaged", "uncertain"):
            yield f"refused, though it is {state.state}: {error}"
        if {name: bytes(data) for name, data in disk.files.items()} != before:
            yield "refused, and changed"
        return
    if must_refuse:
        yield f"opened, though it is {state.state}"
    if log.count < acknowledged:
        yield f"{acknowledged} events were acknowledged, {log.count} are there"
    yield from _not_kept(disk, log, before)
    if state.state not in ("damaged", "uncertain"):
        check_events(log, 0, log.count)


def _not_kept(disk: MemoryDisk, log: EventLog, before: dict[str, bytes]) -> Iterator[str]:
    cut = log.cut
    if cut is None:
        return
    gone = before[cut.segment][cut.offset :]
    if len(gone) != cut.size or bytes(disk.files.get(cut.kept, b"")) != gone:
        yield f"{cut.size} bytes were cut and not kept in {cut.kept}"
    if bytes(disk.files[cut.segment][: cut.offset]) != before[cut.segment][: cut.offset]:
        yield "bytes before the cut changed"


def _copy(whole: MemoryDisk) -> MemoryDisk:
    disk = MemoryDisk()
    disk.files = {name: bytearray(data) for name, data in whole.files.items()}
    return disk
