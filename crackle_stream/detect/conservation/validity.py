"""Where in a window something holds: the stretch, single exceptions, and the break for good."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

ENDING: Final = 5
"""So many failures in a row at an end of the window are no single exceptions any more."""


class Validity(Struct, frozen=True):
    """Rows `first` to `last` (both included) of a sequence, and what fails among them.

    Parameters
    ----------
    first, last
        Ends of the stretch.
    exceptions
        int64: rows within that fail.
    broken
        Row from which it fails for good, if it does before the sequence ends.
    """

    first: int
    last: int
    exceptions: NDArray[np.int64]
    broken: int | None

    def __len__(self) -> int:
        return self.last - self.first + 1


def find_validity(holds: NDArray[np.bool_], weight: float) -> Validity | None:
    """Find the stretch in which a law holds, by the maximal sum of scores (Kadane).

    A row that holds scores 1, one that fails ``-weight``; the stretch has the largest sum. Fewer
    than five rows between it and an end of the sequence count as exceptions in it.

    Examples
    --------
    >>> find_validity(np.array([True] * 20 + [False] * 9), 4.0).broken
    20
    """
    total = np.concatenate([[0.0], np.cumsum(np.where(holds, 1.0, -weight))])
    low = np.minimum.accumulate(total)
    gain = total - low
    end = int(np.argmax(gain))
    if end == 0:
        return None
    start = int(np.flatnonzero(total[:end] == low[end])[-1])
    n = len(holds)
    if start < ENDING:
        start = 0
    if n - end < ENDING:
        end = n
    failing = np.flatnonzero(~holds[start:end]).astype(np.int64) + start
    return Validity(start, end - 1, failing, end if end < n else None)
