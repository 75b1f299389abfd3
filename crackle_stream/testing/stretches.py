"""Stretches cut and put together in every way, and what is said of them compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any, Final

import msgspec
import numpy as np

from crackle_stream.clock import Deadline
from crackle_stream.detect.judge import judge
from crackle_stream.detect.observed import Observed, observed
from crackle_stream.detect.view import view_table
from crackle_stream.detector import Registered
from crackle_stream.profile import CoolingRate
from crackle_stream.table import Table

ANY_SIZE: Final = msgspec.structs.replace(CoolingRate.fast(), min_tasks_for_detection=1)

SAME: Final = 1e-6
"""Floats that were summed in another order differ by less than this part."""


def observe(detector: Registered, table: Table) -> Observed:
    """Let a detector observe one pane."""
    (one,) = observed((detector,), table)
    return one


def verdict_of(one: Observed, table: Table) -> Any:
    """Give what a detector says of a stretch that it has a summary of, as plain data.

    Raises
    ------
    AssertionError
        When it fails.
    """
    said = judge((one,), view_table(table), ANY_SIZE, Deadline(None))
    for failure in said.failures:
        raise AssertionError(failure.text)
    return msgspec.to_builtins(said.detections[one.detector.name])


def cut(table: Table, cuts: int, seed: int) -> list[Table]:
    """Cut rows into stretches at random places, the same for the same seed."""
    places = np.random.default_rng([53, seed]).choice(len(table) - 1, cuts, replace=False) + 1
    ends = [0, *sorted(places.tolist()), len(table)]
    return [table.take(slice(a, b)) for a, b in pairwise(ends)]


def same(one: Any, other: Any) -> bool:
    """Whether two verdicts agree, but for what the order of a sum changes."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(same(a, b) for a, b in pairs)
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=SAME, abs_tol=SAME**2)
    return bool(one == other)


def _from_the_left(parts: Sequence[Observed]) -> Observed:
    return reduce(lambda one, other: one.merge(other), parts)


def _from_the_right(parts: Sequence[Observed]) -> Observed:
    return reduce(lambda other, one: one.merge(other), reversed(parts))


def _in_halves(parts: Sequence[Observed]) -> Observed:
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return _in_halves(parts[:middle]).merge(_in_halves(parts[middle:]))


FOLDS: Final[dict[str, Callable[[Sequence[Observed]], Observed]]] = {
    "from the left": _from_the_left,
    "from the right": _from_the_right,
    "in halves": _in_halves,
}
"""Ways to put parts together."""
