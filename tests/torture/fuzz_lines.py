"""Lines that are hostile: made from sound ones and tokens, mutated, read in chunks of any size."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

import msgspec
from msgspec import Struct

from crackle_stream.ingest.chunks import read_chunks
from crackle_stream.ingest.limits import Limits
from crackle_stream.ingest.lines import BOM
from crackle_stream.ingest.mapping import AUTO, FieldMapping
from crackle_stream.source import Rejection, SourcePosition
from tests.torture.hostile_oracle import NoOpinion, Refused, metrics_of

SOUND: Final = (
    b'{"metrics":{"seconds":1.5,"tests":12}}',
    b'{"label":"build","time":1700000000,"metrics":{"a":1,"b":-2.5e3,"c":null}}',
    b'{"id":"x-1","time":"2026-03-01T12:00:00.25Z","metrics":{},"outcome":"failed","error":"no"}',
    b'{"metrics":{"x":0},"duration":0.5,"attributes":{"a":1,"b":"t","c":true},"value":[1,{"b":2}]}',
    b'{"ts":1690391261,"name":"job","loss":0.25,"step":{"n":3,"deep":{"er":4}}}',
    b'{"timestamp":"2026-03-01T12:00:00+02:00","metrics":[{"name":"a","value":1}]}',
    b"[1,2,3]",
    b'"text"',
    b"",
    b" \t ",
)
TOKENS: Final = (
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b"\n", b"\r", b"\r\n", b"\0", b" ", b"\t"),
    *(b"null", b"true", b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1e-400", b"-0"),
    *(b"9007199254740992", b"9007199254740993", b"-9007199254740993", b"1" * 400, b"0.1e", b"01"),
    *(b'"metrics"', b'"label":', b'"time":', b'"id":1', b'"outcome":"maybe"', b'"attributes":[]'),
    *(b'"metrics":{"x":1},', b'{"metrics":{"x":1}}', b'"duration":NaN', b'"value":', b'"x":1,'),
    *(b"\\u0000", b"\\ud800", b"\\ud83d\\ude00", b"\\u202e", b"\\x", BOM, b"\xff\xfe", b"\xe2"),
    *(b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x80\xa8", b"\x1b[31m", b"\x1f\x8b"),
    *(b"[" * 600, b'{"a":' * 40, b"[" * 33 + b"]" * 33, b"a" * 300, b"//", b"'", b"1e300"),
    *(b'"2026-02-30T00:00:00Z"', b'"2026-03-01T12:00:00"', b'"1677-01-01T00:00:00Z"'),
)
MAPPINGS: Final = (
    FieldMapping(),
    FieldMapping(),
    FieldMapping(metrics=AUTO),
    FieldMapping(metrics=".step", label=".name", time=".ts", time_unit="ms"),
    FieldMapping(label=".attributes.b", id=".label", duration=".metrics.x"),
)
LIMITS: Final = (
    Limits(),
    Limits(),
    Limits(line_bytes=60),
    Limits(label_bytes=4, name_bytes=1, metrics=2, nesting=3),
    Limits(frame_bytes=60, nesting=512),
)
LEAVES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1.5, 2**53, 2**53 + 1, -(2**64), 1e308, float("nan")),
    *(float("inf"), "", "text", "\ud800", "\0", "2026-03-01T12:00:00Z", "é" * 200, [], {}),
    *([1, 2], {"x": 1}, {"a": {"b": {"c": 1}}}, [[[[1]]]], {"name": "a", "value": 1}),
)


class Reading(Struct, frozen=True):
    """What was read of a text: events as JSON, rejections, how many lines, where it ended."""

    events: list[bytes]
    rejections: list[Rejection]
    read: int
    end: SourcePosition | None


class Trickle(io.RawIOBase):
    """A stream that gives as little at once as it likes."""

    def __init__(self, data: bytes, rng: random.Random) -> None:
        self._data, self._at, self._rng = data, 0, rng

    def read(self, size: int = -1) -> bytes:
        most = self._rng.choice([1, 7, 64, 1_000, 1 << 20])
        data = self._data[self._at : self._at + min(max(size, 1), most)]
        self._at += len(data)
        return data


def make(rng: random.Random) -> bytes:
    """Make a text of some lines, most of them mutated."""
    lines = [rng.choice(SOUND) for _ in range(rng.choice([1, 2, 5, 20, 100]))]
    if rng.random() < 0.3:
        lines = [rng.choice(lines)] * len(lines)
    hurt = rng.choice([0.05, 0.3, 1.0])
    lines = [mutate(line, rng) if rng.random() < hurt else line for line in lines]
    text = rng.choice([b"\n", b"\n", b"\n", b"\r\n", b"\n\n"]).join(lines)
    if rng.random() < 0.2:
        text = mutate(text, rng)
    return rng.choice([b"", b"", b"", BOM]) + text + rng.choice([b"", b"\n"])


def mutate(line: bytes, rng: random.Random) -> bytes:
    """Change a line by some of the rules."""
    for _ in range(rng.choice([1, 1, 2, 5])):
        line = rng.choice(RULES)(line, rng)
    return line


def _flip(line: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(line) + 1)
    return line[:at] + bytes([rng.randrange(256)]) + line[at + 1 :]


def _splice(line: bytes, rng: random.Random) -> bytes:
    other = rng.choice(SOUND)
    return line[: rng.randrange(len(line) + 1)] + other[rng.randrange(len(other) + 1) :]


def _insert(line: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(line) + 1)
    return line[:at] + rng.choice(TOKENS) + line[at:]


def _repeat(line: bytes, rng: random.Random) -> bytes:
    first, last = sorted(rng.randrange(len(line) + 1) for _ in range(2))
    return line[:last] + line[first:last] * rng.choice([1, 2, 30]) + line[last:]


def _cut(line: bytes, rng: random.Random) -> bytes:
    first, last = sorted(rng.randrange(len(line) + 1) for _ in range(2))
    return line[:first] + line[last:]


def _reshape(line: bytes, rng: random.Random) -> bytes:
    """Change the line's tree, so that it stays JSON."""
    try:
        tree = _bent(json.loads(line), rng)
    except (ValueError, RecursionError):
        return line
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.5)
    return text.encode("utf-8", "surrogatepass")


def _bent(tree: Any, rng: random.Random) -> Any:
    if isinstance(tree, dict) and tree and rng.random() < 0.8:
        key = rng.choice(list(tree))
        bent = _bent(tree[key], rng)
        rest = {name: item for name, item in tree.items() if name != key or rng.random() < 0.9}
        return rest | {rng.choice([key, key, "metrics", "time", "é" * 70, ""]): bent}
    if isinstance(tree, list) and tree and rng.random() < 0.8:
        return [_bent(item, rng) if rng.random() < 0.5 else item for item in tree]
    return rng.choice(LEAVES)


RULES: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    _flip,
    _splice,
    _insert,
    _insert,
    _repeat,
    _cut,
    _reshape,
    _reshape,
)


def flaws(text: bytes, seed: int) -> Iterator[str]:
    """Read a text in several ways; tell what is not as it must be."""
    rng = random.Random(seed)
    mapping, limits = rng.choice(MAPPINGS), rng.choice(LIMITS)
    try:
        whole = read(io.BytesIO(text), mapping, limits, 1 << 24)
        yield from _misplaced(text, whole, limits)
        for size in (1, rng.choice([2, 50, 64, 500])):
            parts = read(Trickle(text, rng), mapping, limits, size)
            if parts != whole:
                yield f"read in parts of {size}: {_difference(whole, parts)}"
        if mapping == FieldMapping() and limits == Limits():
            yield from _otherwise(text)
    except Exception as error:
        yield f"{type(error).__name__}: {error}"


def read(
    stream: io.RawIOBase | BinaryIO, mapping: FieldMapping, limits: Limits, size: int
) -> Reading:
    """Read a stream to its end."""
    events, rejections, count, end = [], [], 0, None
    chunks = read_chunks(stream, "s", mapping=mapping, limits=limits, chunk_bytes=size)  # type: ignore[arg-type]
    for chunk in chunks:
        assert chunk.read == len(chunk.batch) + len(chunk.rejections), "accounts do not close"
        events += [msgspec.json.encode(chunk.batch.event(i)) for i in range(len(chunk.batch))]
        rejections += chunk.rejections
        count, end = count + chunk.read, chunk.position
    return Reading(events, rejections, count, end)


def _misplaced(text: bytes, whole: Reading, limits: Limits) -> Iterator[str]:
    """Compare accounts and places with the text itself."""
    known = {number: (offset, line) for number, offset, line in _lines(text)}
    lines = [line for _, line in known.values()]
    there = [line for line in lines if line.strip(b" \t\r") or len(line) > limits.line_bytes]
    if whole.read != len(there):
        yield f"{whole.read} lines were read where {len(there)} are"
    for refused in whole.rejections:
        offset, line = known.get(refused.line, (-1, b""))
        kept = (refused.offset, refused.sha256, refused.excerpt)
        if kept != (offset, hashlib.sha256(line).hexdigest(), line[:4_096]):
            yield f"line {refused.line} at byte {offset} was refused as {kept}"
    end = whole.end or SourcePosition("s", 0, 0, 0)
    count = text.count(b"\n")
    if (end.offset, end.line, end.crc) != (len(text), count, zlib.crc32(text)):
        yield f"reading ended at {end}"


def _lines(text: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Give number, offset and content of each line."""
    offset = len(BOM) if text.startswith(BOM) else 0
    for number, line in enumerate(text[offset:].split(b"\n"), start=1):
        yield number, offset, line
        offset += len(line) + 1


def _difference(whole: Reading, parts: Reading) -> str:
    names = Reading.__struct_fields__
    other = next(name for name in names if getattr(whole, name) != getattr(parts, name))
    return f"{other}: {str(getattr(parts, other))[:300]} and {str(getattr(whole, other))[:300]}"


def _otherwise(text: bytes) -> Iterator[str]:
    """Compare, line by line, with what Python's own decoder says of it."""
    lines = [line for _, _, line in _lines(text) if line.strip(b" \t\r")]
    begun = b'{"metrics":{},"label":"","time":0}'  # so that no mapping is found
    reading = read(io.BytesIO(b"\n".join((begun, *lines))), FieldMapping(), Limits(), 1 << 24)
    refused = {rejection.line for rejection in reading.rejections}
    events = iter(reading.events[1:])
    for number, line in enumerate(lines, start=2):
        found = None if number in refused else msgspec.json.decode(next(events))["metrics"]
        try:
            expected = metrics_of(line)
        except Refused:
            expected = None
        except NoOpinion:
            continue
        if found != expected:
            yield f"a line was read as {found}, not {expected}: {line[:300]!r}"
