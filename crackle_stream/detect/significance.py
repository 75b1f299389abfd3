"""From candidates to patterns: false discoveries controlled, sizes gated, confidence said.

Benjamini and Hochberg (1995), or Benjamini and Yekutieli (2001) where any dependence must be
allowed for, over all hypotheses of one kind at a checkpoint. Each of the four kinds has a quarter
of the level to itself, so that hiding one changes no other; across checkpoints `OnlineLevel`
(``online_level.py``) holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.confidence import confidence
from crackle_stream.detector import Gate
from crackle_stream.pattern import Pattern
from crackle_stream.profile import CoolingRate

LITTLE: Final = 0.6
"""Most confidence that a handful of tasks can give."""


def accept(detections: Sequence[Detection], rate: CoolingRate, level: float) -> list[Candidate]:
    """Keep the candidates of one kind that pass both gates, with q-value and confidence filled in.

    Parameters
    ----------
    detections
        What the detector of that kind said of every window and group of the checkpoint.
    rate
        Gives the size thresholds and the kind of correction.
    level
        The false discovery level that this kind of pattern has at this checkpoint.
    """
    return [found for found in weigh(detections, rate) if passes(found, rate, level)]


def weigh(detections: Sequence[Detection], rate: CoolingRate) -> list[Candidate]:
    """Fill in q-value and confidence of all candidates of one kind, whether they pass or not.

    The confidence rests on the q-value of Benjamini and Hochberg at every rate: how willing the
    detectors are does not change how sure a pattern is.
    """
    candidates = [found for detection in detections for found in detection.candidates]
    tested = max(sum(detection.tested for detection in detections), len(candidates))
    p_values = np.array([candidate.p_value for candidate in candidates])
    usual = adjust(p_values, tested)
    q_values = adjust(p_values, tested, any_dependence=True) if rate.any_dependence else usual
    return [
        replace(found, pattern=_proved(found.pattern, q, tested, confidence(found.pattern, proof)))
        for found, q, proof in zip(candidates, q_values.tolist(), usual.tolist(), strict=True)
    ]


def passes(candidate: Candidate, rate: CoolingRate, level: float) -> bool:
    """Whether a candidate with its q-value filled in passes both gates."""
    return candidate.pattern.evidence.q_value <= level and is_large(candidate, rate)


def as_handful(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Take what the seed's rules say of fewer than 30 tasks as patterns of little confidence."""
    tested = len(candidates)
    q_values = adjust(np.array([candidate.p_value for candidate in candidates]), tested).tolist()
    return [
        replace(
            few, pattern=_proved(few.pattern, q, tested, min(confidence(few.pattern, q), LITTLE))
        )
        for few, q in zip(candidates, q_values, strict=True)
    ]


def adjust(
    p_values: NDArray[np.float64], tested: int, *, any_dependence: bool = False
) -> NDArray[np.float64]:
    """Give q-values by Benjamini-Hochberg, or Benjamini-Yekutieli under any dependence.

    Parameters
    ----------
    p_values
        The smallest of the p-values tested; those left out count as larger than all of these.
    tested
        How many were tested in all.

    Examples
    --------
    >>> adjust(np.array([0.01, 0.02, 0.03]), 4).tolist()
    [0.04, 0.04, 0.04]
    """
    order = np.argsort(p_values, kind="stable")
    factor = float(np.sum(1.0 / np.arange(1, tested + 1))) if any_dependence else 1.0
    raw = p_values[order] * (tested * factor) / np.arange(1, len(order) + 1)
    q_values = np.empty(len(order))
    q_values[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return q_values


def is_large(candidate: Candidate, rate: CoolingRate) -> bool:
    """Whether a candidate's size passes the threshold of its gate."""
    threshold = threshold_of(candidate.gate, rate)
    if threshold is None:
        return True
    if candidate.gate == "variation":
        return candidate.size <= threshold
    return candidate.size >= threshold


def threshold_of(gate: Gate, rate: CoolingRate) -> float | None:
    """Give the size that a gate asks for at a rate; None where evidence alone counts."""
    thresholds: dict[Gate, float] = {
        "separation": rate.cluster_threshold,
        "correlation": rate.correlation_threshold,
        "shift": rate.phase_transition_sensitivity,
        "variation": rate.constant_variation,
    }
    return thresholds.get(gate)


def _proved(pattern: Pattern, q_value: float, tested: int, sure: float) -> Pattern:
    evidence = replace(pattern.evidence, q_value=q_value, tested=tested)
    return replace(pattern, evidence=evidence, confidence=sure)
