"""From a batch of events to rows of numbers: which metrics there are, and where they stand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.event import OUTCOMES, EventBatch
from crackle_stream.pattern import Note
from crackle_stream.profile import ThermalProfile
from crackle_stream.table import Table

OTHER: Final = "__other__"
LARGEST: Final = 1e150
DURATION: Final = "duration"
FAILED: Final = "outcome.failed"
_OK_CODE: Final = OUTCOMES.index("ok")
_FAILED_CODE: Final = OUTCOMES.index("failed")


class RowReader:
    """Turns batches, in log order, into tables whose rows are log positions.

    A task's own duration becomes the metric ``duration`` and its outcome ``outcome.failed`` (1
    when it failed, 0 when it is ok) wherever its metrics have none of that name. The first
    distinct metric names in log order are kept; values of later ones are counted under
    ``__other__`` and left out.

    Parameters
    ----------
    profile
        Says which metrics to ignore, and how many to keep.
    max_metrics
        Distinct metric names kept at most; None: as many as the profile says.
    kept
        Names that were kept already, for a reader that starts in the middle of a log.

    Examples
    --------
    >>> from crackle_stream.event import TaskEvent, batch_events
    >>> events = [TaskEvent(metrics={"x": 1.0}, outcome="ok"), TaskEvent(metrics={}, duration=2.0)]
    >>> table = RowReader().read(batch_events(events), first=10)
    >>> table.names, table.positions.tolist()
    (('duration', 'outcome.failed', 'x'), [10, 11])
    >>> table.values
    array([[nan,  0.,  1.],
           [ 2., nan, nan]])
    """

    def __init__(
        self,
        profile: ThermalProfile | None = None,
        max_metrics: int | None = None,
        kept: Iterable[str] = (),
    ) -> None:
        self._profile = profile or ThermalProfile()
        self._max_metrics = self._profile.max_metrics if max_metrics is None else max_metrics
        # Derived metrics have a place of their own, whichever block first brings one.
        derived = {name for name in (DURATION, FAILED) if not self._profile.ignores(name)}
        self._most = self._max_metrics + len(derived)
        self._kept = derived.union(kept)
        self._seen = 0
        self.left_out = 0
        self.immeasurable = 0

    @property
    def kept(self) -> tuple[str, ...]:
        """The metric names kept so far, sorted."""
        return tuple(sorted(self._kept))

    def read(self, batch: EventBatch, first: int) -> Table:
        """Give a batch's rows; `first` is the log position of its first event."""
        self._admit(batch)
        failed = None if batch.outcomes is None else failures(batch.outcomes)
        offered = {DURATION: batch.durations, FAILED: failed}
        columns = {
            name: column
            for name, column in offered.items()
            if column is not None and name in self._kept
        }
        names = tuple(sorted({*self._present(batch), *columns}))
        values = np.full((len(batch), len(names)), np.nan)
        for name, column in columns.items():
            values[:, names.index(name)] = column
        self._fill(batch, first, names, values)
        self._drop_immeasurable(values, first)
        self._seen = max(self._seen, first + len(batch))
        positions = np.arange(first, first + len(batch), dtype=np.int64)
        return Table(names, positions, positions, batch.times, values)

    def notes(self) -> tuple[Note, ...]:
        """Say how many values were left out, if any."""
        further = f"further metrics than the first {self._max_metrics:,}"
        reasons = (
            (self.left_out, f"{further} were counted under {OTHER} and left out"),
            (self.immeasurable, f"a size beyond {LARGEST:g} were left out"),
        )
        return tuple(
            Note("metrics", f"values of {reason}: {count:,}") for count, reason in reasons if count
        )

    def _drop_immeasurable(self, values: NDArray[np.float64], first: int) -> None:
        """Leave out what has no square among float64: no variance could be given of it."""
        huge = values > LARGEST
        huge |= values < -LARGEST
        if huge.any():
            values[huge] = np.nan
            self.immeasurable += int(huge[max(self._seen - first, 0) :].sum())

    def _admit(self, batch: EventBatch) -> None:
        """Learn new metric names in the order of the events that bring them."""
        if len(self._kept) >= self._most:
            return
        if all(name in self._kept for matrix in batch.matrices for name in matrix.names):
            return
        used, first_rows = np.unique(batch.set_of, return_index=True)
        for which in used[np.argsort(first_rows)]:
            for name in batch.matrices[which].names:
                self._admit_name(name)

    def _admit_name(self, name: str) -> None:
        if not self._profile.ignores(name) and len(self._kept) < self._most:
            self._kept.add(name)

    def _present(self, batch: EventBatch) -> Iterable[str]:
        used = [batch.matrices[which] for which in np.unique(batch.set_of)]
        return (name for matrix in used for name in matrix.names if name in self._kept)

    def _fill(
        self, batch: EventBatch, first: int, names: tuple[str, ...], values: NDArray[np.float64]
    ) -> None:
        place = {name: column for column, name in enumerate(names)}
        for matrix, mine in zip(batch.matrices, batch.rows_by_set(), strict=True):
            source = batch.row_of[mine]
            for column, name in enumerate(matrix.names):
                if name in place:
                    values[mine, place[name]] = matrix.values[source, column]
                elif not self._profile.ignores(name):
                    # Rows that are read again are not counted again.
                    self.left_out += int((mine + first >= self._seen).sum())


def failures(outcomes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Give 1 where a task failed, 0 where it was ok, NaN where it did not say."""
    meaning = np.full(len(OUTCOMES), np.nan)
    meaning[[_OK_CODE, _FAILED_CODE]] = 0.0, 1.0
    return meaning[outcomes]
