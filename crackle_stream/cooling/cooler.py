"""The cooling pass: the patterns of one checkpoint of one log under one plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager

from msgspec.structs import replace

from crackle_stream.clock import Deadline
from crackle_stream.cooling.considered import Considered
from crackle_stream.cooling.cycle import Cycle
from crackle_stream.cooling.decisions import Amendments, Decisions
from crackle_stream.cooling.following import Following
from crackle_stream.cooling.inspection import FoldedWindow, inspect
from crackle_stream.cooling.places import Places, gap_notes
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.cooling.witnesses import name_notes, name_witnesses, read_places, read_witnesses
from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.examine import Examination
from crackle_stream.detect.findings import find_findings
from crackle_stream.detect.significance import accept, as_handful
from crackle_stream.detect.summary import view
from crackle_stream.detect.view import View
from crackle_stream.detector import Failure
from crackle_stream.log.eventlog import EventLog
from crackle_stream.pattern import KINDS, Note, Pattern
from crackle_stream.table import Table
from crackle_stream.window.groups import GroupMapper
from crackle_stream.window.order import OrderedRows, ordered_rows
from crackle_stream.window.rows import RowReader


class Cooler:
    """Cools one log under one plan.

    What a checkpoint finds is a function of the events below it and of the plan, whenever it is
    cooled and whatever was cooled before: that makes replay exact.

    Parameters
    ----------
    log
        The events; firing may go on.
    plan
        What is asked.
    executor
        Where windows are examined; None is this process.
    decisions
        Markers and amendments; by default those beside the log.
    """

    def __init__(
        self,
        log: EventLog,
        plan: Plan,
        executor: Executor | None = None,
        *,
        decisions: Decisions | None = None,
    ) -> None:
        self._log = log
        self._plan = plan
        self._executor = executor
        self._decisions = Decisions.of(log) if decisions is None else decisions
        self._places = Places(plan.start, ())
        self._read_below = plan.start
        self._begin(Amendments({}))

    def cool(
        self,
        checkpoint: int | None = None,
        *,
        since: int = 0,
        levels: Mapping[str, float] | None = None,
        label: str | None = None,
    ) -> CoolingReport:
        """Find the patterns among the events below a position.

        Parameters
        ----------
        checkpoint
            The position; None is the end of the log as it is now.
        since
            Only windows that hold an event from this position on are looked at.
        levels
            False discovery level of each kind and of each detector of your own; by default a
            quarter of the rate's.
        label
            What asked for the checkpoint.
        """
        with self.consider(checkpoint, since=since, levels=levels, label=label) as considered:
            return considered.report

    @contextmanager
    def consider(
        self,
        checkpoint: int | None = None,
        *,
        since: int = 0,
        levels: Mapping[str, float] | None = None,
        label: str | None = None,
    ) -> Iterator[Considered]:
        """Give what `cool` gives, with all that it rests on, as long as its rows can be read."""
        stop = self._log.count if checkpoint is None else checkpoint
        levels = levels or self._even_levels()
        places = self._places_below(stop)
        cycle = self._cycle(stop, places)
        length = places.before(stop)
        with self._rows(cycle, length) as rows:
            following = self._follow(rows, places.before(since))
            windows = following.windows(rows, cycle, length)
            looked: dict[str | None, int] = {}
            recent = _recent(windows, since, looked)
            seen = list(self._inspect(recent, rows, cycle))
            accepted = self._accepted(seen, levels)
            moved = read_places(rows, cycle, accepted)
            named = name_witnesses(accepted, self._log, stop, moved)
            unseen, failures = _unseen(seen), _failures(seen)
            known = self._decisions.acknowledgements(stop).over(named)
            patterns = sorted((replace(p, partial=bool(unseen)) for p in known), key=_rank)
            marked, findings = find_findings(patterns, lambda at: moved.get(at, at))
            report = CoolingReport(
                checkpoint=stop,
                label=label,
                patterns=marked,
                findings=findings,
                notes=(
                    *gap_notes(places, self._plan.start),
                    *name_notes(_notes(rows, seen), self._log),
                ),
                events=following.events,
                metrics=len(following.metrics),
                windows=len(seen),
                tested=sum(d.tested for f in self._families for d in _detections(seen, f)),
                late=rows.late,
                partial=bool(unseen or failures),
                unseen=unseen,
                failures=failures,
            )
            yield Considered(
                report=report,
                detections={f: tuple(_detections(seen, f)) for f in self._families},
                handful=tuple(c for found in _examined(seen) for c in as_handful(found.handful)),
                looked=looked,
                levels=levels,
                name=lambda found: name_witnesses(
                    found, self._log, stop, read_places(rows, cycle, found)
                ),
                witnesses=lambda positions: read_witnesses(self._log, positions),
                view=lambda pattern: self._view(pattern, rows, cycle, length),
            )

    def _places_below(self, stop: int) -> Places:
        start = max(self._plan.start, self._log.first)
        return Places(start, list(self._log.gaps(start, stop)))

    def _cycle(self, stop: int, places: Places) -> Cycle:
        amendments = self._decisions.amendments(stop)
        if amendments != self._amendments or places.below(self._read_below) != self._places:
            self._begin(amendments)
        self._places = places
        self._read_below = stop
        return Cycle(self._log, places, amendments)

    def _begin(self, amendments: Amendments) -> None:
        """Begin at the first row: what an amendment or a gap changes was read already."""
        self._amendments = amendments
        self._reader = RowReader(self._plan.profile)
        self._groups = (
            None
            if self._plan.group_by is None
            else GroupMapper(self._plan.group_by, self._plan.profile.max_groups)
        )
        self._following = Following(self._plan)

    def _rows(self, cycle: Cycle, length: int) -> OrderedRows:
        return ordered_rows(
            cycle,
            length,
            self._plan.order,
            lateness=self._plan.lateness,
            groups=self._groups,
            reader=self._reader,
        )

    def _follow(self, rows: OrderedRows, since: int) -> Following:
        """Go on where the last checkpoint ended, if what came since follows what was there."""
        before = self._following
        if rows.reordered or before.reordered or before.read != since:
            self._following = Following(self._plan, reordered=rows.reordered)
        return self._following

    def _inspect(
        self, windows: Iterator[FoldedWindow], rows: OrderedRows, cycle: Cycle
    ) -> Iterator[Examination | None]:
        deadline = Deadline(self._plan.profile.max_duration_s)

        def view_of(window: FoldedWindow) -> View:
            return _view(window, rows, cycle)

        return inspect(windows, view_of, self._plan, deadline, self._executor)

    def _view(self, pattern: Pattern, rows: OrderedRows, cycle: Cycle, length: int) -> View:
        """Fold the rows once more up to the window of a pattern: not all windows are kept."""
        following = Following(self._plan, reordered=rows.reordered)
        windows = following.windows(rows, cycle, length)
        views = (_view(window, rows, cycle) for window in windows if window.group == pattern.group)
        return next(view for view in views if view.span == pattern.window)

    @property
    def _families(self) -> tuple[str, ...]:
        return self._plan.profile.families

    def _even_levels(self) -> dict[str, float]:
        return dict.fromkeys(self._families, self._plan.profile.rate.false_discovery / len(KINDS))

    def _accepted(
        self, seen: Sequence[Examination | None], levels: Mapping[str, float]
    ) -> list[Candidate]:
        rate = self._plan.profile.rate
        accepted: list[Candidate] = []
        for family in self._families:
            accepted += accept(_detections(seen, family), rate, levels[family])
        known = {_subject(candidate) for candidate in accepted}
        few = [c for found in _examined(seen) for c in as_handful(found.handful)]
        return accepted + [candidate for candidate in few if _subject(candidate) not in known]


def _recent(
    windows: Iterator[FoldedWindow], since: int, looked: dict[str | None, int]
) -> Iterator[FoldedWindow]:
    """Give the windows that hold an event from a position on; note where each group's begin."""
    for window in windows:
        if window.summary.newest >= since:
            first = window.summary.first
            looked[window.group] = min(first, looked.get(window.group, first))
            yield window


def _view(window: FoldedWindow, rows: OrderedRows, cycle: Cycle) -> View:
    def scan(start: int, stop: int) -> Iterator[Table]:
        return _scan(rows, cycle, window, start, stop)

    return view(window.summary, scan, window.group)


def _scan(
    rows: OrderedRows, cycle: Cycle, window: FoldedWindow, start: int, stop: int
) -> Iterator[Table]:
    """Read rows of a window again, numbered from its start."""
    first = window.window.first_row
    within = (first + start, first + min(stop, window.window.n))
    group = window.group
    for table in rows.read(*within) if group is None else rows.read_group(group, *within):
        yield replace(cycle.in_log(table), rows=table.rows - first)


def _examined(seen: Sequence[Examination | None]) -> Iterator[Examination]:
    return (examination for examination in seen if examination is not None)


def _detections(seen: Sequence[Examination | None], family: str) -> list[Detection]:
    found = (examination.detections.get(family) for examination in _examined(seen))
    return [detection for detection in found if detection is not None]


def _unseen(seen: Sequence[Examination | None]) -> tuple[str, ...]:
    windows = sum(examination is None for examination in seen)
    kinds = sorted({kind for examination in _examined(seen) for kind in examination.unseen})
    return (*kinds, *((f"{windows} windows",) if windows else ()))


def _failures(seen: Sequence[Examination | None]) -> tuple[Failure, ...]:
    """Give the first failure of each detector, and in how many windows it failed."""
    failed: dict[str, Failure] = {}
    for failure in (failure for found in _examined(seen) for failure in found.failures):
        first = failed.get(failure.detector)
        failed[failure.detector] = (
            failure if first is None else replace(first, windows=first.windows + 1)
        )
    return tuple(failed.values())


def _notes(rows: OrderedRows, seen: Sequence[Examination | None]) -> tuple[Note, ...]:
    found = (note for examination in _examined(seen) for note in examination.notes)
    return tuple(dict.fromkeys((*rows.notes, *found)))


def _subject(candidate: Candidate) -> tuple[object, ...]:
    pattern = candidate.pattern
    return pattern.kind, pattern.subject, pattern.group, pattern.window


def _rank(pattern: Pattern) -> tuple[object, ...]:
    return -pattern.confidence, pattern.kind, pattern.subject, _place(pattern), pattern.id


def _place(pattern: Pattern) -> tuple[int, int, int]:
    at = getattr(pattern, "at", None)
    return pattern.window.first, pattern.window.last, -1 if at is None else at
