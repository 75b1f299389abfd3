"""Which metrics are reported together: mixed streams taken apart into complete tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from crackle_stream.table import Table

_MOST_SETS: Final = 4
_MOST_PATTERNS: Final = 64
_LEAST_ROWS: Final = 20


def usual_sets(table: Table) -> Iterator[Table]:
    """Take a table apart into complete ones, by the sets of metrics that rows report.

    Each time, of the sets that some row reports exactly, the one is taken that covers the most
    values in rows not yet taken; rows that report more metrics than the set belong to it too.
    At most `_MOST_SETS` tables of `_LEAST_ROWS` rows or more are given.

    Examples
    --------
    >>> from crackle_stream.detect.view import table_of
    >>> nan = float("nan")
    >>> mixed = table_of({"tests": [5.0] * 40 + [nan] * 25, "bytes": [nan] * 40 + [7.0] * 25})
    >>> [(part.names, len(part)) for part in usual_sets(mixed)]
    [(('tests',), 40), (('bytes',), 25)]
    """
    present = ~np.isnan(table.values)
    patterns, counts = np.unique(present, axis=0, return_counts=True)
    patterns = patterns[np.argsort(-counts, kind="stable")[:_MOST_PATTERNS]]
    covered = np.array([(present >= pattern).all(axis=1) for pattern in patterns])
    free = np.ones(len(table), bool)
    for _ in range(_MOST_SETS):
        rows = (covered & free).sum(axis=1)
        best = int(np.argmax(np.where(rows >= _LEAST_ROWS, rows * patterns.sum(axis=1), 0)))
        if rows[best] < _LEAST_ROWS or not patterns[best].any():
            return
        names = tuple(name for name, has in zip(table.names, patterns[best], strict=True) if has)
        yield table.take(covered[best] & free).with_names(names)
        free &= ~covered[best]
