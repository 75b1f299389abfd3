"""Chatterjee's rank correlation: how far one metric is a function of another, of any shape."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import special

from crackle_stream.detect.correlation.standout import standout
from crackle_stream.detect.ranks import rank_bounds

Values = NDArray[np.float64]
Order = NDArray[np.intp]

_SEED: Final = 20_210_401  # ties are broken at random, by the same draw every time


class XiMatrix(Struct, frozen=True):
    """xi of each column on each other, and how far out it lies.

    Parameters
    ----------
    xi
        Shape (metrics, metrics): row is the argument, column the function.
    z
        Standardised by the exact mean and variance of the permutation null.
    """

    xi: Values
    z: Values


def xi_matrix(scores: Values) -> XiMatrix:
    """Compute xi of every column as a function of every other, ties in both allowed.

    With the rows in order of x, xi is ``1 - n * sum |r[i+1] - r[i]| / (2 * sum l (n - l))``,
    r and l being how many values are at most and at least y. Null: every order of y is equally
    likely; mean and variance of the sum are then exact, also with ties. Its distribution is close
    to normal.

    Parameters
    ----------
    scores
        Shape (rows, metrics), any monotone function of the values; NaN is absent.

    References
    ----------
    S. Chatterjee, A new coefficient of correlation, JASA, 2021. A. Wald and J. Wolfowitz, An exact
    test for randomness, 1943 (permutation moments of serial statistics).
    """
    _, ranks = rank_bounds(scores)
    present = ~np.isnan(ranks)
    null = _permutation_null(ranks)
    metrics = scores.shape[1]
    steps, edges = np.zeros((metrics, metrics)), np.zeros((metrics, metrics))
    for column in range(metrics):
        order = order_of(scores[:, column])
        steps[column] = np.abs(np.diff(_carried(ranks[order]), axis=0)).sum(axis=0)
        edges[column] = np.maximum(present[order].sum(axis=0) - 1, 0)
    mean, deviation = _moments(null, edges)
    z = (mean - steps) / np.where(deviation > 0, deviation, np.inf)
    return XiMatrix(1 - steps / np.where(mean > 0, mean, np.inf), z)


def order_of(values: Values) -> Order:
    """Give the present rows in order of value, ties in a fixed arbitrary order."""
    shuffled = np.random.default_rng(_SEED).permutation(len(values))
    order = shuffled[np.argsort(values[shuffled], kind="stable")]
    known: Order = order[~np.isnan(values[order])]
    return known


def xi_p(z: Values) -> Values:
    """Give the p-value of the larger of two standardised xi, one in each direction."""
    p_values: Values = np.minimum(1.0, 2 * special.ndtr(-z))
    return p_values


def shifted_z(x: Values, y: Values, most_shift: int) -> float:
    """Standardise xi of y on x by its values at circular shifts of one against the other.

    Shifts from 1 to `most_shift` both ways keep what neighbouring rows have in common and break
    what a row has alone (`standout`).

    Parameters
    ----------
    x, y
        Scores of the two, in order; NaN is absent.
    """
    both = ~np.isnan(x) & ~np.isnan(y)
    _, ranks = rank_bounds(y[both, None])
    order = order_of(x[both])
    shifts = np.arange(-most_shift, most_shift + 1)
    rolled = ranks[(order[None, :] + shifts[:, None]) % len(order), 0]
    steps = np.abs(np.diff(rolled, axis=1)).sum(axis=1)
    mean, deviation = _moments(_permutation_null(ranks), np.array([len(order) - 1.0]))
    z = (mean - steps) / np.where(deviation > 0, deviation, np.inf)
    return float(standout(z[None, :], np.array([most_shift]))[0])


def equivalent_r(xi: float) -> float:
    """Give the |r| of a bivariate normal distribution that has this xi.

    For that distribution xi is ``3/pi * arcsin((1 + r*r) / 2) - 1/2``: so a threshold on |r|
    asks the same closeness of a curve as of a line.

    Examples
    --------
    >>> round(equivalent_r(0.303), 2)
    0.7
    """
    angle = np.pi / 3 * (min(max(xi, 0.0), 1.0) + 0.5)
    return float(np.sqrt(max(0.0, 2 * np.sin(angle) - 1)))


class _Null(Struct, frozen=True):
    """Permutation means of d = |r - r'|, d * d, and d * d' with one and no row in common."""

    one: Values
    square: Values
    chained: Values
    apart: Values


def _permutation_null(ranks: Values) -> _Null:
    sums = np.array([_distance_sums(column[~np.isnan(column)]) for column in ranks.T])
    n, total, squares, stars = sums.T
    pairs = np.maximum(n * (n - 1), 1)
    triples, quadruples = np.maximum(pairs * (n - 2), 1), np.maximum(pairs * (n - 2) * (n - 3), 1)
    return _Null(
        total / pairs,
        squares / pairs,
        (stars - squares) / triples,
        (total**2 - 4 * stars + 2 * squares) / quadruples,
    )


def _distance_sums(ranks: Values) -> tuple[float, float, float, float]:
    """Give n, and over ordered pairs sums of d, of d * d, of squares of each row's sum of d."""
    n = len(ranks)
    ordered = np.sort(ranks)
    below = np.cumsum(ordered)
    place = np.arange(1, n + 1)
    of_row = ordered * (2 * place - n) - 2 * below + ordered.sum()
    squares = 2 * (n * (ordered**2).sum() - ordered.sum() ** 2)
    return float(n), float(of_row.sum()), float(squares), float((of_row**2).sum())


def _moments(null: _Null, edges: Values) -> tuple[Values, Values]:
    """Give mean and standard deviation of the sum of d over a chain of so many edges."""
    mean = edges * null.one
    chains, others = 2 * np.maximum(edges - 1, 0), np.maximum((edges - 1) * (edges - 2), 0)
    square = edges * null.square + chains * null.chained + others * null.apart
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def _carried(ranks: Values) -> Values:
    """Put in each absent place the last rank before it: it then adds nothing to the steps."""
    present = ~np.isnan(ranks)
    if present.all():
        return ranks
    last = np.maximum.accumulate(np.where(present, np.arange(len(ranks))[:, None], 0), axis=0)
    carried = np.take_along_axis(ranks, last, axis=0)
    first = np.take_along_axis(ranks, np.argmax(present, axis=0)[None, :], axis=0)
    filled: Values = np.nan_to_num(np.where(np.isnan(carried), first, carried))
    return filled
