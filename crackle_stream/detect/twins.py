"""Metrics that are one quantity under two names: in two units, or recorded twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from crackle_stream.pattern import ConservationPattern, Pattern

ROUNDED: Final = 0.005
"""Relative deviation that rounding explains, as of a ratio and of percents with one decimal."""


class Twins:
    """Knows of each metric which one tells it: the first by name of those that are the same.

    Parameters
    ----------
    patterns
        Of one checkpoint; a law of two metrics that holds throughout makes them the same.
    """

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        self._names: dict[tuple[str | None, str], str] = {}
        for law in patterns:
            if isinstance(law, ConservationPattern) and is_conversion(law):
                self._join(law.group, law.subject)

    def of(self, group: str | None, name: str) -> str:
        """Give the metric that tells one of a label group; it is itself where it has no twin."""
        return self._names.get((group, name), name)

    def subject(self, pattern: Pattern) -> frozenset[str]:
        """Give the metrics that tell those of a pattern."""
        return frozenset(self.of(pattern.group, name) for name in pattern.subject)

    def _join(self, group: str | None, names: Iterable[str]) -> None:
        told = {self.of(group, name) for name in names}
        if len(told) == 1:
            return
        same = {n for (g, n), teller in self._names.items() if g == group and teller in told}
        first = min(told)
        self._names.update({(group, name): first for name in same | told})


def is_conversion(law: ConservationPattern) -> bool:
    """Whether a law says that one metric is another in a different unit, within rounding."""
    if len(law.subject) != 2 or set(law.terms) != set(law.subject):
        return False
    if law.broke_at is not None or law.exception_count:
        return False
    if law.form == "power":
        return sorted(law.terms.values()) == [-1.0, 1.0] and law.residual <= ROUNDED
    return law.form == "linear" and law.residual == 0 and _crossed(law)


def _crossed(law: ConservationPattern) -> bool:
    """Whether both rise together; of two parts of a constant sum each keeps its own meaning."""
    one, other = law.terms.values()
    return one * other < 0
