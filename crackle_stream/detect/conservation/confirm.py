"""Confirm a proposed law on the rows: where it holds, how often, and how likely by chance."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from crackle_stream.detect.conservation.chance import concentration, log_choices, log_tail
from crackle_stream.detect.conservation.extend import FACTORS
from crackle_stream.detect.conservation.law import (
    Columns,
    Kept,
    Law,
    keep,
    medians,
    rounding_errors,
)
from crackle_stream.detect.conservation.validity import Validity, find_validity

LEAST_ROWS: Final = 12
"""Fewer rows than this prove no law."""

_SHARE: Final = 0.9
"""Least share of rows within its stretch that keep a law, of those in which a term moves."""

_NOISY_SHARE: Final = 0.6
"""The same for a law that holds but approximately, to three standard deviations of its noise."""

_MAJORITY: Final = 0.5
"""Least share of all rows that the stretch makes up."""

_ROUNDING: Final = 1.2
"""Most that residuals may exceed what independent rounding alone makes of them."""

PROVEN: Final = np.log(1e-4)
"""Largest log p-value of a law: one table in 10,000 without any may have one, at most."""

_EXACT_WEIGHT: Final = 4.0

_NOISY_WEIGHT: Final = 0.75

_PROVEN_ROUNDED: Final = np.log(1e-8)
"""The same within rounding: metrics that share a factor come near one another more often than the
null of independence says."""

USED: Final = 6
"""Rows that the search looked at; they agree by its doing and prove nothing."""


class Confirmed(Struct, frozen=True):
    """A law that holds.

    Parameters
    ----------
    law
        The equation.
    kept
        The rows that keep it.
    validity
        Where it holds, in indices of the rows that have all terms.
    share
        Part of the rows in that stretch that keep it, those left out that keep it by doing
        nothing: all terms are what they mostly are.
    n
        Steps between consecutive rows that were tested.
    log_p
        Natural logarithm of the bound on its p-value, search included.
    """

    law: Law
    kept: Kept
    validity: Validity
    share: float
    n: int
    log_p: float


def failure_weight(law: Law) -> float:
    """Give how many rows that keep a law make up for one that breaks it (see `find_validity`)."""
    return _NOISY_WEIGHT if law.noise else _EXACT_WEIGHT


def least_share(*, exact: bool) -> float:
    """Give the share of rows within its stretch that must keep a law."""
    return _SHARE if exact else _NOISY_SHARE


def confirm(columns: Columns, law: Law, rest: Law | None = None) -> Confirmed | None:
    """Test whether a law holds on first differences, more often than any term's rest explains.

    Null: at least one term's step from row to row is independent of the others'. Whatever the
    others do, they then meet it with at most the chance of Lévy's concentration function of that
    term's steps, taken at the law's slack; the term least in favour counts, so that one that
    hardly moves proves nothing. The p-value is Chernoff's bound for so many agreeing steps, not
    counting the rows that the search used, times the number of sums of that many terms among all
    columns (Bonferroni); a term that completes a law found without it counts for itself.

    Parameters
    ----------
    columns, law
        The equation.
    rest
        What it comes down to less laws that are known: only this is evidence for it.
    """
    least = least_share(exact=not law.noise)
    kept = keep(columns, law)
    validity = find_validity(kept.holds, failure_weight(law))
    if validity is None or len(validity) < max(LEAST_ROWS, _MAJORITY * len(kept.holds)):
        return None
    inside = slice(validity.first, validity.last + 1)
    proving = law if rest is None else rest
    terms = columns.values[kept.found.rows[inside]][:, proving.places]
    idle = np.all(terms == medians(terms), axis=1) & kept.holds[inside]
    share = 1 - len(validity.exceptions) / max(1, len(validity) - int(idle.sum()))
    if share < least or (law.rounded and not _mere_rounding(columns, law, kept)):
        return None
    agree = kept.holds[inside][1:] & kept.holds[inside][:-1]
    steps = np.diff(terms, axis=0) * np.array(proving.weights)
    steps = steps[~np.isnan(steps).any(axis=1)]
    width = 2 * float(np.median(kept.found.slack[inside]))
    n, agreed = len(agree) - USED, int(agree.sum()) - USED
    tails = [log_tail(agreed, n, concentration(step, 2 * width)) for step in steps.T]
    log_p = float(np.max(np.add(tails, _log_searched(columns, proving))))
    proven = _PROVEN_ROUNDED if law.rounded else PROVEN
    return Confirmed(law, kept, validity, share, n, log_p) if log_p <= proven else None


def _log_searched(columns: Columns, law: Law) -> list[float]:
    """Give the log of how many sums were tried: of each added term, as many as it was chosen of.

    Sums are counted among those no less simple: without previous values if the law has none, with
    no larger coefficients than its own. Each such class is given its part of the level.
    """
    available, largest = len(columns.names), max(map(abs, law.weights))
    classes = float(np.log(largest * (largest + 1)))
    if not columns.logs:
        classes += float(np.log(2))
        if max(law.places) < available // 2:
            available //= 2
    whole = log_choices(available, len(law.places) - len(law.added), 2 * largest) + classes
    one = float(np.log(len(columns.names) * len(FACTORS)))
    return [one if place in law.added else whole for place in law.places]


def _one_grid(columns: Columns, law: Law, kept: Kept) -> bool:
    if len(law.places) != 2:
        return False
    one, other = columns.half[list(law.places)]
    ratio = kept.said if columns.logs else -law.weights[1] / law.weights[0]
    return bool(one > 0 and abs(one - abs(ratio) * other) <= 1e-9 * one)


def _mere_rounding(columns: Columns, law: Law, kept: Kept) -> bool:
    """Whether residuals are no wider than uniform rounding errors of all terms add up to.

    Two metrics on one grid that are the same before rounding are the same after it.
    """
    if _one_grid(columns, law, kept):
        return False
    places = np.array(law.places)
    terms = columns.values[kept.found.rows[kept.holds]][:, places]
    half = np.array(law.weights) * rounding_errors(columns, places, terms)
    variance = (half**2).sum(axis=1) / 3
    if not np.all(variance > 0):
        return False
    # Around their own mean: what is said of the constant is but near to it.
    away = kept.found.sums[kept.holds]
    away = away - np.average(away, weights=1 / variance)
    return bool(np.mean(away**2 / variance) <= _ROUNDING**2)
