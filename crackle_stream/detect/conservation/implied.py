"""What laws imply together: the span of their coefficient vectors."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_PARALLEL: Final = 1e-6


class Implied:
    """All weighted sums of the laws taken in so far.

    Examples
    --------
    >>> laws = Implied(3)
    >>> laws.add(np.array([1.0, 1.0, -1.0]))
    >>> laws.implies(np.array([2.0, 2.0, -2.0])), laws.implies(np.array([1.0, -1.0, 0.0]))
    (True, False)
    """

    def __init__(self, columns: int) -> None:
        self._basis = np.empty((0, columns))
        self._laws: list[NDArray[np.float64]] = []

    @property
    def basis(self) -> NDArray[np.float64]:
        """Orthonormal rows that span the laws."""
        return self._basis

    def implies(self, vector: NDArray[np.float64], within: float = _PARALLEL) -> bool:
        """Tell whether a law follows from those taken in, but for this part of its length."""
        vector = _near_one(vector)
        length = float(np.linalg.norm(vector))
        return float(np.linalg.norm(self._beyond(vector))) <= within * length

    def add(self, vector: NDArray[np.float64]) -> None:
        """Take a law in."""
        if not self.implies(vector):
            beyond = self._beyond(self._beyond(_near_one(vector)))
            self._basis = np.vstack([self._basis, beyond / np.linalg.norm(beyond)])
            self._laws += [vector, *self._ties_through(vector)]

    def shortest(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """Take laws off a vector while each leaves fewer terms; itself if none does."""
        for law in self._laws:
            shared = np.flatnonzero((law != 0) & (vector != 0))
            for multiple in np.unique(vector[shared] / law[shared]):
                rest = vector - multiple * law
                rest[np.abs(rest) <= _PARALLEL * np.abs(vector).max()] = 0
                if np.count_nonzero(rest) < np.count_nonzero(vector):
                    return self.shortest(rest)
        return vector

    def _ties_through(self, vector: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Give the laws of two terms that one of two terms makes of those that share a column."""
        if np.count_nonzero(vector) != 2:
            return []
        ties = []
        for law in self._laws:
            shared = np.flatnonzero((law != 0) & (vector != 0))
            if len(shared) == 1 and np.count_nonzero(law) == 2:
                ties.append(law / law[shared[0]] - vector / vector[shared[0]])
        return ties

    def tied(self) -> NDArray[np.int64]:
        """Give for each column the first of those that laws of two terms tie it to."""
        first = np.arange(self._basis.shape[1])
        for law in self._laws:
            places = np.flatnonzero(law)
            if len(places) == 2:
                ends = first[places]
                first[np.isin(first, ends)] = ends.min()
        return first

    def _beyond(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        return vector - (self._basis @ vector) @ self._basis


def _near_one(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale by a power of two, which rounds nothing: squares of large weights would overflow."""
    _, exponent = np.frexp(np.abs(vector).max())
    scaled: NDArray[np.float64] = np.ldexp(vector, -exponent)
    return scaled
