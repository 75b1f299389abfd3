"""What the times of a log are like, which decides how its rows are put in order."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Protocol

import numpy as np
from msgspec import Struct

from crackle_stream.event import EventBatch
from crackle_stream.pattern import Note
from crackle_stream.timestamp import NO_TIME, format_span
from crackle_stream.window.lateness import Watermark


class Block(Protocol):
    """Consecutive events of a log."""

    @property
    def first(self) -> int:
        """Log position of the first of them."""
        ...

    @property
    def batch(self) -> EventBatch:
        """The events."""
        ...


class BlockSource(Protocol):
    """What is needed of a log."""

    def blocks(
        self, first: int = 0, stop: int | None = None, columns: Collection[str] | None = None
    ) -> Iterator[Block]:
        """Give consecutive blocks of the events in a range of positions."""
        ...

    def times_rise(self, stop: int) -> bool:
        """Whether all events below a position have a time and none goes back."""
        ...


class TimeSurvey(Struct, frozen=True):
    """What the times of the events below a position are like.

    Parameters
    ----------
    events
        How many there are.
    absent
        Those without a time.
    back
        Those with a time before that of the event before.
    late
        Those behind the watermark, where a lateness is declared.
    """

    events: int = 0
    absent: int = 0
    back: int = 0
    late: int = 0


def survey_times(log: BlockSource, stop: int, lateness: int | None = None) -> TimeSurvey:
    """Read the times of the events below a position, in one pass; none where they just rise."""
    if log.times_rise(stop):
        return TimeSurvey(stop)
    events = absent = back = late = 0
    before = NO_TIME
    watermark = None if lateness is None else Watermark(lateness)
    for block in log.blocks(0, stop, columns=()):
        times = np.concatenate([[before], block.batch.times])
        events += len(times) - 1
        absent += int((times[1:] == NO_TIME).sum())
        back += int((times[1:] < times[:-1]).sum())
        late += 0 if watermark is None else int(watermark.late(times[1:]).sum())
        before = int(times[-1])
    return TimeSurvey(events, absent, back, late)


def absent_note(survey: TimeSurvey) -> Note:
    """Say that events without a time mean log order."""
    text = f"{survey.absent:,} of {survey.events:,} events have no time: analysed in log order"
    return Note("order", text)


def back_note(survey: TimeSurvey) -> Note:
    """Say that events were not in order of time."""
    steps = survey.events - 1
    text = f"{survey.back:,} of {steps:,} steps went back in time: analysed in order of time"
    return Note("order", text)


def late_note(survey: TimeSurvey, lateness: int) -> Note:
    """Say how many events were left out."""
    text = (
        f"{survey.late:,} of {survey.events:,} events came more than {format_span(lateness)} late "
        "and were left out"
    )
    return Note("lateness", text)
