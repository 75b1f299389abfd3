"""Lines of a source, each known by its number, and what a log that has read some of them holds."""

from __future__ import annotations

import json
import random
import re
from bisect import bisect_right
from typing import Final

from crackle_stream.log.eventlog import EventLog

BAD: Final = (b'{"label": "task %d", "metr', b"%d", b'{"metrics": {"n": NaN}, "id": "x%d"}')
DIGITS: Final = re.compile(rb"\d+")


class Lines:
    """Lines of which some are no events.

    Attributes
    ----------
    lines
        With their newlines.
    good, bad
        Numbers, from 0, of the lines that are events, and of the others.
    """

    def __init__(self, seed: int, count: int) -> None:
        rng = random.Random(seed)
        self.lines: list[bytes] = []
        self.good: list[int] = []
        self.bad: list[int] = []
        for number in range(count):
            bad = number > 0 and rng.random() < 0.06
            (self.bad if bad else self.good).append(number)
            text = rng.choice(BAD) % number if bad else _event(number, rng)
            self.lines.append(text + b"\n")
        self.text = b"".join(self.lines)

    def upto(self, line: int) -> tuple[int, int]:
        """Give how many of the first lines are events, and how many are not."""
        good = bisect_right(self.good, line - 1)
        return good, line - good

    def check(self, log: EventLog, line: int | None, *, again: bool) -> int:
        """Compare a log with the lines it has read; give how many these are.

        Parameters
        ----------
        log
            Holds each event and each refused line once, and in order.
        line
            How many lines it has read; None where the log cannot tell, as with a pipe.
        again
            Whether refused lines, which have no id to be known by, may be there repeatedly.
        """
        events = numbers_of(log)
        bad = [int(b"".join(DIGITS.findall(refused.excerpt))) for refused in log.rejections()]
        bad = list(dict.fromkeys(bad)) if again else bad
        line = max([-1, *events[-1:], *bad[-1:]]) + 1 if line is None else line
        good_count, bad_count = self.upto(line)
        assert events == self.good[:good_count], _differs("events", events, self.good[:good_count])
        assert bad == self.bad[:bad_count], _differs("refused lines", bad, self.bad[:bad_count])
        return line


def _event(number: int, rng: random.Random) -> bytes:
    label = f"task {number}" + "~" * rng.choice([0, 0, 5, 60])
    metrics = dict.fromkeys("nm" if rng.random() < 0.9 else "nml", number)
    return json.dumps({"id": f"i{number}", "label": label, "metrics": metrics}).encode()


def numbers_of(log: EventLog, first: int = 0, stop: int | None = None) -> list[int]:
    """Read the events' numbers, which each event says in all its parts alike."""
    numbers: list[int] = []
    for block in log.blocks(first, stop, {"labels", "ids"}):
        assert block.first == first + len(numbers), f"{block.first} after {first + len(numbers)}"
        batch = block.batch
        mine = [int((identity or "i-1")[1:]) for identity in batch.ids or []]
        labels = [int(label.split()[1].rstrip("~")) for label in batch.labels or []]
        assert labels == mine, "labels and ids are not of the same events"
        for which, matrix in enumerate(batch.matrices):
            rows = batch.set_of == which
            values = matrix.values[batch.row_of[rows]]
            told = [number for number, row in zip(mine, rows, strict=True) if row]
            assert (values == [[number] * values.shape[1] for number in told]).all()
        numbers += mine
    return numbers


def _differs(what: str, found: list[int], wanted: list[int]) -> str:
    place = next(
        (i for i, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]),
        min(len(found), len(wanted)),
    )
    return (
        f"{what}: {len(found)} and not {len(wanted)}; from {place} on "
        f"{found[place : place + 5]} and not {wanted[place : place + 5]}"
    )
