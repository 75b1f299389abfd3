"""Propose longer balances: whole-numbered vectors of the null space of consecutive rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_SPARE: Final = 8
"""Rows beyond the number of columns: an equation that fits them too is no accident."""

_NULL: Final = 1e-9
"""Singular values below this part of the largest are zero."""

_MULTIPLES: Final = 12
"""Denominators tried to make coefficients whole."""

LARGEST: Final = 12
"""Largest coefficient of a balance."""

_WHOLE: Final = 1e-4


def propose_long_balances(values: Values, known: Values) -> Values:
    """Propose all balances, with any number of terms, that hold exactly in some run of rows.

    From each column space those of known laws are removed (one column a law, since it follows
    from the others); the null space of what remains, by singular value decomposition, is brought
    to reduced echelon form, whose rows have whole coefficients if the laws do.

    Parameters
    ----------
    values
        float64 of shape (rows, columns); NaN where absent.
    known
        float64 of shape (laws, columns): linearly independent vectors of laws already found.

    Returns
    -------
    numpy.ndarray
        float64 of shape (equations, columns).
    """
    free = np.setdiff1d(np.arange(values.shape[1]), _pivots(known))
    found = [np.empty((0, values.shape[1]))]
    for block in _blocks(values, len(free)):
        moving = free[~np.isnan(block[:, free]).any(axis=0)]
        moving = moving[np.ptp(block[:, moving], axis=0) > 0]
        if 2 <= len(moving) <= len(block) - _SPARE:
            vectors = _whole_vectors(block[:, moving])
            equations = np.zeros((len(vectors), values.shape[1]))
            equations[:, moving] = vectors
            found.append(equations)
    return np.concatenate(found)


def _blocks(values: Values, columns: int) -> Iterator[Values]:
    """Give runs of rows just long enough, at the ends, the quarters and the middle."""
    size = columns + _SPARE
    if size <= len(values):
        for start in sorted({int(part * (len(values) - size)) for part in (0, 0.25, 0.5, 0.75, 1)}):
            yield values[start : start + size]


def _whole_vectors(block: Values) -> Values:
    away = block - block[0]
    scale = np.abs(away).max(axis=0)
    _, singular, right = np.linalg.svd(away / scale, full_matrices=False)
    null = right[singular <= _NULL * singular[0]] / scale
    reduced, _ = _echelon(null)
    rows = [whole for row in reduced if (whole := _whole(row)) is not None]
    return np.array(rows).reshape(-1, block.shape[1])


def _whole(row: Values) -> Values | None:
    for multiple in range(1, _MULTIPLES + 1):
        nearest = np.rint(multiple * row)
        if np.abs(multiple * row - nearest).max() <= _WHOLE and np.abs(nearest).max() <= LARGEST:
            return nearest
    return None


def _pivots(vectors: Values) -> NDArray[np.int64]:
    return _echelon(vectors)[1]


def _echelon(vectors: Values) -> tuple[Values, NDArray[np.int64]]:
    """Reduce rows (Gauss and Jordan, largest entry first) so that each has a column of its own."""
    rows = vectors / np.abs(vectors).max(axis=1, keepdims=True, initial=1e-300)
    pivots = np.zeros(len(rows), np.int64)
    for i in range(len(rows)):
        rest = np.abs(rows[i:])
        at, pivot = np.unravel_index(int(rest.argmax()), rest.shape)
        rows[[i, i + at]] = rows[[i + at, i]]
        rows[i] /= rows[i, pivot]
        others = np.arange(len(rows)) != i
        rows[others] -= np.outer(rows[others, pivot], rows[i])
        pivots[i] = pivot
    return rows, pivots
