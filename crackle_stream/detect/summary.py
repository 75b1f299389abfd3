"""What is kept of a stretch of rows: bounded, mergeable, and all that detectors screen with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.detect.bins import Bins, bins_of, join_bins
from crackle_stream.detect.observed import Observed, observed
from crackle_stream.detect.view import View, view_table
from crackle_stream.detector import Registered
from crackle_stream.pattern import Span
from crackle_stream.stats.moments import MomentsSnapshot, RunningMoments
from crackle_stream.table import Table, concatenate

CAPACITY: Final = 16_384
"""Most rows of a sample, and most bins of a series; up to so many rows nothing is lost."""

WIDE: Final = 32
CELLS: Final = 1 << 18
"""Most numbers of a sample of more than `WIDE` metrics: the more, the fewer rows and bins."""

RUN_ROWS: Final = 256
"""Consecutive rows that are sampled together; divides a pane."""


class WindowSummary(Struct, frozen=True):
    """A stretch of consecutive rows: its moments, its series in bins, and a sample of its rows.

    A value: `observe` and `merge` give a new one. Up to `CAPACITY` rows the sample is all of
    them. Beyond, series are kept in at most `CAPACITY` bins whose width is a power of two, and
    the sample is of runs of `RUN_ROWS` rows: those whose first log position has the lowest hash,
    as many as `CAPACITY` holds. Such a bottom-k choice is the same in whatever order parts are
    merged, and a run keeps its hash from window to window.

    Parameters
    ----------
    n
        Rows.
    first, last
        Log positions of the first and last row; -1 in an empty one.
    newest
        The highest log position.
    moments
        Of all rows; not to be changed.
    sample
        Rows counted from the start of the stretch.
    runs
        int64: row at which each run of the sample starts.
    hash_bound
        Runs of this hash or a higher one were left out.
    bins
        The series; None while the sample is exact.
    own
        What each detector of your own keeps.

    Examples
    --------
    >>> from crackle_stream.detect.view import table_of
    >>> one = WindowSummary.of(table_of({"x": [1.0, 2.0]}))
    >>> both = one.merge(WindowSummary.of(table_of({"x": [3.0]})))
    >>> both.n, both.sample.rows.tolist(), both.moments.mean("x")
    (3, [0, 1, 2], 2.0)
    """

    n: int
    first: int
    last: int
    newest: int
    moments: RunningMoments
    sample: Table
    runs: NDArray[np.int64]
    hash_bound: int
    bins: Bins | None
    own: tuple[Observed, ...] = ()

    @classmethod
    def empty(cls) -> WindowSummary:
        """Give the summary of no rows."""
        no_runs = np.empty(0, np.int64)
        return cls(0, -1, -1, -1, RunningMoments(), concatenate([]), no_runs, _ALL, None)

    @classmethod
    def of(cls, table: Table, detectors: Sequence[Registered] = ()) -> WindowSummary:
        """Summarise consecutive rows, at most a pane; their own numbers do not matter."""
        n = len(table)
        if not n:
            return cls.empty()
        moments = RunningMoments(pairs=False)
        moments.observe(table)
        rows = np.arange(n, dtype=np.int64)
        table = msgspec.structs.replace(table, rows=rows)
        sample, runs, bound = _lowest_runs([table], rows[::RUN_ROWS], _ALL)
        capacity = capacity_of(len(sample.names))
        bins = None if n <= capacity else join_bins([bins_of(table)], _width(n, capacity))
        ends = int(table.positions[0]), int(table.positions[-1])
        newest = int(table.positions.max())
        own = observed(detectors, table)
        return cls(n, *ends, newest, moments, sample, runs, bound, bins, own)

    @property
    def names(self) -> tuple[str, ...]:
        """Metric names, sorted."""
        return self.sample.names

    def observe(self, table: Table) -> WindowSummary:
        """Summarise this stretch and the rows that follow it."""
        return self.merge(WindowSummary.of(table))

    def merge(self, other: WindowSummary) -> WindowSummary:
        """Summarise this stretch and the other, which follows it."""
        if not self.n or not other.n:
            return self if self.n else other
        n = self.n + other.n
        moments = RunningMoments.restore(self.moments.snapshot())
        moments.merge(other.moments)
        after = msgspec.structs.replace(other.sample, rows=other.sample.rows + self.n)
        sample, runs, bound = _lowest_runs(
            [self.sample, after],
            np.concatenate([self.runs, other.runs + self.n]),
            min(self.hash_bound, other.hash_bound),
        )
        parts = [self._bins(), other._bins().shifted(self.n)]
        capacity = capacity_of(len(sample.names))
        bins = None if n <= capacity else join_bins(parts, _width(n, capacity))
        ends = self.first, other.last, max(self.newest, other.newest)
        own = tuple(one.merge(next_) for one, next_ in zip(self.own, other.own, strict=True))
        return WindowSummary(n, *ends, moments, sample, runs, bound, bins, own)

    def snapshot(self) -> SummarySnapshot:
        """Give the summary as data, without `own`: the same bytes for the same rows."""
        return SummarySnapshot(
            names=self.names,
            n=self.n,
            ends=(self.first, self.last, self.newest),
            moments=self.moments.snapshot(),
            runs=self.runs.tobytes(),
            hash_bound=self.hash_bound,
            sample=tuple(getattr(self.sample, name).tobytes() for name in _SAMPLE),
            width=1 if self.bins is None else self.bins.width,
            bins=None
            if self.bins is None
            else tuple(getattr(self.bins, name).tobytes() for name in _BINS),
        )

    @classmethod
    def restore(cls, snapshot: SummarySnapshot) -> WindowSummary:
        """Give the summary a snapshot was taken of."""
        width = len(snapshot.names)
        rows, positions, times = (np.frombuffer(part, np.int64) for part in snapshot.sample[:3])
        values = np.frombuffer(snapshot.sample[3], np.float64).reshape(-1, width)
        sample = Table(snapshot.names, rows, positions, times, values)
        runs = np.frombuffer(snapshot.runs, np.int64)
        moments = RunningMoments.restore(snapshot.moments)
        bins = _bins_from(snapshot)
        return cls(snapshot.n, *snapshot.ends, moments, sample, runs, snapshot.hash_bound, bins)

    def _bins(self) -> Bins:
        return bins_of(self.sample) if self.bins is None else self.bins


class SummarySnapshot(Struct, frozen=True, array_like=True):
    """A `WindowSummary` as data that msgspec can write; arrays are their bytes in C order."""

    names: tuple[str, ...]
    n: int
    ends: tuple[int, int, int]
    moments: MomentsSnapshot
    runs: bytes
    hash_bound: int
    sample: tuple[bytes, ...]
    width: int
    bins: tuple[bytes, ...] | None


_ALL: Final = 2**64 - 1
_SAMPLE: Final = ("rows", "positions", "times", "values")
_BINS: Final = ("rows", "count", "mean", "m2")


def view(
    summary: WindowSummary,
    scan: Callable[[int, int], Iterator[Table]],
    group: str | None = None,
) -> View:
    """Give a window as the detectors see it.

    Parameters
    ----------
    summary
        Of the whole window.
    scan
        Reads rows of the window again, in a range counted from its start; not called while the
        sample is exact.
    group
        The label group the window is about.
    """
    if summary.bins is None:
        return view_table(summary.sample, group)
    return View(
        names=summary.names,
        span=Span(summary.first, summary.last, summary.n),
        series={name: summary.bins.series(name) for name in summary.names},
        sample=summary.sample,
        scan=scan,
        group=group,
    )


def capacity_of(metrics: int) -> int:
    """Give the most rows, and bins, that are kept of so many metrics: a power of two.

    Examples
    --------
    >>> capacity_of(32), capacity_of(33), capacity_of(256)
    (16384, 4096, 1024)
    """
    if metrics <= WIDE:
        return CAPACITY
    most = max(CELLS // metrics, RUN_ROWS)
    return 1 << most.bit_length() - 1


def _width(n: int, capacity: int) -> int:
    """Give the least power of two for which so many rows fit into so many bins."""
    return 1 << max(-(-n // capacity) - 1, 0).bit_length()


def _lowest_runs(
    parts: Sequence[Table], runs: NDArray[np.int64], bound: int
) -> tuple[Table, NDArray[np.int64], int]:
    """Keep the runs of lowest hash below a bound, as many as the rows kept hold.

    Gives them in the order of rows, with the bound that now holds: a part that left out a run
    must tell, else shorter ones of a higher hash would take its place after a merge. Rows are
    put together once they are chosen: those of a part without metrics may be many.
    """
    capacity = capacity_of(len({name for part in parts for name in part.names}))
    rows, positions = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "positions")
    )
    if bound == _ALL and len(rows) <= capacity:
        whole = parts[0] if len(parts) == 1 else concatenate(parts)  # a pane need not be copied
        return whole, runs, bound
    starts = np.searchsorted(rows, runs)
    sizes = np.diff(starts, append=len(rows))
    hashes = _splitmix64(positions[starts])
    by_hash = np.argsort(hashes)
    over = by_hash[np.cumsum(sizes[by_hash]) > capacity]
    bound = min([bound, *hashes[over[:1]].tolist()])
    kept = hashes < bound
    ends = np.cumsum([len(part) for part in parts])[:-1]
    chosen = zip(parts, np.split(np.repeat(kept, sizes), ends), strict=True)
    return concatenate([part.take(which) for part, which in chosen]), runs[kept], bound


def _splitmix64(keys: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Scatter numbers over 64 bits, one to one (the finaliser of Steele et al. 2014)."""
    x = keys.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _bins_from(snapshot: SummarySnapshot) -> Bins | None:
    if snapshot.bins is None:
        return None
    shape = (-1, len(snapshot.names))
    return Bins(
        snapshot.names,
        snapshot.width,
        np.frombuffer(snapshot.bins[0], np.int64),
        np.frombuffer(snapshot.bins[1], np.int64).reshape(shape),
        np.frombuffer(snapshot.bins[2], np.float64).reshape(shape),
        np.frombuffer(snapshot.bins[3], np.float64).reshape(shape),
    )
