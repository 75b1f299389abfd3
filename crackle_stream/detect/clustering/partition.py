"""Points divided into groups, with the chance that points without groups would be."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class Partition(Struct, frozen=True):
    """What a search for groups gives.

    Parameters
    ----------
    labels
        int64 group of each point from 0; -1 is noise. All 0 where no groups were found.
    p_value
        Chance that the search divides points that have no groups this clearly.
    chances
        By group: the chance of what divides it from its neighbours, looked at alone. Division
        keeps it at a level; how far it is below tells one group from another.
    """

    labels: NDArray[np.int64]
    p_value: float
    chances: tuple[float, ...] = (1.0,)

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return int(self.labels.max(initial=-1)) + 1


def least_size(n: int) -> int:
    """Give the least number of points that make a group among n: one in twenty, at least five."""
    return max(5, n // 20)
