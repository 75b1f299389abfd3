"""Propose linear balances: sums of up to four metrics, their steps and previous values."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.detect.conservation.law import Columns, Values, slack_of
from crackle_stream.detect.conservation.pair_sums import close_sums, equal_sums, pair_sums
from crackle_stream.detect.conservation.probe import Probe, checked, draw_probes

Rows = NDArray[np.intp]

MOST_COMPARED: Final = 24
"""Most columns whose sums are compared pair by pair."""


def propose_balances(columns: Columns) -> Values:
    """Propose sums of metrics and their previous values that seem constant.

    Hashes pair sums of metrics and of their steps from row to row at a few rows; what agrees
    there is checked on some more.

    Returns
    -------
    numpy.ndarray
        float64 of shape (equations, columns): distinct coefficient vectors, simplest first.
    """
    found = np.empty((0, len(columns.names)))
    for probe in draw_probes(columns):
        found = simplest_first(np.concatenate([found, _search_levels(columns, probe)]))
    return found


def propose_products(columns: Columns) -> Values:
    """Propose sums of logarithms that seem constant, within the rounding of their terms."""
    found = []
    for probe in draw_probes(columns):
        vectors = _close(columns, probe, np.arange(len(columns.names))[:MOST_COMPARED])
        found.append(checked(columns, probe, vectors, rounded=True))
    return simplest_first(np.concatenate(found)) if found else np.empty((0, len(columns.names)))


def _search_levels(columns: Columns, probe: Probe) -> Values:
    m = len(columns.names) // 2
    rows = np.append(probe.rows, probe.reference)
    level, before = columns.values[rows, :m], columns.values[rows, m:]
    wide = np.hstack([level, level - before, before])
    error = np.abs(np.hstack([level, np.abs(level) + np.abs(before), before]))
    probes = wide[:-1] - wide[-1]
    moving = np.flatnonzero(~np.isnan(probes).any(axis=0) & (probes != 0).any(axis=0))
    scale = 4 * np.finfo(float).eps * (error[:-1] + error[-1])
    sums = pair_sums(len(moving), int((moving < 2 * m).sum()))
    exact = (
        checked(columns, probe, _in_levels(vectors, moving, m), rounded=False)
        for vectors in equal_sums(probes[:, moving], scale[:, moving], sums)
    )
    within = (
        checked(columns, probe, _close(columns, probe, group), rounded=True)
        for group in _rounding_groups(columns, m)
    )
    return np.concatenate([np.empty((0, len(columns.names))), *exact, *within])


def _in_levels(vectors: Values, moving: Rows, m: int) -> Values:
    """Rewrite coefficients of (metric, step, previous value) for (metric, previous value)."""
    equations = np.zeros((len(vectors), 3 * m))
    equations[:, moving] = vectors
    level, step, before = equations[:, :m], equations[:, m : 2 * m], equations[:, 2 * m :]
    return plainest(np.hstack([level + step, before - step]))


def plainest(vectors: Values) -> Values:
    """Say of the metrics themselves what is about previous values only, or about both alike."""
    level, before = np.hsplit(vectors.copy(), 2)
    late = ~np.any(level != 0, axis=1)
    level[late] = before[late]
    # Equality in Cauchy's inequality, exact in whole numbers: one is a multiple of the other.
    lengths = (level**2).sum(axis=1) * (before**2).sum(axis=1)
    before[late | ((level * before).sum(axis=1) ** 2 == lengths)] = 0
    return np.hstack([level, before])


def _rounding_groups(columns: Columns, m: int) -> list[Rows]:
    """Give metrics that share a rounding step finer than one: sums of them may be off by some.

    Those rounded relative to their size make one group more.
    """
    half = columns.half[:m]
    steps = sorted(set(half[(half > 0) & (half < 0.5)].tolist()))
    groups = [np.flatnonzero(half == step) for step in steps]
    groups.append(np.flatnonzero(columns.share[:m]))
    return [group[:MOST_COMPARED] for group in groups if len(group) > 1]


def _close(columns: Columns, probe: Probe, group: Rows) -> Values:
    terms = columns.values[np.ix_(np.append(probe.rows, probe.reference), group)]
    slack = slack_of(columns, group, terms, rounded=True)
    probes, slack = terms[:-1] - terms[-1], slack[:-1] + slack[-1]
    moving = np.flatnonzero((np.abs(probes) > slack).any(axis=0))
    vectors = close_sums(probes[:, moving], slack[:, moving], pair_sums(len(moving), len(moving)))
    equations = np.zeros((len(vectors), len(columns.names)))
    equations[:, group[moving]] = vectors
    return equations


def simplest_first(vectors: Values) -> Values:
    """Bring whole vectors to one form (no common factor, the first above 0) and drop doubles.

    Ordered by the number of terms, the sum of coefficients, and place.
    """
    vectors = vectors[np.any(vectors != 0, axis=1)]
    if len(vectors) == 0:
        return vectors
    whole = vectors.astype(np.int32)  # of hundreds of columns they are mostly zeros
    first = np.take_along_axis(whole, (whole != 0).argmax(axis=1)[:, None], axis=1)
    whole //= np.gcd.reduce(whole, axis=1)[:, None] * np.sign(first)
    whole = np.unique(whole, axis=0)
    terms, weight = (whole != 0).sum(axis=1), np.abs(whole).sum(axis=1)
    return whole[np.lexsort((weight, terms))].astype(float)
