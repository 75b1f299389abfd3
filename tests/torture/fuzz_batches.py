"""Batches that go into a log and come back, and logs of them whose bytes are no longer right."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from crackle_stream.errors import CrackleError
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from tests.torture.hostile_logs import noise

TEXTS: Final = ("", "a", "anonymous task", "é" * 100, "\0", "\x1b[31m", "\u202e", "\U0010ffff" * 9)
NUMBERS: Final = (0.0, -0.0, 1.0, 0.1, 5e-324, -1.7976931348623157e308, 2.0**53, 1e-300)
TIMES: Final = (0, 1, -1, 2**63 - 1, -(2**63) + 1, 10**18, 10**18 + 1)


def events(rng: random.Random, count: int) -> list[TaskEvent]:
    """Give events with anything an event may have."""
    names = [f"{rng.choice(TEXTS)}{i}" for i in range(rng.choice([1, 3, 40]))]
    fields = [name for name in _CHOICES if rng.random() < 0.5]
    return [_event(rng, names, fields) for _ in range(count)]


_CHOICES: Final[dict[str, tuple[Any, ...]]] = {
    "label": TEXTS,
    "time": TIMES,
    "duration": (None, *NUMBERS),
    "outcome": (None, "ok", "failed"),
    "error": (None, *TEXTS),
    "id": (None, *TEXTS),
    "attributes": (None, {}, {"a": None, "": 1, "b": 2**60, "c": 1.5, "d": True, "e": "\0"}),
    "value": (None, [], {"a": {"b": [None, 1.5, "x"]}}, "text", False, 0),
}


def _event(rng: random.Random, names: list[str], fields: list[str]) -> TaskEvent:
    metrics = {name: rng.choice(NUMBERS) for name in names if rng.random() < 0.7}
    chosen = {name: rng.choice(_CHOICES[name]) for name in fields if rng.random() < 0.9}
    return TaskEvent(metrics=metrics, **chosen)


def write(rng: random.Random) -> tuple[MemoryDisk, list[bytes]]:
    """Write a log of some appends; give also its events as JSON."""
    disk, written = MemoryDisk(), []
    with open_for_writing(disk, "none", segment_bytes=rng.choice([2_000, 1 << 20])) as log:
        for _ in range(rng.randrange(1, 6)):
            some = events(rng, rng.choice([0, 1, 9, 70]))
            log.append(batch_events(some))
            written += [_text(event) for event in some]
    return disk, written


def _text(event: TaskEvent) -> bytes:
    """Give an event with nothing left out, its metrics sorted."""
    metrics = dict(sorted(event.metrics.items()))
    return msgspec.json.encode((*msgspec.structs.astuple(event)[1:], metrics))


def go_round(seed: int) -> Iterator[str]:
    """Tell what came back otherwise than it went in."""
    disk, written = write(random.Random(seed))
    try:
        log = EventLog(LogReader(disk))
        back, state = _read(log), log.verify().state
    except Exception as error:
        yield f"{type(error).__name__}: {error}"
        return
    if back != written or state != "clean":
        same = sum(one == other for one, other in zip(back, written, strict=False))
        yield f"{len(back)} of {len(written)} events came back, {same} as they were; log is {state}"


def read_noise(seed: int) -> Iterator[str]:
    """Scratch a log without putting its CRCs right; what is read is what was written, or less."""
    rng = random.Random(seed)
    disk, written = write(rng)
    name = rng.choice([name for name in disk.names() if disk.files.get(name)])
    for _ in range(rng.choice([1, 1, 3])):
        disk.files[name][:] = noise(bytes(disk.files[name]), rng)
    read: list[bytes] = []
    try:
        for block in EventLog(LogReader(disk)).blocks():
            read += [_text(block.batch.event(i)) for i in range(len(block.batch))]
    except CrackleError:
        pass
    except Exception as error:
        yield f"{type(error).__name__}: {error}"
    if read != written[: len(read)]:
        yield f"of {len(written)} events {len(read)} were read, and not the first ones"


def _read(log: EventLog) -> list[bytes]:
    return [_text(block.batch.event(i)) for block in log.blocks() for i in range(len(block.batch))]
