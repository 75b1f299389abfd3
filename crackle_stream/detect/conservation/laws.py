"""Find conservation laws: near-constant metrics, linear balances, power laws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.conservation.balance import MOST_COMPARED
from crackle_stream.detect.conservation.confirm import LEAST_ROWS, Confirmed, failure_weight
from crackle_stream.detect.conservation.constant import Steady, find_steady
from crackle_stream.detect.conservation.discover import discover
from crackle_stream.detect.conservation.follow import Claim, follow
from crackle_stream.detect.conservation.law import (
    Columns,
    Law,
    level_columns,
    log_columns,
    metric_of,
)
from crackle_stream.detect.conservation.least_spread import robust_std
from crackle_stream.detect.conservation.null_space import MOST_ROUNDED
from crackle_stream.detect.conservation.power_law import MOST_METRICS
from crackle_stream.detect.conservation.track import Course
from crackle_stream.detect.describe import listed
from crackle_stream.detect.resolution import Rounding, rounding_of
from crackle_stream.detect.roles import Roles
from crackle_stream.detect.view import View
from crackle_stream.detector import Gate
from crackle_stream.pattern import (
    ConservationPattern,
    Evidence,
    LawForm,
    Note,
    Stretch,
    pattern_id,
)

if TYPE_CHECKING:
    from crackle_stream.detect.phase.phases import Phases

_SEARCHES: Final = 2
"""Hypotheses that the searches for balances and for power laws are: what each tries is counted in
its p-values."""

_LEAST_LOG_P: Final = -690.0
"""About the logarithm of 1e-300: a p-value of 0 would be no bound."""

_NO_RESIDUAL: Final = 1e-9
"""Part of what rounding allows for that is but a float's error."""

_NAMED: Final = 20
"""Most tasks that are called responsible."""


class _Finding(Struct, frozen=True):
    """A law with its proof, before it is followed through all rows."""

    form: LawForm
    claim: Claim
    constant: float
    residual: float
    n: int
    p_value: float
    gate: Gate
    size: float | None = None


def find_laws(view: View, roles: Roles, phases: Phases) -> Detection:
    """Find quantities that stay the same from task to task.

    Near-constant metrics (`constant`), sums with small whole coefficients that may name previous
    values (`balance`, `null_space`), lines between two metrics (`conversion`), products of powers,
    exact to the metrics' own rounding (`balance`) or up to noise and outliers (`power_law`). Laws
    are proposed on the sample, tested there on first differences (`confirm`, which states null
    and bound), freed of those that simpler ones imply (`discover`), and followed through every
    row of the window (`follow`).

    Null of an equation: the steps from row to row of at least one of its terms are independent of
    all others'; of a near-constant: it varies, for its size, as the other metrics do. Assumed is
    that terms are exact, or rounded by at most half a step of a grid seen in their values (an
    approximate power law: noise of one size), that coefficients are whole numbers or small
    fractions, and that an equation holds in most rows of a stretch of at least half the window.

    Parameters
    ----------
    view
        The window.
    roles
        Identifiers, clocks, cycles and settings are no terms of laws; counters are.
    phases
        A metric whose level changed is not near-constant.

    Returns
    -------
    Detection
        `Candidate.size` is the coefficient of variation of a near-constant metric (gate
        `variation`), else the share of rows that keep the law in its stretch (gate `none`).
        With fewer than 12 tasks only near-constant metrics are looked for.

    References
    ----------
    W. Hoeffding, Probability inequalities for sums of bounded random variables, JASA 58, 1963. P.
    Lévy, Théorie de l'addition des variables aléatoires, 1937 (the concentration function). P. J.
    Rousseeuw and K. Van Driessen, Computing LTS regression for large data sets, Data Mining and
    Knowledge Discovery 12, 2006. J. Rissanen, Modeling by shortest data description, 1978.

    Examples
    --------
    >>> from crackle_stream.detect.phase.phases import Phases
    >>> from crackle_stream.detect.roles import find_roles
    >>> from crackle_stream.detect.view import table_of, view_table
    >>> draw = np.random.default_rng(0)
    >>> kept, lost = draw.integers(0, 900, 50), draw.integers(0, 90, 50)
    >>> view = view_table(table_of({"read": kept + lost, "kept": kept, "lost": lost}))
    >>> laws = find_laws(view, find_roles(view), Phases(Detection((), 0), {}))
    >>> laws.candidates[-1].pattern.terms
    {'kept': 1.0, 'lost': 1.0, 'read': -1.0}
    """
    eligible = tuple(name for name in view.names if roles.role[name] in ("measure", "counter"))
    level = tuple(name for name in eligible if roles.role[name] == "measure")
    steady = find_steady(view.sample, level, roles.resolution)
    rounding = rounding_of(view.sample, roles.resolution)
    findings = [_steady_finding(one) for one in steady if not phases.changes.get(one.name)]
    tested, notes = len(level), _limits(eligible)
    if len(view.sample) >= LEAST_ROWS and len(eligible) > 1:
        findings += _equations(view, eligible, rounding)
        tested += _SEARCHES
    courses = follow(view, [finding.claim for finding in findings], rounding)
    candidates = [
        _candidate(view, finding, course, tested)
        for finding, course in zip(findings, courses, strict=True)
        if course is not None
    ]
    return Detection(tuple(candidates), tested, notes)


def _steady_finding(steady: Steady) -> _Finding:
    law = Law((0,), (1.0,), noise=steady.noise)
    return _Finding(
        form="constant",
        claim=Claim((steady.name,), False, law, steady.level, failure_weight(law)),
        constant=steady.level,
        residual=steady.spread,
        n=steady.n,
        p_value=steady.p_value,
        gate="variation",
        size=steady.variation,
    )


def _equations(view: View, names: tuple[str, ...], rounding: Rounding) -> list[_Finding]:
    levels = level_columns(view.sample, names, rounding)
    logs = log_columns(view.sample, names, rounding)
    balances, products = discover(levels, logs)
    return [
        *(_finding("linear", levels, found) for found in balances),
        *(_finding("power", logs, found) for found in products),
    ]


def _finding(form: LawForm, columns: Columns, found: Confirmed) -> _Finding:
    kept = found.kept
    weight = failure_weight(found.law)
    return _Finding(
        form=form,
        claim=Claim(columns.names, columns.logs, found.law, kept.constant, weight),
        constant=kept.said,
        residual=_residual(found),
        n=found.n,
        p_value=float(np.exp(max(found.log_p, _LEAST_LOG_P))),
        gate="none",
    )


def _residual(found: Confirmed) -> float:
    """Give how far rows are off; an exact law's are off by no more than a float's error."""
    residual = robust_std(found.kept.found.sums[found.kept.holds])
    exact = not (found.law.rounded or found.law.noise)
    tiny = residual <= _NO_RESIDUAL * float(np.median(found.kept.found.slack))
    return 0.0 if exact or tiny else residual


def _limits(names: tuple[str, ...]) -> tuple[Note, ...]:
    limits = {
        "power laws that hold but approximately": MOST_METRICS,
        "power laws": MOST_COMPARED,
        "balances up to rounding": MOST_COMPARED,
        "balances of more than four terms up to rounding": MOST_ROUNDED,
    }
    said = [f"{what} among {most}" for what, most in limits.items() if most < len(names)]
    text = f"of {len(names)} metrics, sought were only {listed(said)}"
    return (Note("limit", text),) if said else ()


def _candidate(view: View, finding: _Finding, course: Course, tested: int) -> Candidate:
    share = 1 - course.exception_count / course.n
    size = share if finding.size is None else finding.size
    evidence = Evidence(
        n=finding.n, effect=size, p_value=finding.p_value, q_value=1.0, tested=tested
    )
    broken = () if course.broke_at is None else (course.broke_at,)
    return Candidate(
        pattern=_draft(view, finding, course, evidence),
        size=size,
        p_value=finding.p_value,
        gate=finding.gate,
        involved=(broken + _worst(course))[:_NAMED],
    )


def _draft(
    view: View, finding: _Finding, course: Course, evidence: Evidence
) -> ConservationPattern:
    law = finding.claim.law
    names = [finding.claim.names[place] for place in law.places]
    share = 1 - course.exception_count / course.n
    return ConservationPattern(
        id=pattern_id("conservation", *sorted(names), finding.form, course.first),
        description="",
        confidence=0.0,
        subject=tuple(sorted({metric_of(name) for name in names})),
        metrics={"share": share, "rows": float(course.n)},
        involved_tasks=(),
        involved_count=course.exception_count + (course.broke_at is not None),
        window=view.span,
        group=view.group,
        evidence=evidence,
        form=finding.form,
        terms=dict(zip(names, law.weights, strict=True)),
        constant=finding.constant,
        residual=finding.residual,
        holds=Stretch(course.first, course.last),
        exceptions=course.exceptions or None,
        exception_count=course.exception_count or None,
        broke_at=course.broke_at,
    )


def _worst(course: Course) -> tuple[int, ...]:
    """Order the exceptions by how far off they are."""
    order = np.argsort(-np.array(course.away), kind="stable")
    return tuple(course.exceptions[place] for place in order)
