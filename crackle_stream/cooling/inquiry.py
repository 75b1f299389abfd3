"""One pattern of a replay, looked up by its id."""

from __future__ import annotations

from typing import Final

from crackle_stream.cooling.considered import Considered
from crackle_stream.cooling.explain import explain
from crackle_stream.cooling.explanation import Explanation
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.weighed import Weighed, weigh_all
from crackle_stream.detect.describe import describe
from crackle_stream.errors import UsageError

WIDE: Final = 80
"""Characters of a description in such a list."""
LISTED: Final = 20
"""Most ids that an error lists."""


class Inquiry:
    """Explains the pattern whose id begins as given: of the last checkpoint that found it.

    Where no checkpoint found it, it is one of the candidates that did not pass.

    Parameters
    ----------
    plan
        What cooling is asked.
    prefix
        How the id begins.
    """

    def __init__(self, plan: Plan, prefix: str) -> None:
        self._plan = plan
        self._prefix = prefix
        self._known: dict[str, str] = {}
        self._matching: dict[str, str] = {}
        self._failed: set[str] = set()
        self._found: Explanation | None = None

    def study(self, considered: Considered) -> None:
        """Look at one checkpoint, while its rows can be read."""
        weighed = weigh_all(considered, self._plan)
        passed = {pattern.id for pattern in considered.report.patterns}
        self._failed |= {one.id for one in weighed} - passed
        self._known |= {p.id: p.description for p in considered.report.patterns}
        mine = [one for one in weighed if one.id.startswith(self._prefix)]
        exact = [one for one in mine if one.id == self._prefix]
        mine = exact or mine
        self._matching |= {one.id: _told(one) for one in mine}
        if len({one.id for one in mine}) == 1 == len(self._matching):
            best = min(mine, key=lambda one: (not one.passed, one.found.pattern.evidence.q_value))
            if best.passed or self._found is None or not self._found.passed:
                self._found = explain(considered, self._plan, weighed, best)

    def answer(self) -> Explanation:
        """Give the explanation.

        Raises
        ------
        UsageError
            When no id begins so, or several do.
        """
        if len(self._matching) > 1:
            listed = listing({i: self._known.get(i, t) for i, t in self._matching.items()})
            raise UsageError(f"several ids begin with {self._prefix!r}: give more of it\n{listed}")
        if self._found is not None:
            return self._found
        failed = len(self._failed - set(self._known))
        noun = "candidate" if failed == 1 else "candidates"
        others = f"; {failed} {noun} did not pass the gates" if failed else ""
        there = f"these are there{others}:\n{listing(self._known)}"
        if not self._known:
            there = f"nothing was found{others}"
        raise UsageError(f"no pattern's id begins with {self._prefix!r}: {there}")


def _told(one: Weighed) -> str:
    return describe(one.found.pattern)


def _line(text: str) -> str:
    """Keep a text to one line and not too long: a label may hold line ends."""
    text = "".join(r"\x0a" if c in "\n\r\x0b\x0c\x85\u2028\u2029" else c for c in text)
    return f"{text[:WIDE]}{'..' if len(text) > WIDE else ''}"


def listing(known: dict[str, str]) -> str:
    """List ids with what they stand for, a line each."""
    shown = sorted(known.items())[:LISTED]
    lines = [f"  {name}  {_line(text)}" for name, text in shown]
    rest = len(known) - len(lines)
    return "\n".join([*lines, *([f"  and {rest} more"] if rest else [])])
