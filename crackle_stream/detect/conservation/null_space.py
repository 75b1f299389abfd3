"""Propose longer balances: whole-numbered vectors of the null space of some rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from crackle_stream.detect.conservation.law import Columns, Values, medians, rounding_errors
from crackle_stream.detect.conservation.probe import shuffled

_SPARE: Final = 8
"""Rows beyond the number of columns: an equation that fits them too is no accident."""

_NULL: Final = 1e-9
"""Singular values below this part of the largest are zero."""

_DOUBTFUL: Final = 1e-6
"""The same of the pivots of a QR decomposition, which may exceed singular values by far."""

_MULTIPLES: Final = 12
"""Denominators tried to make coefficients whole."""

LARGEST: Final = 12
"""Largest coefficient of a balance."""

_WHOLE: Final = 1e-4

_DRAWS: Final = 9
"""Draws of rows, so that one of them is without exceptions: at 5 % of rows, 20 are so once in 3."""

MOST_ROUNDED: Final = 48
"""Most columns whose sums within rounding are sought."""

_NOISE: Final = 2.0
"""Most of a singular value, in what independent rounding errors alone give it."""

_NEAR: Final = 0.1
"""How near to whole numbers coefficients found within rounding must be."""

_FEW_MULTIPLES: Final = 2

_MOST_LAWS: Final = 8
"""Most laws whose sums and differences are tried as well."""


def propose_long_balances(values: Values, known: Values) -> Values:
    """Propose all balances, with any number of terms, that hold exactly in some rows.

    From each column space those of known laws are removed (one column a law, since it follows
    from the others); the null space of what remains, by singular value decomposition, is brought
    to reduced echelon form, whose rows have whole coefficients if the laws do. A row that needs a
    coefficient above 12, as some do of three laws that share all their terms, is not proposed. Rows
    are runs, in which previous values are terms too, and draws, whose exceptions fall elsewhere.

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
    metrics = free[free < values.shape[1] // 2]
    drawn = _draws(~np.isnan(values[:, metrics]), len(metrics) + _SPARE)
    found = [_exact(block, free) for block in _blocks(values, len(free))]
    found += [_exact(values[rows], metrics) for rows in drawn]
    return np.concatenate([np.empty((0, values.shape[1])), *found])


def propose_rounded_balances(columns: Columns, known: Values) -> Values:
    """Propose balances of fractions that hold within rounding, with any number of terms.

    As `propose_long_balances`, with each column in units of its rounding error: directions in
    which rows scatter no more than such errors do are near to the laws, and near to whole numbers.
    """
    half = rounding_errors(columns, np.arange(len(columns.names)), medians(np.abs(columns.values)))
    half = half[: len(columns.names) // 2]
    fine = np.flatnonzero((half > 0) & (half < 0.5))
    fine = np.setdiff1d(fine, _pivots(known))[:MOST_ROUNDED]
    found = [np.empty((0, len(columns.names)))]
    for rows in _draws(~np.isnan(columns.values[:, fine]), len(fine) + _SPARE):
        block = columns.values[rows]
        moving = _moving(block, fine)
        if len(moving) > 2:
            vectors = _rounded_vectors(block[:, moving], half[moving] / 3**0.5)
            found.append(_spread_out(vectors, moving, block.shape[1]))
    return np.concatenate(found)


def _blocks(values: Values, columns: int) -> Iterator[Values]:
    """Give runs of rows just long enough, at the ends, the quarters and the middle."""
    size = columns + _SPARE
    if size <= len(values):
        for start in sorted({int(part * (len(values) - size)) for part in (0, 0.25, 0.5, 0.75, 1)}):
            yield values[start : start + size]


def _draws(present: NDArray[np.bool_], size: int) -> Iterator[NDArray[np.intp]]:
    """Draw rows by fixed seeds, those with most of the columns first, of either half and of all."""
    n = len(present)
    if present.shape[1] < 3 or n < size:
        return
    gone = (~present).sum(axis=1)
    parts = [np.arange(n), np.arange(n // 2), np.arange(n // 2, n)]
    for seed in range(_DRAWS):
        part = parts[seed % 3] if n >= 2 * size else parts[0]
        chosen = part[shuffled(len(part), seed)]
        if gone.any():
            chosen = chosen[np.argsort(gone[chosen], kind="stable")]
        yield chosen[:size]


def _moving(block: Values, places: NDArray[np.intp]) -> NDArray[np.intp]:
    whole = places[~np.isnan(block[:, places]).any(axis=0)]
    return np.asarray(whole[np.ptp(block[:, whole], axis=0) > 0])


def _exact(block: Values, places: NDArray[np.intp]) -> Values:
    moving = _moving(block, places)
    if not 2 <= len(moving) <= len(block) - _SPARE:
        return np.empty((0, block.shape[1]))
    return _spread_out(_whole_vectors(block[:, moving]), moving, block.shape[1])


def _spread_out(vectors: Values, places: NDArray[np.intp], columns: int) -> Values:
    equations = np.zeros((len(vectors), columns))
    equations[:, places] = vectors
    return equations


def _whole_vectors(block: Values) -> Values:
    away = block - block[0]
    scale = np.abs(away).max(axis=0)
    # Among hundreds of columns this tells at a tenth of the cost that there is mostly none.
    pivots = np.abs(np.diagonal(linalg.qr(away / scale, mode="r", pivoting=True)[0]))
    if pivots[-1] > _DOUBTFUL * pivots[0]:
        return np.empty((0, block.shape[1]))
    singular, right = np.linalg.svd(away / scale, full_matrices=False)[1:]
    null = right[singular <= _NULL * singular[0]] / scale
    return _whole_rows(null, _MULTIPLES, _WHOLE)


def _rounded_vectors(block: Values, error: Values) -> Values:
    away = (block - block.mean(axis=0)) / error
    singular = np.linalg.svd(away, compute_uv=False)
    laws = int((singular <= _NOISE * len(block) ** 0.5).sum())
    if laws == 0:
        return np.empty((0, block.shape[1]))
    right = np.linalg.svd(away, full_matrices=False)[2]
    ranks = range(1, min(laws, _MOST_LAWS) + 1)
    found = [_whole_rows(right[-rank:] / error, _FEW_MULTIPLES, _NEAR) for rank in ranks]
    return np.concatenate(found)


def _whole_rows(null: Values, multiples: int, near: float) -> Values:
    """Give the null space's rows that are whole, and their sums and differences, simpler maybe."""
    reduced, _ = _echelon(null)
    rows = [whole for row in reduced if (whole := _whole(row, multiples, near)) is not None]
    for one, other in combinations(rows[:_MOST_LAWS], 2):
        rows += [one + other, one - other]
    return np.array(rows).reshape(-1, null.shape[1])


def _whole(row: Values, multiples: int, near: float) -> Values | None:
    for multiple in range(1, multiples + 1):
        nearest = np.rint(multiple * row)
        if np.abs(multiple * row - nearest).max() <= near and np.abs(nearest).max() <= LARGEST:
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
