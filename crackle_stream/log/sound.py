"""Whether the columns of a block fit together: a right CRC says who wrote bytes, not what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from crackle_stream.event import OUTCOMES, EventBatch, MetricMatrix

MOST_EVENTS: Final = 1 << 20
"""Most events of a block that is read: 64 times what is written, and bounded where none of them
has a byte."""


def check_batch(batch: EventBatch, count: int) -> None:
    """Raise ValueError when a batch of so many events is not what its readers rely on."""
    _check_lengths(batch, count)
    last = int(batch.set_of.max()) if count else -1
    if last >= len(batch.matrices):
        raise ValueError(f"an event uses matrix {last} of {len(batch.matrices)}")
    uses = np.bincount(batch.set_of, minlength=len(batch.matrices))
    for matrix, used in zip(batch.matrices, uses.tolist(), strict=True):
        _check_matrix(matrix, used)
    _check_tasks(batch)


def _check_lengths(batch: EventBatch, count: int) -> None:
    columns: dict[str, Sequence[object] | None] = {
        name: getattr(batch, name) for name in batch.__struct_fields__ if name != "matrices"
    }
    for name, column in columns.items():
        if column is not None and len(column) != count:
            raise ValueError(f"{name} of {len(column)} events where there are {count}")


def _check_matrix(matrix: MetricMatrix, used: int) -> None:
    if len(matrix.values) < used:
        raise ValueError(f"{used} events use a matrix of {len(matrix.values)} rows")
    if len(set(matrix.names)) < len(matrix.names):
        raise ValueError("a matrix has two columns of one name")
    if not np.isfinite(matrix.values).all():
        raise ValueError("a metric is not finite")


def _check_tasks(batch: EventBatch) -> None:
    if batch.durations is not None and np.isinf(batch.durations).any():
        raise ValueError("a duration is not finite")
    if batch.outcomes is not None and batch.outcomes.max(initial=0) >= len(OUTCOMES):
        raise ValueError(f"outcome {batch.outcomes.max()} is none")
    for text in batch.values or ():
        if text is not None:
            msgspec.json.decode(text)
