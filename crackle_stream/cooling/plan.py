"""What a cooling pass is asked: which rows, in which windows, at which checkpoints."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from crackle_stream.profile import ThermalProfile
from crackle_stream.window.checkpoints import CheckpointSpec
from crackle_stream.window.groups import GroupSpec
from crackle_stream.window.spec import WindowSpec


class Plan(Struct, frozen=True, kw_only=True):
    """Everything besides the log that patterns depend on: one plan, one log, the same bytes.

    Parameters
    ----------
    window
        Which rows are looked at together; the whole log by default.
    checkpoints
        Where cooling happens; at the end by default.
    order
        `time`: event time, ties by log position; `log`: order of arrival.
    lateness
        Nanoseconds an event may come late in a live stream; None puts every checkpoint's events
        in order as a whole, so that none is late.
    group_by
        Which label groups are looked at apart.
    profile
        Which detectors run, and how sensitive they are.
    members
        Whether clusters list the log positions of all their members.
    start
        Log position of the first event looked at: the beginning of a kiln's cycle.
    """

    window: WindowSpec = field(default_factory=WindowSpec)
    checkpoints: CheckpointSpec = field(default_factory=CheckpointSpec)
    order: Literal["time", "log"] = "time"
    lateness: int | None = None
    group_by: GroupSpec | None = None
    profile: ThermalProfile = field(default_factory=ThermalProfile)
    members: bool = False
    start: int = 0
