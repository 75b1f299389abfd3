"""How far a pattern is from vanishing: at other rates, with less evidence, more exceptions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crackle_stream.cooling.draw_law import evaluate
from crackle_stream.cooling.explanation import Gates
from crackle_stream.cooling.opened import Opened
from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.conservation.confirm import PROVEN, least_share
from crackle_stream.detect.correlation.correlations import LEAST_EVIDENCE
from crackle_stream.detect.phase.changepoint import KEPT_AT
from crackle_stream.detect.phase.phases import DRIFT_AT
from crackle_stream.detect.phase.spread import SHAPE_KEPT_AT, SPREAD_KEPT_AT
from crackle_stream.detect.significance import is_large, threshold_of, weigh
from crackle_stream.pattern import (
    KINDS,
    ConservationPattern,
    CorrelationPattern,
    Pattern,
    PhaseTransitionPattern,
)
from crackle_stream.profile import CoolingRate

RATES = (CoolingRate.fast(), CoolingRate.normal(), CoolingRate.slow())


def gates_of(
    draft: Candidate, detections: Sequence[Detection], rate: CoolingRate, level: float
) -> tuple[Gates, ...]:
    """Hold a candidate against the gates of every rate.

    Candidates do not depend on the rate, so that another rate would have seen the same ones. The
    levels of other rates are those that they give to a single checkpoint.

    Parameters
    ----------
    draft
        As the detector gave it.
    detections
        All of its kind at the checkpoint.
    rate, level
        What was asked, and the level that its kind had.
    """
    place = _place(draft, detections)
    gates = []
    for other in RATES:
        asked = other.name == rate.name
        used = rate if asked else other
        q_value = weigh(detections, used)[place].pattern.evidence.q_value
        allowed = level if asked else used.false_discovery / len(KINDS)
        gates.append(
            Gates(
                rate=used.name,
                threshold=threshold_of(draft.gate, used),
                large=is_large(draft, used),
                level=allowed,
                q_value=q_value,
                sure=q_value <= allowed,
                enough=draft.pattern.window.n >= used.min_tasks_for_detection,
            )
        )
    return tuple(gates)


def largest_p(
    draft: Candidate, detections: Sequence[Detection], rate: CoolingRate, level: float
) -> float:
    """Give the largest p-value with which a candidate would still pass, all others as they are.

    Candidates that share their test with it, as the groups of one division do, go with it. Of
    the thresholds of Benjamini and Hochberg, ``level k / (tested c)``, it is the largest below
    which at least k p-values would lie; or what the search asks, where that is less.
    """
    candidates = [found for detection in detections for found in detection.candidates]
    tested = max(sum(detection.tested for detection in detections), len(candidates))
    alike = [_one_test(found, draft) for found in candidates]
    others = np.array([f.p_value for f, same in zip(candidates, alike, strict=True) if not same])
    factor = float(np.sum(1.0 / np.arange(1, tested + 1))) if rate.any_dependence else 1.0
    ranks = np.arange(1.0, len(candidates) + 1)
    thresholds: NDArray[np.float64] = level * ranks / (tested * factor)
    return min(largest_passing(others, sum(alike), thresholds), _brought_up(draft.pattern))


def _brought_up(pattern: Pattern) -> float:
    """Give the largest p-value that the search itself lets through."""
    if isinstance(pattern, ConservationPattern):
        return 1.0 if pattern.form == "constant" else float(np.exp(PROVEN))
    if isinstance(pattern, CorrelationPattern):
        return LEAST_EVIDENCE
    if not isinstance(pattern, PhaseTransitionPattern):
        return 1.0
    others = {"spread": SPREAD_KEPT_AT, "distribution": SHAPE_KEPT_AT, "drift": DRIFT_AT}
    return others.get(pattern.form, KEPT_AT)


def largest_passing(
    others: NDArray[np.float64], together: int, thresholds: NDArray[np.float64]
) -> float:
    """Give the largest threshold k below which k p-values lie, `together` new ones among them.

    Examples
    --------
    >>> largest_passing(np.array([0.001, 0.9]), 1, np.array([0.01, 0.02, 0.03]))
    0.02
    """
    below = np.searchsorted(np.sort(others), thresholds, side="right") + together
    enough = thresholds[below >= np.arange(1, len(thresholds) + 1)]
    return float(enough.max(initial=0.0))


def most_exceptions(opened: Opened, pattern: ConservationPattern) -> int:
    """Give how many tasks of its stretch may break a law: more, and the search would not take it.

    A law that rounding alone explains is held to a larger share than one that holds but nearly.
    """
    found = evaluate(opened.view.sample, pattern, opened.rounding)
    exact = pattern.form != "constant" and bool(np.median(np.abs(found.sums) - found.slack) <= 0)
    rows = pattern.metrics.get("rows", float(pattern.evidence.n))
    return int(np.floor(rows * (1 - least_share(exact=exact)) + 1e-9))


def _one_test(found: Candidate, draft: Candidate) -> bool:
    if found is draft:
        return True
    one, other = found.pattern, draft.pattern
    shared = (one.kind, one.subject, one.window, one.group) == (
        other.kind,
        other.subject,
        other.window,
        other.group,
    )
    return shared and one.kind == "clustering"


def _place(draft: Candidate, detections: Sequence[Detection]) -> int:
    candidates = [found for detection in detections for found in detection.candidates]
    return next(i for i, found in enumerate(candidates) if found is draft)
