"""How much CPU reading events costs, over decoding the same lines with msgspec and nothing else.

Run it: ``python tests/bench/ingest_speed.py``. Each figure is a median of several runs; the
yardstick decodes chunks of lines into Structs without garbage collection, metrics into a dict.
"""

from __future__ import annotations

import io
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from crackle_stream.ingest.chunks import read_chunks

LINES = 50_000
RUNS = 7
CHUNK_BYTES = 1 << 20


class Line(msgspec.Struct, gc=False):
    """The yardstick's line."""

    metrics: dict[str, float]
    label: str = ""
    time: str | None = None


def make_line(i: int, names: list[str], extra: str = "") -> bytes:
    """Write one event with a number for each name."""
    numbers = ",".join(f'"{name}":{random.gauss(100, 10):.6g}' for name in names)
    moment = f"2026-03-01T{i // 3600 % 24:02d}:{i // 60 % 60:02d}:{i % 60:02d}Z"
    return (
        f'{{"label":"task-{i % 50}","time":"{moment}",{extra}"metrics":{{{numbers}}}}}\n'.encode()
    )


def cases() -> dict[str, tuple[bytes, bytes]]:
    """Give each case's text, and the text that the yardstick decodes for it."""
    random.seed(1)
    names = [f"metric_{c}" for c in "abcdefgh"]
    sets = [[f"set{k}_{c}" for c in "abcdefgh"] for k in range(20)]
    clean = [make_line(i, names) for i in range(LINES)]
    bad = [b'{"metrics":{"a":"text"}}\n' if i % 100 == 7 else line for i, line in enumerate(clean)]
    times = [
        line.replace(b"2026", b"year") if i % 100 == 7 else line for i, line in enumerate(clean)
    ]
    mixed = [make_line(i, sets[i % 20]) for i in range(LINES)]
    unknown = [make_line(i, names, f'"host":"h{i % 7}",') for i in range(LINES)]
    texts = {"clean": clean, "1 % bad": bad, "1 % bad times": times, "20 sets": mixed}
    texts["unknown field"] = unknown
    whole = b"".join(clean)
    return {name: (b"".join(lines), whole) for name, lines in texts.items()}


def cpu_seconds(*works: Callable[[], Any]) -> list[float]:
    """Measure the median CPU time of each work, taking turns so that all meet the same noise."""
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(RUNS):
        for work, times in zip(works, spent, strict=True):
            begin = time.process_time()
            work()
            times.append(time.process_time() - begin)
    return [statistics.median(times) for times in spent]


def decode_only(text: bytes) -> None:
    """Decode chunks of whole lines, as the yardstick."""
    decode, start = msgspec.json.Decoder(Line).decode_lines, 0
    while start < len(text):
        end = text.rfind(b"\n", start, start + CHUNK_BYTES) + 1
        decode(text[start:end])
        start = end


def ingest(text: bytes) -> int:
    """Read a text the whole way, to event batches."""
    return sum(len(chunk.batch) for chunk in read_chunks(io.BytesIO(text), "bench"))


def main() -> None:
    """Print CPU microseconds a line, and ratios to the yardstick, for each case."""
    print("us a line: ingest, yardstick on these lines, yardstick on clean lines; ratios to both")
    for name, (text, clean) in cases().items():
        works = [partial(ingest, text), partial(decode_only, clean)]
        if b"text" not in text:
            works.append(partial(decode_only, text))
        whole, bare, *own = (seconds / LINES * 1e6 for seconds in cpu_seconds(*works))
        ratios = "  ".join(f"{whole / other:4.2f}" for other in (*own, bare))
        print(f"{name:14} {whole:5.2f} {own[0] if own else bare:5.2f} {bare:5.2f}   {ratios}")


if __name__ == "__main__":
    main()
