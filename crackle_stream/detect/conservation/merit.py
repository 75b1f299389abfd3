"""Order proposed laws by how shortly they describe the table: terms, and rows that break them."""

from __future__ import annotations

from typing import Final

import numpy as np

from crackle_stream.detect.conservation.law import Columns, Law, Values, medians, slack_of

_ROWS: Final = 2_048
"""Most rows on which failures are counted."""

_MOST: Final = 400
"""Most proposals of one search that are tested."""

_MOST_SCORED: Final = 2_000

_LEAST: Final = 0.4
"""Least share of rows that keep a law: less than `confirm` asks for in any stretch."""


def best_first(columns: Columns, vectors: Values) -> list[Law]:
    """Give vectors as laws, exact and within rounding, those of least description length first.

    A term costs the logarithm of the number of columns, one that names a previous value twice
    that, a row that breaks the law the logarithm of the number of rows (Rissanen 1978, Modeling by
    shortest data description). Laws that most rows break are left out.

    Parameters
    ----------
    columns
        Where terms are taken from.
    vectors
        float64 of shape (equations, columns), simplest first.
    """
    vectors = vectors[:_MOST_SCORED]
    n = len(columns.values)
    rows = np.linspace(0, n - 1, min(n, _ROWS)).astype(int)
    terms = columns.values[rows]
    length = _length(columns, vectors)
    exactly, within = (_broken(columns, terms, vectors, rounded=way) for way in (False, True))
    fine = (vectors != 0) @ ((columns.half % 0.5 > 0) | (columns.share > 0))
    # Half a step of a whole number would take in what is off by one.
    broken = np.where((exactly <= 1 - _LEAST) & ~fine, exactly, within)
    cost = length + broken * n * np.log(n)
    kept = [place for place in np.argsort(cost, kind="stable") if broken[place] <= 1 - _LEAST]
    return [
        _law(vectors[place], rounded)
        for place in kept[:_MOST]
        for rounded in (False, True)
        if rounded or exactly[place] <= 1 - _LEAST
    ]


def _law(vector: Values, rounded: bool) -> Law:
    places = np.flatnonzero(vector)
    return Law(tuple(places.tolist()), tuple(vector[places].tolist()), rounded)


def _length(columns: Columns, vectors: Values) -> Values:
    used = vectors != 0
    late = 0 if columns.logs else used[:, len(columns.names) // 2 :].sum(axis=1)
    weight = np.log2(np.maximum(np.abs(vectors), 1)).sum(axis=1)
    return np.asarray((used.sum(axis=1) + late) * np.log(len(columns.names)) + weight)


def _broken(columns: Columns, terms: Values, vectors: Values, *, rounded: bool) -> Values:
    """Give the share of rows that break each, around the best of three medians."""
    absent = np.isnan(terms)
    slack = slack_of(columns, np.arange(terms.shape[1]), terms, rounded=rounded)
    terms, slack = np.where(absent, 0.0, terms), np.where(absent, 0.0, slack)
    sums, reach = vectors @ terms.T, np.abs(vectors) @ slack.T
    sums[np.abs(vectors) @ absent.T.astype(float) > 0] = np.nan
    half = sums.shape[1] // 2
    held = [
        (np.abs(sums - medians(part.T)[:, None]) <= reach).sum(axis=1)
        for part in (sums, sums[:, :half], sums[:, half:])
    ]
    present = np.maximum((~np.isnan(sums)).sum(axis=1), 1)
    return np.asarray(1 - np.max(held, axis=0) / present)
