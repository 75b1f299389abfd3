"""One window through the detectors of your own: what each says of it, or that it failed."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from crackle_stream.clock import Deadline
from crackle_stream.detect.candidate import Detection
from crackle_stream.detect.claims import detection_of
from crackle_stream.detect.examine import Examination
from crackle_stream.detect.observed import Fault, Observed, attempt, read_only
from crackle_stream.detect.view import View
from crackle_stream.detector import DetectorError, Failure, Summary
from crackle_stream.profile import CoolingRate


def judge(
    own: Sequence[Observed], view: View, rate: CoolingRate, deadline: Deadline
) -> Examination:
    """Ask each detector what it sees.

    Each is asked twice: what is not the same again cannot be replayed, and is refused.

    Parameters
    ----------
    own
        What each keeps of the window's rows.
    view
        The window.
    rate
        Says how few tasks give no pattern.
    deadline
        After it, detectors are not asked.
    """
    shown = replace(view, sample=read_only(view.sample), series={})
    detections: dict[str, Detection] = {}
    failures: list[Failure] = []
    unseen: list[str] = []
    for one in own if view.span.n >= rate.min_tasks_for_detection else ():
        name = one.detector.name
        if deadline.passed():
            unseen.append(name)
            continue
        said = _said(one, shown)
        if isinstance(said, Fault):
            failures.append(Failure(name, f"{name} ({one.detector.package}): {said.text}"))
        else:
            detections[name] = said
    return Examination(detections=detections, unseen=tuple(unseen), failures=tuple(failures))


def _said(one: Observed, view: View) -> Detection | Fault:
    kept, name = one.kept, one.detector.name
    if isinstance(kept, Fault):
        return kept
    return attempt(lambda: _twice(kept, name, view), "detect")


def _twice(summary: Summary, name: str, view: View) -> Detection:
    said, again = (detection_of(summary.detect(view), name, view) for _ in range(2))
    if said != again:
        raise DetectorError("detect gave two answers of one window: it must depend on nothing else")
    return said
