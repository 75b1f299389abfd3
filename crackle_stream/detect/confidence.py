"""How often patterns with so much evidence are true: the calibrated map behind `confidence`.

A q-value speaks of one null alone. A pattern with a tiny one is still false where the window is
neither that null nor what the pattern says: a walk seen through noise has no steps, yet they
are no noise either. How often that happens differs by kind and is known from the planted mix alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from crackle_stream.pattern import ConservationPattern, Pattern, PhaseTransitionPattern

MOST_CONFIDENT: Final = 0.9999
"""No finite number of tasks makes a pattern certain."""

LEAST_DIGITS, MOST_DIGITS = 0.1, 300.0
"""Digits of a q-value below and beyond which there is nothing to tell: .8, and the smallest
numbers of a float."""

USUAL_VARIATION, LEAST_VARIATION = 0.1, 1e-9
"""Coefficients of variation of a near-constant metric: where its scale begins and ends."""


class Weight(Struct, frozen=True):
    """How evidence of one kind is weighed into log odds.

    Parameters
    ----------
    base
        Log odds of a pattern with a q-value of one in ten (and a variation of a tenth).
    digits
        By how much they rise when the digits of the q-value are e times as many; at least 0.
    steadiness
        By how much when a near-constant metric varies by 1/e of that; at least 0.
    """

    base: float
    digits: float
    steadiness: float = 0.0


# Written by `python -m tests.bench.calibration --fit --windows 800`.
WEIGHTS: Final[dict[str, Weight]] = {
    "clustering": Weight(0.95, 0.65),
    "constant": Weight(-2.88, 0.57, 1.58),
    "correlation": Weight(2.24, 1.33),
    "distribution": Weight(-0.91, 0.44),
    "drift": Weight(2.14, 0.99),
    "level": Weight(-0.72, 1.44),
    "linear": Weight(1.28, 0.61),
    "power": Weight(0.27, 0.44),
    "spread": Weight(-0.43, 0.7),
    "trend": Weight(-0.44, 0.34),
}
"""By kind; for phase transitions and laws, which differ, by form."""

UNCHECKED: Final = Weight(0.0, 1.0)
"""Of what other detectors find, since no mix tells how often that is true."""


def confidence(pattern: Pattern, q_value: float) -> float:
    """Give the share of patterns of that kind and evidence that are true, on the planted mix.

    A logistic regression on the logarithm of the q-value's digits, and for near-constant metrics
    on that of their variation, which tells the steady ones from those that happen to vary little:
    monotone in evidence, with two or three numbers a kind, fitted on draws of the mix
    (``tests/bench/mix.py``) by penalised likelihood and checked on others (Niculescu-Mizil and
    Caruana 2005, Predicting good probabilities with supervised learning). The prior is that of the
    mix: on a stream in which there is less to find, fewer are true.

    Parameters
    ----------
    pattern
        Its kind and form are looked at, and the variation of a near-constant metric.
    q_value
        By Benjamini and Hochberg at any rate, so that a pattern has one confidence.
    """
    weight = WEIGHTS.get(weighed_as(pattern), UNCHECKED)
    digits, steadiness = weighed(pattern, q_value)
    log_odds = weight.base + weight.digits * digits + weight.steadiness * steadiness
    return min(round(float(1 / (1 + np.exp(-log_odds))), 4), MOST_CONFIDENT)


def weighed_as(pattern: Pattern) -> str:
    """Name the row of the table that a pattern is weighed by."""
    if isinstance(pattern, PhaseTransitionPattern | ConservationPattern):
        return pattern.form
    return pattern.kind


def weighed(pattern: Pattern, q_value: float) -> tuple[float, float]:
    """Give what is weighed: logarithms of the q-value's digits, and of a tenth over a variation."""
    variation = pattern.evidence.effect if weighed_as(pattern) == "constant" else USUAL_VARIATION
    return log_digits(q_value), float(np.log(USUAL_VARIATION / max(variation, LEAST_VARIATION)))


def log_digits(q_value: float) -> float:
    """Give the logarithm of the digits of a q-value: 0 at one in ten, 1.1 at one in a thousand.

    Examples
    --------
    >>> [round(log_digits(q), 2) for q in (0.1, 0.001, 0.0)]
    [0.0, 1.1, 5.7]
    """
    digits = -np.log10(max(q_value, 10.0**-MOST_DIGITS))
    return float(np.log(max(digits, LEAST_DIGITS)))
