"""What makes a pattern true of a window of the planted mix (``mix.py``), kind by kind.

*Level, spread, trend, distribution*: that metric was given a change of that form, and the place
where it was planted is inside the stated interval, or within 5 rows or 2 % of the window of the
stated place. A change of level or slope is one of shape, too, and a change of shape one of spread;
a change of spread of a skewed metric or of counts is one of level. What is made of a changed metric
by a law changes in any form.

*Drift*: the metric is a walk, has a trend through the whole window, or neighbours correlate by
more than .7 (the detector's null).

*Correlation*: both metrics are made of a common random source, later by the stated lag to one row.
A sum correlates with its parts, and so do metrics in which groups differ. Common steps, trends and
seasons are no such source. Which form it is said to have is not judged.

*Linear*, *power*: the coefficients (or exponents, to 2 %) are a combination of those of the planted
laws of that form; where it is said to have broken for good, that is within 5 rows or 2 % of where
it was. Almost-laws are none.

*Constant*: the metric was made as a steady one.

*Clustering*: eight in ten of its tasks belong to one planted group and are at least half of it; or
to several groups, not all, and are at least half of each: together these differ from the others,
though there is more to say of them. Eight in ten and not more since groups are planted from two
deviations apart on, where no rule puts more than 84 in a hundred tasks rightly. Groups are those
planted; the tasks before and after a step of level; those in one group on one side of it; and those
with a value of few, or with several that follow one another, if a metric that is made of it (or it
of that) lies more than `CLEAR` deviations off at neighbouring values.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import numpy as np

from crackle_stream.pattern import (
    ClusteringPattern,
    ConservationPattern,
    CorrelationPattern,
    Pattern,
    PhaseTransitionPattern,
)
from tests.bench.mix import Labels, Mixed
from tests.bench.streams import Values

NEAR: Final = 5
NEAR_SHARE: Final = 0.02
PURE: Final = 0.8
WHOLE: Final = 0.5
EXPONENT: Final = 0.02
FEW: Final = 20
CLEAR: Final = 4.0


def is_true(pattern: Pattern, window: Mixed) -> bool:
    """Whether what a pattern says was planted, or follows from what was."""
    if isinstance(pattern, PhaseTransitionPattern):
        return _drifts(pattern, window) if pattern.at is None else _changed(pattern, window)
    if isinstance(pattern, CorrelationPattern):
        return _related(pattern, window)
    if isinstance(pattern, ConservationPattern):
        return _held(pattern, window)
    return _belong(pattern, window)


def _drifts(pattern: PhaseTransitionPattern, window: Mixed) -> bool:
    return pattern.subject[0] in window.wanders


def _changed(pattern: PhaseTransitionPattern, window: Mixed) -> bool:
    low, at, high = (place or 0 for place in (pattern.at_low, pattern.at, pattern.at_high))
    return any(
        change.metric == pattern.subject[0]
        and pattern.form in change.forms
        and (low <= change.row <= high or _near(change.row, at, window))
        for change in window.changes
    )


def _near(planted: int, said: int, window: Mixed) -> bool:
    return abs(planted - said) <= max(NEAR, NEAR_SHARE * window.rows)


def _related(pattern: CorrelationPattern, window: Mixed) -> bool:
    leader, follower = (window.sources[name] for name in pattern.subject)
    return any(
        source == other and abs(late - early - pattern.lag) <= 1
        for source, early in leader
        for other, late in follower
    )


def _held(pattern: ConservationPattern, window: Mixed) -> bool:
    if pattern.form == "constant":
        return pattern.subject[0] in window.steady
    laws = [one for one in window.relations if one.form == pattern.form]
    every = (pattern.terms, *(one.terms for one in laws))
    names = sorted({term for terms in every for term in terms})
    planted = np.array([[one.terms.get(name, 0.0) for name in names] for one in laws])
    said = np.array([pattern.terms.get(name, 0.0) for name in names])
    if not laws or _distance(said, planted) > EXPONENT * float(np.linalg.norm(said)):
        return False
    about = {name.removesuffix("[-1]") for name in pattern.terms}
    broke = [one.broke_at for one in laws if set(one.terms) & about and one.broke_at is not None]
    if pattern.broke_at is None:
        return not broke
    return any(_near(row, pattern.broke_at, window) for row in broke)


def _distance(vector: Values, basis: Values) -> float:
    """Distance of a vector from the span of others."""
    weights = np.linalg.lstsq(basis.T, vector, rcond=None)[0]
    return float(np.linalg.norm(vector - basis.T @ weights))


def _belong(pattern: ClusteringPattern, window: Mixed) -> bool:
    members = np.zeros(window.rows, bool)
    members[list(pattern.members or ())] = True
    pairs = [one * 1_000 + other for one, other in combinations(window.partitions, 2)]
    return any(_fits(members, labels) for labels in (*window.partitions, *pairs, *_lumps(window)))


def _fits(members: Values, labels: Labels) -> bool:
    _, place, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    inside = np.bincount(place[members], minlength=len(sizes))
    held = inside >= WHOLE * sizes
    spare = inside.min() if held.all() else 0  # of all groups, all but one may be meant
    return bool(inside[held].sum() - spare >= PURE * members.sum())


def _lumps(window: Mixed) -> Iterator[Labels]:
    """Give the groups that values of few make where another metric follows from them."""
    for name, values in window.columns.items():
        distinct, place = np.unique(values, return_inverse=True)
        if not 1 < len(distinct) <= FEW:
            continue
        others = [other for other in window.columns if other != name]
        for other in others:
            if window.sources[name] & window.sources[other]:
                yield _separate(place, window.columns[other])[place]


def _separate(place: Labels, values: Values) -> Labels:
    """Number the runs of neighbouring places at which values are clearly apart."""
    sizes = np.bincount(place)
    means = np.bincount(place, values) / sizes
    within = np.sum((values - means[place]) ** 2) / max(len(values) - len(sizes), 1)
    return np.append(0, np.cumsum(np.abs(np.diff(means)) > CLEAR * within**0.5))
