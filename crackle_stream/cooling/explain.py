"""All that there is to say about one candidate of a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crackle_stream.cooling.considered import Considered
from crackle_stream.cooling.draw import draw, named_positions, read_positions
from crackle_stream.cooling.explanation import Explanation, Margins, Responsible
from crackle_stream.cooling.fewer import find_in_fewer
from crackle_stream.cooling.margins import gates_of, largest_p, most_exceptions
from crackle_stream.cooling.opened import Opened
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.rivals import RIVALS, Rivals, related_to
from crackle_stream.cooling.weighed import Weighed
from crackle_stream.detect.candidate import Candidate
from crackle_stream.pattern import ConservationPattern, Pattern
from crackle_stream.profile import CoolingRate
from crackle_stream.table import Table


def explain(
    considered: Considered, plan: Plan, weighed: Sequence[Weighed], one: Weighed
) -> Explanation:
    """Gather all that there is to say about one candidate of a checkpoint."""
    report, rate = considered.report, plan.profile.rate
    pattern = _whole(considered, one)
    finding = next((f for f in report.findings if one.passed and one.id in f.patterns), None)
    view = considered.view(one.draft.pattern)
    positions = [*one.draft.involved, *named_positions(pattern)]
    table = read_positions(view, positions)
    others = Rivals(considered, rate)
    related = related_to(weighed, one)
    rows = dict(zip(table.positions.tolist(), table.rows.tolist(), strict=True))
    opened = Opened(view)
    detections = considered.detections[pattern.family]
    level = considered.levels[pattern.family]
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
        places=len({o.draft.pattern.window for o in weighed if o.id == one.id}),
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
    key = one.id, _stretch(one.draft.pattern)
    reported = (p for p in considered.report.patterns if (p.id, _stretch(p)) == key)
    known = next(reported, None) if one.passed else None
    return considered.name([one.found])[0] if known is None else known


def _stretch(pattern: Pattern) -> tuple[int, int, int]:
    window = pattern.window
    return window.first, window.last, window.n


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
