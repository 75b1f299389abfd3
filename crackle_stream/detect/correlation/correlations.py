"""Find pairs of metrics that move together: linearly, monotonically, along a curve, or later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.correlation.pairs import judge_pairs, separate_runs
from crackle_stream.detect.correlation.partial import is_explained, least_partial
from crackle_stream.detect.correlation.rank_correlation import (
    aligned,
    correlation_matrix,
)
from crackle_stream.detect.correlation.xi import equivalent_r
from crackle_stream.detect.phase.phases import Phases
from crackle_stream.detect.ranks import rank_scores
from crackle_stream.detect.residual import residual_table
from crackle_stream.detect.roles import Roles
from crackle_stream.detect.view import View
from crackle_stream.pattern import CorrelationForm, CorrelationPattern, Evidence, pattern_id
from crackle_stream.table import Table

LEAST_SIZE: Final = 0.5
"""Least size of a candidate: the lowest threshold of any cooling rate."""

LEAST_EVIDENCE: Final = 0.05
"""Largest p-value of a candidate: what fast cooling asks of a single hypothesis."""

FEWEST_ROWS: Final = 8
"""With fewer rows not even a perfect order of ranks says much."""

Values = NDArray[np.float64]

_BUDGET: Final = 1 << 25  # pairs times rows; beyond it, fewer rows are looked at
_LEAST_ROWS: Final = 64
_PREFERENCE: Final = 0.1  # how much closer a later or curved relation must be to be preferred
_BENT: Final = 0.05  # how much closer ranks must be to be preferred to values


class _Form(Struct, frozen=True):
    """One way in which a pair may be related: what it is called, how large, how believable."""

    form: CorrelationForm
    pair: tuple[int, int]
    r: float
    lag: int
    size: float
    p_value: float
    metrics: dict[str, float]
    rows: NDArray[np.intp]
    leverage: Values


def find_correlations(view: View, roles: Roles, phases: Phases) -> Detection:
    """Find correlated pairs of metrics in the residuals of a window's sample.

    Evidence comes from ranks of innovations (`judge_pairs`, which states the null), size from
    the residuals: the larger of Pearson's and Spearman's |r| at the lag, where Pearson's must not
    rest on a single row. For curves it is the |r| of a normal pair with the same xi, of the
    innovations, since any two smooth paths are curves of each other.

    Null: the two series are independent. Assumed is that each remembers its past as an
    autoregression of order six at most, and that whatever else they have in common without being
    related (what is left of trend, season, step or volatility) is nearly the same at neighbouring
    lags. A relation of more than 50 rows' or a quarter of the window's lag is not seen.

    A pair gets one candidate, as large as the largest of its significant forms: the first of
    direct, lagged and nonlinear that comes within 0.1 of that.

    Parameters
    ----------
    view
        The window; its sample is what is looked at, or of many metrics as many of its first rows as
        there is time for.
    roles
        Measures and counters (as differences) take part.
    phases
        Changes at which residuals begin anew.

    References
    ----------
    C. Spearman, The proof and measurement of association between two things, 1904. G. E. P. Box
    and G. M. Jenkins, Time Series Analysis, 1970, chapter 11 (prewhitened cross-correlation). S.
    Chatterjee, A new coefficient of correlation, JASA, 2021.
    """
    sample = view.sample.take(slice(0, _row_limit(roles)))
    residuals = _varying(residual_table(sample, phases.changes, roles))
    if len(residuals.names) < 2 or len(residuals) < FEWEST_ROWS:
        return Detection((), 0)
    return _Search(view, separate_runs(residuals)).detection()


def _varying(table: Table) -> Table:
    enough = (~np.isnan(table.values)).sum(axis=0) >= FEWEST_ROWS
    moving = (np.nan_to_num(table.values) != 0).any(axis=0)
    kept = np.flatnonzero(enough & moving).tolist()
    return table.with_names(tuple(table.names[column] for column in kept))


def _row_limit(roles: Roles) -> int:
    metrics = sum(role in ("measure", "counter") for role in roles.role.values())
    return max(_LEAST_ROWS, _BUDGET // max(1, metrics * (metrics - 1) // 2))


class _Search:
    """Candidates among the pairs of one window."""

    def __init__(self, view: View, residuals: Table) -> None:
        self._view = view
        self._residuals = residuals
        self._tests = judge_pairs(residuals.values)
        self._scores = rank_scores(residuals.values)
        self._spearman = correlation_matrix(self._scores)

    def detection(self) -> Detection:
        found = (self._candidate(pair) for pair in self._promising().tolist())
        candidates = tuple(one for one in found if one is not None)
        return Detection(candidates, len(self._tests.p_value))

    def _promising(self) -> NDArray[np.intp]:
        """Give the pairs that may come up to a candidate; all others need no closer look."""
        tests = self._tests
        pearson = correlation_matrix(_standardised(self._residuals.values))
        closest = np.maximum(np.abs(pearson), np.abs(self._spearman))[tests.first, tests.second]
        direct = (tests.direct_p <= LEAST_EVIDENCE) & (closest >= LEAST_SIZE - _PREFERENCE)
        return np.flatnonzero(
            direct | (tests.lagged_p <= LEAST_EVIDENCE) | (tests.curved_p <= LEAST_EVIDENCE)
        )

    def _candidate(self, pair: int) -> Candidate | None:
        forms = list(self._forms(pair))
        largest = max((form.size for form in forms), default=0.0)
        if largest < LEAST_SIZE:
            return None
        best = next(form for form in forms if form.size >= largest - _PREFERENCE)
        return self._draft(best, largest)

    def _forms(self, pair: int) -> Iterator[_Form]:
        """Give the forms that have evidence, in order of preference.

        Metrics that are never there together may have it at a lag, and no value at lag 0.
        """
        tests = self._tests
        i, j = int(tests.first[pair]), int(tests.second[pair])
        lag = int(tests.lag[pair])
        leader, follower = (i, j) if lag > 0 else (j, i)
        if tests.direct_p[pair] <= LEAST_EVIDENCE:
            yield self._straight(i, j, 0, float(tests.direct_p[pair]))
        if tests.lagged_p[pair] <= LEAST_EVIDENCE:
            yield self._straight(leader, follower, abs(lag), float(tests.lagged_p[pair]))
        if tests.curved_p[pair] <= LEAST_EVIDENCE:
            yield self._curved(i, j, float(tests.xi[pair]), float(tests.curved_p[pair]))

    def _straight(self, i: int, j: int, lag: int, p_value: float) -> _Form:
        rows, x, y = aligned(self._residuals.values, i, j, lag)
        products = _standardised(x) * _standardised(y)
        ranked = np.multiply(*rank_scores(np.column_stack([x, y])).T)
        pearson, spearman = float(products.mean()), float(ranked.mean())
        robust = _without_one(x, y, int(np.argmax(np.abs(products))), pearson)
        straight = (
            abs(pearson) >= abs(spearman) - _BENT and abs(robust) >= abs(spearman) - _PREFERENCE
        )
        return _Form(
            form="linear" if straight else "monotone",
            pair=(i, j),
            r=pearson if straight else spearman,
            lag=lag,
            size=max(abs(robust), abs(spearman)),
            p_value=p_value,
            metrics={"pearson": pearson, "spearman": spearman},
            rows=rows,
            leverage=np.abs(products if straight else ranked),
        )

    def _curved(self, i: int, j: int, xi: float, p_value: float) -> _Form:
        rows, x, y = aligned(self._scores, i, j, 0)
        products = _standardised(x) * _standardised(y)
        return _Form(
            form="nonlinear",
            pair=(i, j),
            r=xi,
            lag=0,
            size=equivalent_r(xi),
            p_value=p_value,
            metrics={"spearman": float(products.mean()), "xi": xi},
            rows=rows,
            leverage=np.abs(products),
        )

    def _draft(self, form: _Form, size: float) -> Candidate:
        names = self._residuals.names
        subject = (names[form.pair[0]], names[form.pair[1]])
        weightiest = form.rows[np.argsort(-form.leverage, kind="stable")][:20]
        beside, explained_by = self._beside_third(form)
        pattern = CorrelationPattern(
            id=pattern_id("correlation", *subject, form.form, form.lag),
            description="",
            confidence=0.0,
            subject=subject,
            metrics=form.metrics | beside,
            involved_tasks=(),
            involved_count=len(weightiest),
            window=self._view.span,
            group=self._view.group,
            evidence=Evidence(
                n=len(form.rows),
                effect=size,
                p_value=form.p_value,
                q_value=1.0,
                tested=len(self._tests.p_value),
            ),
            form=form.form,
            r=form.r,
            lag=form.lag,
            explained_by=explained_by,
        )
        return Candidate(
            pattern=pattern,
            size=size,
            p_value=form.p_value,
            gate="correlation",
            involved=tuple(self._residuals.positions[weightiest].tolist()),
        )

    def _beside_third(self, form: _Form) -> tuple[dict[str, float], str | None]:
        """Give the partial correlation beside a third metric, and its name if it explains all."""
        if form.lag or form.form == "nonlinear":
            return {}, None
        found = least_partial(self._spearman, *form.pair)
        if found is None:
            return {}, None
        third, left = found
        if is_explained(self._scores, *form.pair, third):
            return {"partial": left, "indirect": 1.0}, self._residuals.names[third]
        return {"partial": left}, None


def _standardised(values: Values) -> Values:
    """Give each column with mean 0 and variance 1, or 0 if it does not vary; NaN is left out."""
    present = ~np.isnan(values)
    count = np.maximum(present.sum(axis=0), 1)
    centred = values - np.where(present, values, 0.0).sum(axis=0) / count
    deviation = np.sqrt((np.where(present, centred, 0.0) ** 2).sum(axis=0) / count)
    standard: Values = centred / np.where(deviation > 0, deviation, 1.0)
    return standard


def _without_one(x: Values, y: Values, row: int, r: float) -> float:
    """Give r, or what remains of it without one row if that is less."""
    x, y = np.delete(x, row), np.delete(y, row)
    return min(r, float((_standardised(x) * _standardised(y)).mean()), key=abs)
