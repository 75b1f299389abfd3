"""One pattern of a replay, looked up by its id and explained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from crackle_stream.cooling.considered import Considered
from crackle_stream.cooling.draw import draw, named_positions, read_positions
from crackle_stream.cooling.explanation import Explanation, Margins, Responsible, Rival
from crackle_stream.cooling.fewer import find_in_fewer
from crackle_stream.cooling.margins import gates_of, largest_p, most_exceptions
from crackle_stream.cooling.opened import Opened
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.witnesses import whole_id
from crackle_stream.detect.candidate import Candidate
from crackle_stream.detect.describe import describe
from crackle_stream.detect.significance import passes, threshold_of, weigh
from crackle_stream.errors import UsageError
from crackle_stream.pattern import KINDS, ConservationPattern, Pattern
from crackle_stream.profile import CoolingRate
from crackle_stream.table import Table

RIVALS: Final = 6
"""Most candidates that are named; those that passed come first."""
WIDE: Final = 80
"""Characters of a description in such a list."""
LISTED: Final = 20
"""Most ids that an error lists."""


class Weighed(Struct, frozen=True):
    """A candidate, as the detector gave it and with its q-value, and what became of it."""

    draft: Candidate
    found: Candidate
    passed: bool
    handful: bool = False

    @property
    def id(self) -> str:
        """The id that its pattern has."""
        return whole_id(self.draft.pattern)


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
            listed = _listing({i: self._known.get(i, t) for i, t in self._matching.items()})
            raise UsageError(f"several ids begin with {self._prefix!r}: give more of it\n{listed}")
        if self._found is not None:
            return self._found
        failed = len(self._failed - set(self._known))
        noun = "candidate" if failed == 1 else "candidates"
        others = f"; {failed} {noun} did not pass the gates" if failed else ""
        there = f"these are there{others}:\n{_listing(self._known)}"
        if not self._known:
            there = f"nothing was found{others}"
        raise UsageError(f"no pattern's id begins with {self._prefix!r}: {there}")


def weigh_all(considered: Considered, plan: Plan) -> list[Weighed]:
    """Give every candidate of a checkpoint with what became of it."""
    rate = plan.profile.rate
    reported = {_key(pattern) for pattern in considered.report.patterns}
    weighed = []
    for kind in KINDS:
        detections = considered.detections[kind]
        drafts = [draft for detection in detections for draft in detection.candidates]
        for draft, found in zip(drafts, weigh(detections, rate), strict=True):
            passed = passes(found, rate, considered.levels[kind])
            weighed.append(Weighed(draft, found, passed))
    few = considered.handful
    return weighed + [Weighed(c, c, _key(c.pattern) in reported, handful=True) for c in few]


def _key(pattern: Pattern) -> tuple[object, ...]:
    return pattern.kind, pattern.subject, pattern.group, pattern.window


def explain(
    considered: Considered, plan: Plan, weighed: Sequence[Weighed], one: Weighed
) -> Explanation:
    """Gather all that there is to say about one candidate of a checkpoint."""
    report, rate = considered.report, plan.profile.rate
    pattern = _whole(considered, one)
    finding = next((f for f in report.findings if one.passed and one.id in f.patterns), None)
    view = considered.view(pattern)
    positions = [*one.draft.involved, *named_positions(pattern)]
    table = read_positions(view, positions)
    others = _Rivals(considered, rate)
    related = _related(weighed, one)
    rows = dict(zip(table.positions.tolist(), table.rows.tolist(), strict=True))
    opened = Opened(view)
    detections = considered.detections[pattern.kind]
    level = considered.levels[pattern.kind]
    most_p = largest_p(one.draft, detections, rate, level)
    gates = () if one.handful else gates_of(one.draft, detections, rate, level)
    settings = plan.profile.settings
    units = {n: settings[n].unit for n in pattern.subject if n in settings and settings[n].unit}
    return Explanation(
        checkpoint=report.checkpoint,
        label=report.label,
        passed=one.passed,
        handful=one.handful,
        headline=pattern.description if finding is None else finding.headline,
        together=() if finding is None else tuple(i for i in finding.patterns if i != one.id),
        pattern=pattern,
        places=sum(other.id == one.id for other in weighed),
        rate=rate,
        gates=gates,
        tasks=_responsible(considered, table, one.draft),
        picture=draw(opened, one.draft.pattern, rows, raw=one.handful),
        units={name: str(unit) for name, unit in units.items()},
        windows=len(detections),
        candidates=sum(len(detection.candidates) for detection in detections),
        rivals=others.of(related[:RIVALS]),
        related=len(related),
        nearest=others.nearest(weighed, one),
        margins=_margins(opened, one, rows, rate, most_p),
    )


def _margins(
    opened: Opened, one: Weighed, rows: dict[int, int], rate: CoolingRate, most_p: float
) -> Margins:
    pattern = one.draft.pattern
    if one.handful:
        return Margins()
    law = pattern if isinstance(pattern, ConservationPattern) else None
    which, fewer = (
        find_in_fewer(opened, one.draft, rows, rate, most_p) if one.passed else (None, ())
    )
    return Margins(
        largest_p=most_p,
        most_exceptions=None if law is None else most_exceptions(opened, law),
        fewer=fewer,
        fewer_which=which,
    )


def _whole(considered: Considered, one: Weighed) -> Pattern:
    """Give its pattern as the report has it, or as it would have it."""
    window = one.draft.pattern.window
    reported = (p for p in considered.report.patterns if (p.id, p.window) == (one.id, window))
    known = next(reported, None) if one.passed else None
    return considered.name([one.found])[0] if known is None else known


def _responsible(considered: Considered, table: Table, draft: Candidate) -> tuple[Responsible, ...]:
    """Give the tasks of a candidate in its order, the most responsible first."""
    named = considered.witnesses(draft.involved)
    columns = {name: table.column(name) for name in draft.pattern.subject if name in table.names}
    row = {position: place for place, position in enumerate(table.positions.tolist())}
    return tuple(
        Responsible(
            position=position,
            row=int(table.rows[row[position]]),
            label=named[position].label,
            time=named[position].time,
            values={
                name: float(column[row[position]])
                for name, column in columns.items()
                if not np.isnan(column[row[position]])
            },
        )
        for position in draft.involved
    )


def _related(weighed: Sequence[Weighed], one: Weighed) -> list[Weighed]:
    """Give the other candidates about some of the same metrics, those that passed first."""
    mine = one.draft.pattern
    others = [
        other
        for other in weighed
        if other.id != one.id
        and other.draft.pattern.group == mine.group
        and set(other.draft.pattern.subject) & set(mine.subject)
    ]

    def rank(other: Weighed) -> tuple[bool, bool, bool, float]:
        theirs = other.draft.pattern
        same = set(theirs.subject) == set(mine.subject)
        return (
            not other.passed,
            theirs.window != mine.window,
            not same,
            other.found.pattern.evidence.q_value,
        )

    return sorted(others, key=rank)


def _told(one: Weighed) -> str:
    return describe(one.found.pattern)


def _listing(known: dict[str, str]) -> str:
    shown = sorted(known.items())[:LISTED]
    lines = [f"  {name}  {text[:WIDE]}{'..' if len(text) > WIDE else ''}" for name, text in shown]
    rest = len(known) - len(lines)
    return "\n".join([*lines, *([f"  and {rest} more"] if rest else [])])


class _Rivals:
    """Other candidates, written down."""

    def __init__(self, considered: Considered, rate: CoolingRate) -> None:
        self._considered = considered
        self._rate = rate

    def of(self, others: Sequence[Weighed]) -> tuple[Rival, ...]:
        patterns = self._considered.name([other.found for other in others])
        return tuple(self._rival(o, p) for o, p in zip(others, patterns, strict=True))

    def _rival(self, other: Weighed, pattern: Pattern) -> Rival:
        return Rival(
            id=other.id,
            kind=pattern.kind,
            description=pattern.description,
            effect=other.draft.size,
            threshold=threshold_of(other.draft.gate, self._rate),
            q_value=pattern.evidence.q_value,
            level=self._considered.levels[pattern.kind],
            passed=other.passed,
            shortfall=self.shortfall(other),
        )

    def shortfall(self, other: Weighed) -> float:
        """Say how many times too small its effect, or too large its q-value is."""
        size, threshold = other.draft.size, threshold_of(other.draft.gate, self._rate)
        less = 0.0
        if threshold is not None:
            less = size / threshold if other.draft.gate == "variation" else threshold / abs(size)
        level = self._considered.levels[other.draft.pattern.kind]
        return max(less, other.found.pattern.evidence.q_value / level)

    def nearest(self, weighed: Sequence[Weighed], one: Weighed) -> Rival | None:
        """Give the candidate of the same kind that failed by least."""
        kind = one.draft.pattern.kind
        failed = [o for o in weighed if o.draft.pattern.kind == kind and not o.passed]
        failed = [o for o in failed if o.id != one.id and not o.handful]
        if not failed:
            return None
        return self.of([min(failed, key=self.shortfall)])[0]
