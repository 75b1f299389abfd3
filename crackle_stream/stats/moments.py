"""Running means, variances and covariances of metrics that may be absent, held by river."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from river import stats
from river.covariance import EmpiricalCovariance

from crackle_stream.table import Table

DDOF: Final = 1
_PATTERN_COST: Final = 4
"""Rows are taken by presence pattern while that makes at most so many times the pairs."""


class PairMoments(Struct, frozen=True, array_like=True):
    """River's state for two metrics over the rows where both are present.

    Parameters
    ----------
    a, b
        The metrics, ``a <= b``; a metric beside itself stands for its variance.
    n
        Rows.
    mean_a, mean_b
        Their means over those rows.
    moment
        Covariance (ddof 1), or for ``a == b`` the sum of squared deviations, as river keeps it.
    """

    a: str
    b: str
    n: float
    mean_a: float
    mean_b: float
    moment: float


class MomentsSnapshot(Struct, frozen=True):
    """The whole state of `RunningMoments`, as data; pairs are sorted."""

    pairs: tuple[PairMoments, ...]


class RunningMoments(EmpiricalCovariance):  # type: ignore[misc]
    """Empirical covariance over pairwise complete rows, fed a table at a time.

    A table is summarised by numpy in two passes (mean, then deviations from it) and merged into
    river's `Var` and `Cov` by the pairwise rule of Chan, Golub and LeVeque (1983). Rows with the
    same metrics are taken together; where nearly each has others, pairs of metrics are.

    Parameters
    ----------
    pairs
        Whether covariances are held too, whose number grows with the square of the metrics.

    Attributes
    ----------
    left_out
        Values of metrics beyond those followed, counted under ``__other__``.

    Examples
    --------
    >>> from crackle_stream.detect.view import table_of
    >>> moments = RunningMoments()
    >>> moments.observe(table_of({"x": [1.0, 2.0, 4.0], "y": [2.0, 4.0, float("nan")]}))
    >>> moments.count("x"), moments.variance("y"), moments.covariance("x", "y")
    (3, 2.0, 1.0)
    """

    def __init__(self, *, pairs: bool = True) -> None:
        super().__init__(ddof=DDOF)
        self._pairs = pairs
        self.left_out = 0

    def observe(self, table: Table) -> None:
        """Take in rows; NaN is an absent metric."""
        taken = _table_moments if self._pairs else _single_moments
        for pair in taken(table.names, table.values):
            self._add(pair)

    def merge(self, other: RunningMoments) -> None:
        """Take in what another has seen; the other is left as it was."""
        for key, theirs in other._cov.items():
            if key in self._cov:
                self._cov[key] += theirs
            else:
                self._cov[key] = _state_of(_pair(key, theirs))

    @property
    def names(self) -> tuple[str, ...]:
        """Metrics seen at least once, sorted."""
        return tuple(sorted(a for a, b in self._cov if a == b))

    def count(self, name: str, other: str | None = None) -> int:
        """Rows where a metric is present, or where two are."""
        state = self._state(name, other or name)
        return 0 if state is None else int(state.n)

    def mean(self, name: str) -> float:
        """Mean of a metric; NaN when never seen."""
        state = self._state(name, name)
        return float("nan") if state is None else float(state.mean.get())

    def variance(self, name: str) -> float:
        """Variance of a metric (ddof 1); NaN below two values."""
        return self.covariance(name, name)

    def covariance(self, a: str, b: str) -> float:
        """Covariance (ddof 1) over rows where both are present; NaN below two of them."""
        state = self._state(a, b)
        return float("nan") if state is None or state.n < 2 else float(state.get())

    def correlation(self, a: str, b: str) -> float:
        """Pearson's r: the covariance over the two standard deviations.

        Exact when both metrics are present in the same rows. NaN when either is constant.
        """
        spread = float(np.sqrt(self.variance(a) * self.variance(b)))
        return self.covariance(a, b) / spread if spread > 0 else float("nan")

    def snapshot(self) -> MomentsSnapshot:
        """Give the state as data."""
        return MomentsSnapshot(tuple(_pair(key, self._cov[key]) for key in sorted(self._cov)))

    @classmethod
    def restore(cls, snapshot: MomentsSnapshot) -> RunningMoments:
        """Give moments that continue where a snapshot was taken, bit for bit."""
        moments = cls()
        for pair in snapshot.pairs:
            moments._cov[pair.a, pair.b] = _state_of(pair)
        return moments

    def _add(self, pair: PairMoments) -> None:
        mine = self._cov.get((pair.a, pair.b))
        if mine is not None:
            mine += _state_of(pair)
        else:
            self._cov[pair.a, pair.b] = _state_of(pair)

    def _state(self, a: str, b: str) -> stats.Var | stats.Cov | None:
        return self._cov.get((a, b) if a <= b else (b, a))


def _single_moments(names: tuple[str, ...], values: NDArray[np.float64]) -> Iterator[PairMoments]:
    """Give the moments of each metric by itself."""
    for name, column in zip(names, values.T, strict=True):
        known = column[~np.isnan(column)]
        if len(known):
            mean = float(known.sum() / len(known))
            product = float(((known - mean) ** 2).sum())
            yield _pair_moments(name, name, len(known), mean, mean, product)


def _table_moments(names: tuple[str, ...], values: NDArray[np.float64]) -> Iterator[PairMoments]:
    """Give the moments of all pairs, in one part or by presence pattern."""
    present = ~np.isnan(values)
    if present.all():
        yield from _complete_moments(names, values)
        return
    bits = np.ascontiguousarray(np.packbits(present, axis=1))
    keys = bits.view(np.dtype((np.void, bits.shape[1]))).ravel()
    _, first, pattern = np.unique(keys, return_index=True, return_inverse=True)
    if (present[first].sum(axis=1) ** 2).sum() > _PATTERN_COST * len(names) ** 2:
        yield from _pairwise_moments(names, values)
        return
    for which, row in enumerate(first):
        columns = np.flatnonzero(present[row])
        there = tuple(names[column] for column in columns)
        yield from _complete_moments(there, values[np.ix_(pattern == which, columns)])


def _complete_moments(names: tuple[str, ...], values: NDArray[np.float64]) -> Iterator[PairMoments]:
    """Give the moments of rows that have all metrics."""
    n = len(values)
    if not n:
        return
    columns = np.ascontiguousarray(values.T)
    means = columns.sum(axis=1) / n
    deviations = columns - means[:, None]
    # einsum, not `@`: a threaded BLAS sums in an order of its own.
    products = np.einsum("in,jn->ij", deviations, deviations).tolist()
    mean = means.tolist()
    for (i, a), (j, b) in combinations_with_replacement(enumerate(names), 2):
        yield _pair_moments(a, b, n, mean[i], mean[j], products[i][j])


def _pairwise_moments(names: tuple[str, ...], values: NDArray[np.float64]) -> Iterator[PairMoments]:
    """Give the moments of each pair over the rows that have both."""
    columns = np.ascontiguousarray(values.T)
    there = (~np.isnan(columns)).astype(np.float64)
    filled = np.nan_to_num(columns, copy=False)
    middle = filled.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    # Around the middle, so that what is summed below is small; 0 where absent.
    filled = (filled - middle[:, None]) * there
    for i, a in enumerate(names):
        both = there[i] * there[i:]
        n = both.sum(axis=1)
        mean_a = np.einsum("jn,n->j", there[i:], filled[i]) / np.maximum(n, 1)
        mean_b = np.einsum("jn,n->j", filled[i:], there[i]) / np.maximum(n, 1)
        deviation_a = (filled[i] - mean_a[:, None]) * both
        product = np.einsum("jn,jn->j", deviation_a, filled[i:]).tolist()
        means = zip((middle[i] + mean_a).tolist(), (middle[i:] + mean_b).tolist(), strict=True)
        for j, (first, second) in enumerate(means):
            if n[j]:
                yield _pair_moments(a, names[i + j], int(n[j]), first, second, product[j])


def _pair_moments(
    a: str, b: str, n: int, mean_a: float, mean_b: float, product: float
) -> PairMoments:
    moment = product if a == b else product / max(n - DDOF, 1)
    return PairMoments(a, b, float(n), mean_a, mean_b, moment)


def _pair(key: tuple[str, str], state: stats.Var | stats.Cov) -> PairMoments:
    a, b = key
    if a == b:
        mean = state.mean.get()
        return PairMoments(a, b, state.n, mean, mean, state._S)
    return PairMoments(a, b, state.n, state.mean_x.get(), state.mean_y.get(), state.cov)


def _state_of(pair: PairMoments) -> stats.Var | stats.Cov:
    if pair.a != pair.b:
        return stats.Cov._from_state(pair.n, pair.mean_a, pair.mean_b, pair.moment, ddof=DDOF)
    # Not through Var._from_state: it multiplies by n - 1 what was divided by it.
    state = stats.Var(DDOF)
    state.mean = stats.Mean._from_state(pair.n, pair.mean_a)
    state._S = pair.moment
    return state
