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

    @property
    def basis(self) -> NDArray[np.float64]:
        """Orthonormal rows that span the laws."""
        return self._basis

    def implies(self, vector: NDArray[np.float64]) -> bool:
        """Tell whether a law follows from those taken in."""
        vector = _near_one(vector)
        length = float(np.linalg.norm(vector))
        return float(np.linalg.norm(self._beyond(vector))) <= _PARALLEL * length

    def add(self, vector: NDArray[np.float64]) -> None:
        """Take a law in."""
        if not self.implies(vector):
            beyond = self._beyond(self._beyond(_near_one(vector)))
            self._basis = np.vstack([self._basis, beyond / np.linalg.norm(beyond)])

    def _beyond(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        return vector - (self._basis @ vector) @ self._basis


def _near_one(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale by a power of two, which rounds nothing: squares of large weights would overflow."""
    _, exponent = np.frexp(np.abs(vector).max())
    scaled: NDArray[np.float64] = np.ldexp(vector, -exponent)
    return scaled
