"""What each p-value supposes, and what each effect is measured in."""

from __future__ import annotations

from typing import Final

from crackle_stream.pattern import ConservationPattern, Pattern, PhaseTransitionPattern

_LOCATION: Final = (
    "without the change, the series is the rest of its pieces plus autoregressive noise of any "
    "strength and any distribution; p counts all places where a change was looked for"
)
_SCORES: Final = (
    "without the change, what levels and slopes leave over is distributed alike on both sides, "
    "with the dependence of neighbours that is seen; p counts all places that were looked at"
)
_LAW: Final = (
    "the step from task to task of at least one term is independent of the others', and meets "
    "them no more often than its own values lie together; p counts all equations that were tried"
)

NULLS: Final = {
    "level": _LOCATION,
    "trend": _LOCATION,
    "spread": _SCORES,
    "distribution": _SCORES,
    "drift": "the series comes back to its level within a few tasks: its neighbours correlate by "
    "0.7 at most",
    "slope": "the series keeps its level, but for autoregressive noise of any strength",
    "linear law": _LAW,
    "power law": _LAW,
    "constant law": "the metric varies as the others do: the logarithms of their coefficients of "
    "variation are normal around their median",
    "correlation": "the two metrics are independent, each with whatever memory it has: both were "
    "freed of steps, trends, season and memory, and are compared with themselves at other shifts",
    "clustering": "all tasks come from one distribution with a single peak, in any units, with "
    "the dependence of neighbours that is seen",
    "custom": "what the documentation of that detector says",
}
"""What each p-value supposes."""

UNITS: Final = {
    "level": "standard deviations within the pieces",
    "trend": "standard deviations within the pieces, by the end of the second",
    "spread": "as logarithm of the ratio of the spreads",
    "distribution": "standard deviations between the quantiles that differ most",
    "drift": "as correlation of neighbours",
    "linear law": "as share of its tasks that keep it",
    "power law": "as share of its tasks that keep it",
    "constant law": "as coefficient of variation",
    "correlation": "as coefficient",
    "clustering": "as gap to the next group over the spread within",
    "custom": "in the detector's own unit",
}


def sort_of(pattern: Pattern) -> str:
    """Name kind and form of a pattern, as far as its test depends on them."""
    if isinstance(pattern, PhaseTransitionPattern):
        return pattern.form
    return f"{pattern.form} law" if isinstance(pattern, ConservationPattern) else pattern.kind


def null_of(pattern: Pattern) -> str:
    """Say what the p-value of a pattern supposes."""
    sort = sort_of(pattern)
    if sort == "drift" and "slope" in pattern.metrics:
        sort = "slope"
    return NULLS[sort] if sort == "custom" else f"that {NULLS[sort]}"
