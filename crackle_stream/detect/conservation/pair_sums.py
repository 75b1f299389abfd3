"""Sparse equations by hashing: sums of two columns that equal sums of two others."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Values = NDArray[np.float64]

_MOST: Final = 4_000
"""Most equations one search gives; the simplest come first."""

_PRIMES: Final = (2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0)
"""Whole numbers weighted by the roots of primes have equal sums only if they are equal; weights
that are fractions made a thousand metrics' counts collide by the million."""


class Sums(Struct, frozen=True):
    """Nothing, every column, and every sum and difference of two, of what is searched.

    Parameters
    ----------
    left, right
        int64: the columns of each; the number of columns stands for nothing.
    sign
        float64: of the right one.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    sign: Values


@lru_cache(maxsize=64)
def pair_sums(columns: int, paired: int) -> Sums:
    """List nothing, all single columns, and sums, differences and doubles of the first `paired`.

    The list is kept: not to be changed.
    """
    singles = np.arange(columns)
    a, b = np.triu_indices(paired)
    c, d = np.triu_indices(paired, 1)
    nothing = np.array([columns])
    left = np.concatenate([nothing, singles, a, c])
    right = np.concatenate([nothing, np.full(columns, columns), b, d])
    return Sums(left, right, np.concatenate([np.ones(1 + columns + len(a)), -np.ones(len(c))]))


def equal_sums(probes: Values, error: Values, sums: Sums) -> Values:
    """Find sums that are equal in all probe rows, by a random projection of them and one sort.

    Of a run of equal sums each gives one equation with the simplest of them, which spans all
    others: as many equations as sums, not as pairs of sums.

    Parameters
    ----------
    probes
        float64 of shape (rows, columns): differences to a reference row, so that constants drop.
    error
        float64 of the same shape: by how much each may be off.
    sums
        From `pair_sums`.

    Returns
    -------
    numpy.ndarray
        float64 of shape (equations, columns): coefficients.
    """
    weights = np.sqrt(_PRIMES[: len(probes)])
    key, slack = _padded(weights @ probes), _padded(weights @ error)
    keys = key[sums.left] + sums.sign * key[sums.right]
    slacks = slack[sums.left] + slack[sums.right]
    flip = np.where(keys < 0, -1.0, 1.0)
    size = np.abs(keys)
    order = np.argsort(size, kind="stable")
    near = np.diff(size[order]) <= slacks[order][1:] + slacks[order][:-1]
    run = np.concatenate([[0], np.cumsum(~near)])
    # Back to the order of `sums`, simplest first, within each run.
    order = order[np.lexsort((order, run))]
    first = np.searchsorted(run, run)
    others = np.flatnonzero(first != np.arange(len(run)))[:_MOST]
    equations = np.zeros((len(others), probes.shape[1] + 1))
    for which, sign in ((order[others], 1.0), (order[first[others]], -1.0)):
        _write(equations, sums, which, sign * flip[which])
    return equations[:, :-1]


def close_sums(probes: Values, slack: Values, sums: Sums) -> Values:
    """Find sums that agree within the rounding of their terms, comparing all pairs of them.

    Parameters and result are those of `equal_sums`; for few columns only.
    """
    probe, loose = _padded(probes), _padded(slack)
    values = probe[:, sums.left] + sums.sign * probe[:, sums.right]
    slacks = loose[:, sums.left] + loose[:, sums.right]
    equations = []
    for sign in (1.0, -1.0):
        i, j = np.nonzero(
            np.abs(values[0][:, None] - sign * values[0]) <= slacks[0][:, None] + slacks[0]
        )
        i, j = i[i < j], j[i < j]
        for value, reach in zip(values[1:], slacks[1:], strict=True):
            kept = np.abs(value[i] - sign * value[j]) <= reach[i] + reach[j]
            i, j = i[kept], j[kept]
        found = np.zeros((min(len(i), _MOST), probe.shape[1]))
        _write(found, sums, i[:_MOST], np.ones(len(found)))
        _write(found, sums, j[:_MOST], np.full(len(found), -sign))
        equations.append(found[:, :-1])
    return np.concatenate(equations)


def _padded(values: Values) -> Values:
    """Append a zero: what "nothing" adds."""
    return np.concatenate([values, np.zeros((*values.shape[:-1], 1))], axis=-1)


def _write(equations: Values, sums: Sums, which: NDArray[np.intp], sign: Values) -> None:
    at = np.arange(len(which))
    np.add.at(equations, (at, sums.left[which]), sign)
    np.add.at(equations, (at, sums.right[which]), sign * sums.sign[which])
