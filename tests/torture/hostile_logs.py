"""Logs whose bytes are hostile: mutated with and without right CRCs, then put to every use."""

from __future__ import annotations

import random
import resource
import signal
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import numpy as np
from msgspec.structs import replace

from crackle_stream.cooling.decisions import Decisions
from crackle_stream.errors import CrackleError
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.compaction import compact
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.forget import Labels, forget
from crackle_stream.log.frame import HEADER_SIZE, Header, unpack
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.reader import LogReader
from crackle_stream.log.retention import Retention
from crackle_stream.log.salvage import salvage
from crackle_stream.source import Rejection, SourcePosition

PATIENCE_S: Final = 20
ROOM: Final = 2 << 30
"""Bytes that may be asked for beyond those in use: what claims more ends in a MemoryError."""

NUMBERS: Final = (0, 1, -1, 2, 127, 255, 256, 2**16, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63)
NUMBERS_TOO: Final = (2**64 - 1, -(2**31), -(2**63))


class Timeout(BaseException):
    """Something took too long."""


def make(rng: random.Random) -> MemoryDisk:
    """Write a small log in which every column, kind of frame and record occurs."""
    disk = MemoryDisk()
    log = open_for_writing(disk, "none", segment_bytes=rng.choice([900, 2_500, 1 << 20]))
    for n in range(rng.randrange(1, 7)):
        events = [event(rng, n) for _ in range(rng.choice([1, 3, 20]))]
        refused = [refusal(n)] if rng.random() < 0.4 else []
        keys = ("k" * 32,) if rng.random() < 0.2 else ()
        log.append(batch_events(events), refused, SourcePosition("s", n, n, n), keys)
    if rng.random() < 0.5:
        log.retain(Retention(max_events=log.count // 2 + 1))
    log.close()
    if rng.random() < 0.4:
        forget(disk, Labels(("gone*",)), 1)
    return disk


def event(rng: random.Random, n: int) -> TaskEvent:
    """Give an event that may have any of the fields there are."""
    some = {
        "time": n * 10**9 + rng.randrange(5),
        "duration": 0.5,
        "outcome": rng.choice(["ok", "failed"]),
        "error": "x",
        "id": f"i{n}",
        "attributes": {"position": n, "since": 0, "name": "m", "a": None, "b": 1.5},
        "value": {"a": [1, 2]},
    }
    chosen = {name: value for name, value in some.items() if rng.random() < 0.5}
    metrics = {name: rng.random() for name in rng.choice(["", "a", "ab", "abc"])}
    label = rng.choice(["gone 1", "marker", "reset", "amendment", f"task {n}"])
    return TaskEvent(metrics=metrics, label=label, **chosen)


def refusal(n: int) -> Rejection:
    """Give a refused line."""
    return Rejection(n, n, "invalid_json", "no JSON", None, b"CRKL no json", "0" * 64, "s")


def mutate(disk: MemoryDisk, rng: random.Random) -> None:
    """Change some bytes of a log, by one of several rules."""
    for _ in range(rng.choice([1, 1, 2, 4])):
        names = [name for name in disk.names() if disk.files.get(name)]
        if names:
            name = rng.choice(names)
            disk.files[name][:] = rng.choice(RULES)(bytes(disk.files[name]), rng)


def noise(data: bytes, rng: random.Random) -> bytes:
    """Flip, cut, insert, repeat: no CRC is put right."""
    content, at = bytearray(data), rng.randrange(len(data) + 1)
    size = rng.choice([1, 4, 88, 512])
    match rng.randrange(4):
        case 0 if at < len(content):
            content[at] ^= 1 << rng.randrange(8)
        case 1:
            del content[at : at + size]
        case 2:
            content[at:at] = rng.randbytes(size)
        case _:
            content[at:at] = content[max(at - size, 0) : at]
    return bytes(content)


def with_right_crcs(change: Callable[[Header, bytes, random.Random], tuple[Header, bytes]]) -> Any:
    """Make a rule that changes one frame, and then puts its length, CRCs and durability right."""

    def rule(data: bytes, rng: random.Random) -> bytes:
        frames = list(frames_of(data))
        if not frames:
            return data
        chosen, out = rng.randrange(len(frames)), bytearray()
        for number, (header, payload) in enumerate(frames):
            if number == chosen:
                header, payload = change(header, payload, rng)
            durable = header.durable if number == chosen else min(header.durable, len(out))
            sound = {"length": len(payload), "payload_crc": zlib.crc32(payload)}
            out += replace(header, durable=durable, **sound).pack() + payload
        return bytes(out)

    return rule


def frames_of(data: bytes) -> Iterator[tuple[Header, bytes]]:
    """Give the whole frames that a file begins with."""
    at = 0
    while (header := _unpacked(data[at:])) is not None and at + header.size <= len(data):
        yield header, data[at + HEADER_SIZE : at + header.size]
        at += header.size


def _unpacked(data: bytes) -> Header | None:
    try:
        return unpack(data)
    except CrackleError:
        return None


def _scratched(header: Header, payload: bytes, rng: random.Random) -> tuple[Header, bytes]:
    return header, noise(payload, rng)


def _renumbered(header: Header, payload: bytes, rng: random.Random) -> tuple[Header, bytes]:
    name, bits = rng.choice(list(FIELDS.items()))
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if name in SIGNED else (0, 2**bits)
    near = getattr(header, name) + rng.choice([-1, 1])
    value = rng.choice([near, *NUMBERS, *NUMBERS_TOO, rng.randrange(low, high)])
    return replace(header, **{name: value if low <= value < high else high - 1}), payload


def _restructured(header: Header, payload: bytes, rng: random.Random) -> tuple[Header, bytes]:
    try:
        tree = msgspec.msgpack.decode(payload, strict=False)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return header, payload
    for _ in range(rng.choice([1, 1, 1, 3])):
        tree = bend(tree, rng)
    if rng.random() < 0.3 and isinstance(tree, dict) and isinstance(tree.get("count"), int):
        header = replace(header, count=tree["count"] % 2**32)
    try:
        return header, msgspec.msgpack.encode(tree)
    except (OverflowError, ValueError, TypeError, RecursionError):
        return header, payload


def bend(tree: Any, rng: random.Random) -> Any:
    """Change one value of a tree of MessagePack values."""
    if isinstance(tree, dict) and tree and rng.random() < 0.9:
        key = rng.choice(list(tree))
        changed = {name: bend(item, rng) if name == key else item for name, item in tree.items()}
        if rng.random() < 0.1:
            del changed[key]
        return changed
    if isinstance(tree, list) and tree and rng.random() < 0.9:
        at = rng.randrange(len(tree))
        items = [bend(item, rng) if i == at else item for i, item in enumerate(tree)]
        return items * 2 if rng.random() < 0.1 else items[:-1] if rng.random() < 0.1 else items
    return _other(tree, rng)


def _other(leaf: Any, rng: random.Random) -> Any:
    if rng.random() < 0.3:
        return rng.choice([None, True, 1.5, float("nan"), "", "\ud7ff", b"", [], {}, *NUMBERS])
    if isinstance(leaf, bool | None):
        return rng.choice([0, "x", b"x", [leaf]])
    if isinstance(leaf, int):
        return rng.choice([*NUMBERS, *NUMBERS_TOO, leaf + 1, leaf - 1, 2 * leaf])
    if isinstance(leaf, str):
        return rng.choice(["damaged", "list", "codes", "array", "a", leaf * 300, leaf[:-1], "\0"])
    if isinstance(leaf, bytes):
        return rng.choice([_inside(leaf, rng), noise(leaf, rng), leaf * 2, leaf[:-1], leaf + b"\0"])
    return None


def _inside(leaf: bytes, rng: random.Random) -> bytes:
    """Change a list that is kept as its bytes, or numbers."""
    if len(leaf) % 8 == 0 and leaf and rng.random() < 0.5:
        numbers = np.frombuffer(leaf, "<f8").copy()
        numbers[rng.randrange(len(numbers))] = rng.choice([np.nan, np.inf, -np.inf, 1e308, 1e-320])
        return numbers.tobytes()
    try:
        return msgspec.msgpack.encode(bend(msgspec.msgpack.decode(leaf), rng))
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError):
        return leaf


FIELDS: Final = {
    "kind": 8,
    "flags": 8,
    "encoding": 8,
    "log_id": 64,
    "sequence": 64,
    "first": 64,
    "count": 32,
    "arrival": 64,
    "durable": 64,
    "earliest": 64,
    "latest": 64,
    "rejections": 32,
}
SIGNED: Final = {"arrival", "earliest", "latest"}
RULES: Final = (
    noise,
    with_right_crcs(_scratched),
    with_right_crcs(_renumbered),
    with_right_crcs(_restructured),
    with_right_crcs(_restructured),
    with_right_crcs(_restructured),
)


def uses(disk: MemoryDisk) -> Iterator[tuple[str, Callable[[], object]]]:
    """Give all that may be done with a log, each on a log of its own."""

    def twin() -> MemoryDisk:
        other = MemoryDisk()
        other.files = {name: bytearray(data) for name, data in disk.files.items()}
        return other

    def reader() -> EventLog:
        return EventLog(LogReader(twin()))

    yield "verify", lambda: reader().verify()
    yield "read", lambda: _read(reader())
    yield "look", lambda: _look(reader())
    yield "info", lambda: reader().info()
    yield "decide", lambda: _decide(reader())
    yield "salvage", lambda: _salvage(twin())
    yield "write", lambda: _write(twin())
    yield "keep up", lambda: _keep_up(twin())
    yield "forget", lambda: forget(twin(), Labels(("task*",)), 1)


def _read(log: EventLog) -> None:
    for block in log.blocks():
        for row in range(len(block.batch)):
            msgspec.json.encode(block.batch.event(row))


def _look(log: EventLog) -> None:
    list(log.gaps())
    log.times_rise(log.count)
    list(log.rejections())
    list(log.quarantined())
    log.last_position("s")
    log.labels([log.first] if log.first < log.count and not any(log.gaps()) else [])


def _decide(log: EventLog) -> None:
    decisions = Decisions(None)
    decisions._memory = log
    decisions.markers()
    decisions.last_reset()
    decisions.amendments(1)


def _salvage(disk: MemoryDisk) -> None:
    target = MemoryDisk()
    salvage(disk, target, 1)
    state = EventLog(LogReader(target)).verify().state
    assert state in ("clean", "unclosed"), f"what was salvaged is {state}"
    _read(EventLog(LogReader(target)))


def _write(disk: MemoryDisk) -> None:
    with open_for_writing(disk, "none", accept_loss=True) as log:
        log.append(batch_events([TaskEvent(metrics={"x": 1.0})]), [], SourcePosition("s", 9, 9, 9))


def _keep_up(disk: MemoryDisk) -> None:
    with open_for_writing(disk, "none", accept_loss=True) as log:
        log.retain(Retention(max_events=1))
        for segment in list(log._reader.segments()):
            if segment.sealed:
                compact(disk, segment)


def escapes(disk: MemoryDisk) -> Iterator[str]:
    """Put a log to every use; tell what came out that is no answer."""
    for name, use in uses(disk):
        try:
            with patience(PATIENCE_S):
                use()
        except CrackleError:
            pass
        except Timeout:
            yield f"{name}: takes more than {PATIENCE_S} s"
        except Exception as error:
            yield f"{name}: {type(error).__name__}: {error}"


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Raise Timeout when something takes longer."""

    def late(*_: object) -> None:
        raise Timeout

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Let this process have little more memory than it has."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as status:
        used = int(status.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
