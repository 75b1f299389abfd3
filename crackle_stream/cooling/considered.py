"""One checkpoint with all that its report rests on, while the rows can still be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from crackle_stream.cooling.report import CoolingReport
from crackle_stream.cooling.witnesses import Witness
from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.view import View
from crackle_stream.pattern import Pattern


class Considered(Struct, frozen=True, kw_only=True):
    """What a checkpoint looked at before it decided.

    Parameters
    ----------
    report
        What it gave.
    detections
        By kind, what the detector said of each window and group, before any gate.
    handful
        What the seed's rules said of fewer than 30 tasks at the fast rate.
    looked
        The log position from which events were looked at, by label group.
    levels
        False discovery level of each kind.
    name
        Makes drafts whole, whether they passed or not.
    witnesses
        Reads labels and times at log positions.
    view
        Reads the window of a pattern again.
    """

    report: CoolingReport
    detections: Mapping[str, Sequence[Detection]]
    handful: tuple[Candidate, ...]
    looked: Mapping[str | None, int]
    levels: Mapping[str, float]
    name: Callable[[Sequence[Candidate]], list[Pattern]]
    witnesses: Callable[[Iterable[int]], dict[int, Witness]]
    view: Callable[[Pattern], View]
