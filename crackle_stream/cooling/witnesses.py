"""Who a pattern is about: labels and times of the tasks it names, read from the log at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from msgspec import UNSET, Struct
from msgspec.structs import replace

from crackle_stream.cooling.cycle import Cycle
from crackle_stream.detect.candidate import Candidate
from crackle_stream.detect.describe import describe, named
from crackle_stream.event import ANONYMOUS
from crackle_stream.log.eventlog import EventLog
from crackle_stream.pattern import (
    ConservationPattern,
    CustomPattern,
    Note,
    Pattern,
    PhaseTransitionPattern,
    Span,
    Stretch,
    pattern_id,
)
from crackle_stream.timestamp import NO_TIME, format_time
from crackle_stream.window.order import OrderedRows

Ends = TypeVar("Ends", Span, Stretch)


class Witness(Struct, frozen=True):
    """Label and time of one event; the time as RFC 3339, None where it has none."""

    label: str
    time: str | None


def read_witnesses(log: EventLog, positions: Iterable[int]) -> dict[int, Witness]:
    """Read labels and times at some log positions; only the blocks they stand in are decoded."""
    found: dict[int, Witness] = {}
    waiting = sorted(set(positions), reverse=True)
    while waiting:
        block = next(log.blocks(waiting[-1], columns=("labels",)))
        times, labels = block.batch.times, block.batch.labels
        while waiting and waiting[-1] < block.first + len(times):
            row = waiting[-1] - block.first
            time = int(times[row])
            found[waiting.pop()] = Witness(
                ANONYMOUS if labels is None else labels[row],
                None if time == NO_TIME else format_time(time),
            )
    return found


def read_places(rows: OrderedRows, cycle: Cycle, candidates: Iterable[Candidate]) -> dict[int, int]:
    """Read at which place in time the log positions of changes are; nothing where they are equal.

    Parameters
    ----------
    rows
        The rows in analysis order, read once more where it is not that of the log.
    cycle
        Gives rows their log positions.
    candidates
        Whose positions are asked for.
    """
    if not rows.reordered:
        return {}
    wanted = sorted({at for found in candidates for at in _bounds(found.pattern)})
    places: dict[int, int] = {}
    for table in rows.read() if wanted else ():
        table = cycle.in_log(table)
        here = np.isin(table.positions, wanted)
        places |= zip(table.positions[here].tolist(), table.rows[here].tolist(), strict=True)
    return places


def name_witnesses(
    candidates: Sequence[Candidate], log: EventLog, checkpoint: int, places: Mapping[int, int]
) -> list[Pattern]:
    """Make drafts whole: labels, the task at a change and its place in time, the description.

    So are the times of the ends of the window, and of the stretch in which a law holds.
    """
    witnesses = read_witnesses(log, (at for found in candidates for at in _named(found)))
    return [_whole(found, witnesses, checkpoint, places) for found in candidates]


def name_notes(notes: Iterable[Note], log: EventLog) -> tuple[Note, ...]:
    """Say in each note that has a place from which task on it is so."""
    notes = tuple(notes)
    witnesses = read_witnesses(log, (note.at for note in notes if note.at is not UNSET))
    return tuple(_placed(note, witnesses) for note in notes)


def _placed(note: Note, witnesses: Mapping[int, Witness]) -> Note:
    if note.at is UNSET:
        return note
    at = witnesses[note.at]
    return replace(note, text=f"{note.text} from {named(note.at, at.label, at.time)} on")


def whole_id(draft: Pattern) -> str:
    """Give the id that a draft has once it is made whole: the label group is part of it."""
    return draft.id if draft.group is None else pattern_id(draft.kind, draft.id, draft.group)


def _named(candidate: Candidate) -> tuple[int, ...]:
    pattern = candidate.pattern
    ends = [pattern.window.first, pattern.window.last]
    if isinstance(pattern, ConservationPattern):
        ends += [pattern.holds.first, pattern.holds.last]
    found = (getattr(pattern, name, None) for name in ("at", "broke_at"))
    return (*candidate.involved, *ends, *(at for at in found if at is not None))


def _bounds(pattern: Pattern) -> list[int]:
    fields = ("at", "at_low", "at_high", "broke_at")
    found = (getattr(pattern, name, None) for name in fields)
    borders = getattr(pattern, "borders", None) or ()
    return [*(at for at in found if at is not None), *borders]


def _whole(
    candidate: Candidate, witnesses: dict[int, Witness], checkpoint: int, places: Mapping[int, int]
) -> Pattern:
    pattern = candidate.pattern
    labels = dict.fromkeys(witnesses[position].label for position in candidate.involved)
    filled: dict[str, Any] = {"involved_tasks": tuple(labels), "checkpoint": checkpoint}
    filled["window"] = _timed(pattern.window, witnesses)
    if isinstance(pattern, PhaseTransitionPattern | CustomPattern) and pattern.at is not None:
        at = witnesses[pattern.at]
        filled |= {"at_label": at.label, "at_time": at.time}
        if pattern.at in places:
            filled["metrics"] = {**pattern.metrics, "place": float(places[pattern.at])}
    if isinstance(pattern, ConservationPattern):
        filled["holds"] = _timed(pattern.holds, witnesses)
        if pattern.broke_at is not None:
            at = witnesses[pattern.broke_at]
            filled |= {"broke_label": at.label, "broke_time": at.time}
    filled["id"] = whole_id(pattern)
    whole = replace(pattern, **filled)
    return replace(whole, description=describe(whole))


def _timed(stretch: Ends, witnesses: Mapping[int, Witness]) -> Ends:
    first, last = (witnesses[end].time for end in (stretch.first, stretch.last))
    return replace(stretch, first_time=first, last_time=last)
