"""Correlations among a few tasks: Pearson's coefficient, or Spearman's where that is larger."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray
from scipy import special

from crackle_stream.detect.candidate import Candidate
from crackle_stream.detect.handful.measure import (
    FINEST,
    Measure,
    Values,
    evidence_of,
    first_of,
    span_of,
)
from crackle_stream.pattern import CorrelationPattern, pattern_id
from crackle_stream.table import Table


def find_correlations(
    table: Table, measures: list[Measure], threshold: float
) -> Iterator[Candidate]:
    """Find pairs of metrics with a coefficient of at least `threshold` over three tasks or more.

    The p-value is Student's, but never below that of the rarest of all orders of the tasks.
    """
    pairs = list(combinations(measures, 2))
    for one, other in pairs:
        both = np.intersect1d(one.where, other.where)
        if len(both) < 3:
            continue
        x, y = table.column(one.name)[both], table.column(other.name)[both]
        if min(np.ptp(x), np.ptp(y)) <= FINEST:
            continue
        r, rank = _pearson(x, y), _pearson(_ranks(x), _ranks(y))
        if max(abs(r), abs(rank)) >= threshold:
            yield _correlation(table, (one.name, other.name), both, (r, rank), len(pairs))


def _pearson(x: Values, y: Values) -> float:
    x, y = x - x.mean(), y - y.mean()
    r = float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))
    return max(-1.0, min(1.0, r))


def _ranks(values: Values) -> Values:
    ordered = np.sort(values)
    low, high = np.searchsorted(ordered, values), np.searchsorted(ordered, values, "right")
    ranks: Values = (low + high) / 2
    return ranks


def _correlation(
    table: Table,
    names: tuple[str, str],
    both: NDArray[np.intp],
    coefficients: tuple[float, float],
    tested: int,
) -> Candidate:
    linear = abs(coefficients[0]) >= abs(coefficients[1])
    r = coefficients[0 if linear else 1]
    n = len(both)
    x, y = table.column(names[0])[both], table.column(names[1])[both]
    leverage = np.abs((x - x.mean()) * (y - y.mean()))
    p_value = max(_correlation_p(r, n), _rarest(n))
    form = "linear" if linear else "monotone"
    pattern = CorrelationPattern(
        id=pattern_id("correlation", *names, form, 0),
        description="",
        confidence=0.0,
        subject=names,
        metrics={"pearson": coefficients[0], "spearman": coefficients[1]},
        involved_tasks=(),
        involved_count=n,
        window=span_of(table),
        evidence=evidence_of(n, abs(r), p_value, tested),
        form="linear" if linear else "monotone",
        r=r,
        lag=0,
    )
    return Candidate(
        pattern=pattern,
        size=abs(r),
        p_value=p_value,
        gate="correlation",
        involved=first_of(table.positions[both[np.argsort(-leverage, kind="stable")]]),
    )


def _correlation_p(r: float, n: int) -> float:
    """Give the two-sided p-value of a coefficient by Student's t with n - 2 degrees of freedom."""
    t = abs(r) * np.sqrt((n - 2) / max(1 - r * r, 1e-300))
    return 2 * float(special.stdtr(n - 2, -t))


def _rarest(n: int) -> float:
    """Give the least p-value that a two-sided permutation test of n tasks can give."""
    return min(1.0, 2 / factorial(n))
