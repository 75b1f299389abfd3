"""Rows that a search for laws rests on: a few that must agree, some more that mostly must."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.detect.conservation.law import Columns, Mask, Values, slack_of
from crackle_stream.stats.quantiles import quantile

Rows = NDArray[np.intp]

PROBES: Final = 4
"""Rows in which an equation must hold to be looked at, beside the reference row."""

_STRETCHES: Final = ((0.0, 1.0), (0.0, 0.5), (0.5, 1.0), (0.0, 1.0), (0.0, 0.5), (0.5, 1.0))
"""Parts of the window that probe rows are drawn from: a law may hold in one half only."""

_FULLEST: Final = 0.75
"""Quantile of the columns present from which on a row is among the fullest."""

_RARE: Final = 6
"""Most probes for columns that are rarely there."""

_COVERED: Final = 2
"""Probes that each column should be in: one may hit an exception."""

_CHECKED: Final = 48
"""Rows of the same part in which it must then hold mostly."""

_MOSTLY: Final = 0.6
"""Least share of them."""

_CLOSE: Final = 2.0
"""Most that squared errors may exceed those of rounding on average, in a first look."""

_NOTHING: Final = 1e-200


class Probe(Struct, frozen=True):
    """Rows one search rests on: a reference, those that must agree, those that mostly must."""

    reference: int
    rows: Rows
    check: Rows


@lru_cache(maxsize=32)
def shuffled(n: int, seed: int) -> Rows:
    """Give row numbers in an order that the seed fixes; not to be changed."""
    return np.random.default_rng(seed).permutation(n)


def draw_probes(columns: Columns) -> Iterator[Probe]:
    """Draw probe rows by fixed seeds: from the whole window, its halves, and for rare columns.

    Rows among the fullest quarter come first; columns that are never all there in two probes get
    probes of their own.
    """
    present = ~np.isnan(columns.values)
    n = len(present)
    parts = [np.arange(int(start * n), int(np.ceil(stop * n))) for start, stop in _STRETCHES]
    covered = np.where(present.sum(axis=0) < PROBES + 2, _COVERED, 0)
    for seed in range(len(parts) + _RARE):
        if seed >= len(parts):
            if covered.min() >= _COVERED:
                return
            parts.append(np.flatnonzero(present[:, covered.argmin()]))
        if len(parts[seed]) >= PROBES + 2:
            probe = _draw(present, parts[seed], seed)
            covered += present[np.append(probe.rows, probe.reference)].all(axis=0)
            yield probe


def _draw(present: Mask, part: Rows, seed: int) -> Probe:
    chosen = part[shuffled(len(part), seed)]
    filled = present[chosen].sum(axis=1)
    if filled.min() < filled.max():
        chosen = chosen[np.argsort(filled < quantile(filled, _FULLEST), kind="stable")]
    check = np.sort(chosen[PROBES + 1 : PROBES + 1 + _CHECKED])
    return Probe(int(chosen[0]), chosen[1 : PROBES + 1], check)


def checked(columns: Columns, probe: Probe, vectors: Values, *, rounded: bool) -> Values:
    """Keep vectors whose sum mostly is, in the rows to check, what it is in the reference row.

    Counted are rows in which a term differs from the reference row; agreement within rounding must
    also be as close, on average, as rounding errors that are uniform and independent.
    """
    rows = np.append(probe.check, probe.reference)
    terms = columns.values[rows]
    absent = np.isnan(terms)
    slack = slack_of(columns, np.arange(terms.shape[1]), terms, rounded=rounded)
    terms, slack = np.where(absent, 0.0, terms), np.where(absent, 0.0, slack)
    size = np.abs(vectors)
    sums, reach = vectors @ terms.T, size @ slack.T
    whole = size @ absent.T.astype(float) == 0
    moved = size @ np.abs(terms - terms[-1]).T > reach + reach[:, -1:]
    agree = whole & (np.abs(sums - sums[:, -1:]) <= reach + reach[:, -1:])
    counted = (whole & moved)[:, :-1].sum(axis=1)
    good = (agree & moved)[:, :-1].sum(axis=1) >= np.maximum(PROBES, _MOSTLY * counted)
    if rounded:
        good &= _close_enough(sums, agree, vectors**2 @ (slack**2).T / 3)
    return np.asarray(vectors[good])


def _close_enough(sums: Values, agree: Mask, variance: Values) -> Mask:
    weight = np.where(agree, 1 / np.maximum(variance, _NOTHING), 0.0)
    # Sums are taken from the reference row's: weights of exact rows would swamp their digits.
    away = sums - sums[:, -1:]
    mean = (weight * away).sum(axis=1) / np.maximum(weight.sum(axis=1), _NOTHING)
    ratio = (weight * (away - mean[:, None]) ** 2).sum(axis=1)
    return np.asarray(ratio <= _CLOSE * agree.sum(axis=1))
