"""A metric that is stuck: it repeats one value for longer than chance explains."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from crackle_stream import Claim, Verdict


class Run(NamedTuple):
    """Equal values in a row: the value, how many, and the log positions of its ends."""

    value: float
    length: int
    first: int
    last: int


class Runs(NamedTuple):
    """The runs of one metric over a stretch: how many values and repeats, and three of them."""

    n: int
    repeats: int
    head: Run
    longest: Run
    tail: Run

    @classmethod
    def of(cls, values, positions):
        """Find the runs of some values."""
        starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
        lengths = np.diff(starts, append=len(values))

        def run(which):
            first, length = int(starts[which]), int(lengths[which])
            ends = int(positions[first]), int(positions[first + length - 1])
            return Run(float(values[first]), length, *ends)

        repeats = len(values) - len(starts)
        return cls(len(values), repeats, run(0), run(np.argmax(lengths)), run(-1))

    def then(self, other):
        """Give the runs of this stretch and the next: a run may go on where they meet."""
        longest, head, tail = _longest(self.longest, other.longest), self.head, other.tail
        joined = self.tail.value == other.head.value
        if joined:
            length = self.tail.length + other.head.length
            across = Run(self.tail.value, length, self.tail.first, other.head.last)
            head = across if head.length == self.n else head
            tail = across if tail.length == other.n else tail
            longest = _longest(self.longest, across, other.longest)
        repeats = self.repeats + other.repeats + joined
        return Runs(self.n + other.n, repeats, head, longest, tail)

    def p_value(self):
        """Bound the chance of so long a run, if values repeat as often as outside of it."""
        repeats = self.longest.length - 1
        rate = (self.repeats - repeats + 1) / (self.n - 1 - repeats + 2)
        return min(1.0, self.n * rate**repeats) if rate < 0.5 else 1.0


class Summary:
    """The runs of each metric of a stretch."""

    def __init__(self, runs):
        self.runs = runs

    def observe(self, pane):
        """Summarise this stretch and the rows that follow it."""
        found = {}
        for name, values in zip(pane.names, pane.values.T, strict=True):
            present = ~np.isnan(values)
            if present.any():
                found[name] = Runs.of(values[present], pane.positions[present])
        return self.merge(Summary(found))

    def merge(self, other):
        """Summarise this stretch and the other, which follows it."""
        runs = {**self.runs, **other.runs}
        for name in self.runs.keys() & other.runs.keys():
            runs[name] = self.runs[name].then(other.runs[name])
        return Summary(runs)

    def detect(self, view):
        """Claim the longest run of each metric, as unlikely as it is."""
        claims = [_claim(name, runs) for name, runs in sorted(self.runs.items()) if runs.n > 2]
        return Verdict(tuple(claims), tested=len(claims))


class Stuck:
    """Looks for metrics that are stuck."""

    name = "stuck"

    def start(self):
        """Give the summary of no rows."""
        return Summary({})


def _longest(*runs):
    return max(runs, key=lambda run: run.length)


def _claim(name, runs):
    run = runs.longest
    return Claim(
        form="repeat",
        subject=(name,),
        text=f"{name} is stuck at {run.value:g} for {run.length} tasks",
        p_value=runs.p_value(),
        effect=run.length,
        n=runs.n,
        at=run.first,
        until=run.last,
        involved_count=run.length,
    )
