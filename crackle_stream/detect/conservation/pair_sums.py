"""Sparse equations by hashing: sums of two columns that equal sums of two others."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Values = NDArray[np.float64]

_MOST: Final = 4_000
"""Most equations one search gives; the simplest come first."""

_BLOCK: Final = 256
"""Equations given at a time: of many columns, each is a long vector of zeros."""

_PRIMES: Final = (2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0)
"""Whole numbers weighted by the roots of primes have equal sums only if they are equal; weights
that are fractions made a thousand metrics' counts collide by the million."""


class Sums(Struct, frozen=True):
    """Nothing, every column, and every sum and difference of two, of what is searched.

    Parameters
    ----------
    left, right
        int32: the columns of each; the number of columns stands for nothing.
    sign
        int8: of the right one.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    sign: NDArray[np.int8]


@lru_cache(maxsize=8)
def pair_sums(columns: int, paired: int) -> Sums:
    """List nothing, all single columns, and sums, differences and doubles of the first `paired`.

    The list is kept: not to be changed.
    """
    singles = np.arange(columns, dtype=np.int32)
    a, b = _pairs(paired, 0)
    c, d = _pairs(paired, 1)
    nothing = np.array([columns], np.int32)
    left = np.concatenate([nothing, singles, a, c])
    right = np.concatenate([nothing, np.full(columns, columns, np.int32), b, d])
    return Sums(left, right, np.repeat(np.array([1, -1], np.int8), [len(left) - len(c), len(c)]))


def _pairs(columns: int, apart: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    one, other = np.nonzero(np.tri(columns, k=-apart, dtype=bool).T)
    return one.astype(np.int32), other.astype(np.int32)


def equal_sums(probes: Values, error: Values, sums: Sums) -> Iterator[Values]:
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

    Yields
    ------
    numpy.ndarray
        float64 of shape (equations, columns): coefficients, of some equations at a time.
    """
    weights = np.sqrt(_PRIMES[: len(probes)])
    key, slack = _padded(weights @ probes), _padded(weights @ error)
    size = np.abs(key[sums.left] + sums.sign * key[sums.right])
    order = np.argsort(size, kind="stable")
    size = size[order]
    slacks = slack[sums.left[order]] + slack[sums.right[order]]
    near = np.diff(size) <= slacks[1:] + slacks[:-1]
    run = np.concatenate([[0], np.cumsum(~near)])
    del size, slacks
    several = np.flatnonzero(np.append(near, False) | np.insert(near, 0, False))
    order, run = order[several], run[several]
    # Back to the order of `sums`, simplest first, within each run.
    order = order[np.lexsort((order, run))]
    first = np.searchsorted(run, run)
    others = np.flatnonzero(first != np.arange(len(run)))[:_MOST]
    for start in range(0, len(others), _BLOCK):
        some = others[start : start + _BLOCK]
        equations = np.zeros((len(some), probes.shape[1] + 1))
        for which, sign in ((order[some], 1.0), (order[first[some]], -1.0)):
            away = key[sums.left[which]] + sums.sign[which] * key[sums.right[which]]
            _write(equations, sums, which, np.where(away < 0, -sign, sign))
        yield equations[:, :-1]


def close_sums(probes: Values, slack: Values, sums: Sums) -> Values:
    """Find sums that agree within the rounding of their terms, comparing all pairs of them.

    Parameters are those of `equal_sums`, and so are its equations; for few columns only.
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
