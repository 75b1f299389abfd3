"""What is told of a metric while events come in, and what cooling made of it."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from crackle_stream.pattern import Level

Status: TypeAlias = Literal["raised", "confirmed", "withdrawn"]
AlarmForm: TypeAlias = Literal["level", "spread"]


class Alarm(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A metric that no longer is what it was, as told while events come in.

    Parameters
    ----------
    status
        ``raised`` when it was noticed; then, once, what the next cooling made of it: ``confirmed``
        by a pattern, or ``withdrawn``.
    metric
        Which.
    form
        What changed: level or spread.
    of_steps
        Whether the metric is a counter and what changed is the step from one value to the next.
    position
        Log position of the event at which it was noticed.
    onset, onset_label, onset_time
        Log position, label and time of the first event that is believed to be after the change.
    before, after
        Mean, standard deviation and number of the metric's values, or of its steps, from the
        beginning of its reference to the onset, and from there to `position`.
    confidence
        One minus a bound on the chance that noise alone had raised an alarm by now.
    checkpoint
        Where it was confirmed or withdrawn.
    pattern
        The id of the pattern that confirms it.
    """

    status: Status
    metric: str
    form: AlarmForm
    position: int
    onset: int
    before: Level
    after: Level
    confidence: float
    of_steps: bool = False
    onset_label: str | None = None
    onset_time: str | None = None
    checkpoint: int | None = None
    pattern: str | None = None
