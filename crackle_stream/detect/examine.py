"""One window through all detectors, in their order: roles, phases, then what rests on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from crackle_stream.clock import Deadline
from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.clustering.clusters import assign_clusters, find_clusters
from crackle_stream.detect.conservation.laws import find_laws
from crackle_stream.detect.correlation.correlations import find_correlations
from crackle_stream.detect.coverage import find_coverage
from crackle_stream.detect.handful.handful import find_handful
from crackle_stream.detect.phase.phases import Phases, find_phases
from crackle_stream.detect.reach import within_reach
from crackle_stream.detect.roles import Roles, find_roles
from crackle_stream.detect.view import View
from crackle_stream.detector import Failure
from crackle_stream.pattern import KINDS, Kind, Note, Pattern
from crackle_stream.profile import ThermalProfile
from crackle_stream.window.rows import DURATION, FAILED

Detector: TypeAlias = Callable[[View, Roles, Phases], Detection]

DETECTORS: Final[dict[Kind, Detector]] = {
    "conservation": find_laws,
    "correlation": find_correlations,
    "clustering": find_clusters,
}
"""What runs after the phases, in this order."""


class Examination(Struct, frozen=True, kw_only=True):
    """What the detectors say of one window.

    Parameters
    ----------
    detections
        One a kind, or detector of your own, that was looked for and reached in time.
    handful
        What the seed's rules say of fewer than 30 tasks at the fast rate.
    notes
        Identifiers, clocks and settings; metrics that end or begin.
    unseen
        Kinds and detectors that time ran out for.
    failures
        Detectors of your own that failed.
    """

    detections: dict[str, Detection]
    handful: tuple[Candidate, ...] = ()
    notes: tuple[Note, ...] = ()
    unseen: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()

    def beside(self, other: Examination) -> Examination:
        """Give what these detectors and others say of the same window."""
        return Examination(
            detections={**self.detections, **other.detections},
            handful=self.handful + other.handful,
            notes=self.notes + other.notes,
            unseen=self.unseen + other.unseen,
            failures=self.failures + other.failures,
        )


def examine(
    view: View, profile: ThermalProfile, deadline: Deadline, *, members: bool = False
) -> Examination:
    """Run every detector that the profile asks for on one window.

    Phases are always found, since laws, correlations and clusters are tested on what remains
    between them; that way hiding one kind changes no other. With `members`, clusters list all
    their tasks, for which the window is read once more.
    """
    if view.span.n < profile.rate.min_tasks_for_detection or not _wanted(profile):
        return Examination(detections={})
    view, left_out = within_reach(view)
    roles = find_roles(view)
    phases = find_phases(view, roles)
    found: dict[str, Detection] = {}
    unseen: list[str] = []
    if profile.looks_for("phase_transition"):
        found["phase_transition"] = phases.detection
    for kind, detector in DETECTORS.items():
        if profile.looks_for(kind) and deadline.passed():
            unseen.append(kind)
        elif profile.looks_for(kind):
            found[kind] = detector(view, roles, phases)
    if members and "clustering" in found:
        found["clustering"] = _with_members(found["clustering"], view, roles, phases)
    known = left_out + roles.notes + find_coverage(view)
    notes = known + tuple(note for kind in found for note in found[kind].notes)
    handful = _few(view, roles, profile)
    return Examination(detections=found, handful=handful, notes=notes, unseen=tuple(unseen))


def _with_members(detection: Detection, view: View, roles: Roles, phases: Phases) -> Detection:
    positions: dict[str, list[int]] = {found.pattern.id: [] for found in detection.candidates}
    for some in assign_clusters(view, roles, phases) if positions else ():
        positions[some.id] += some.positions.tolist()
    return replace(
        detection,
        candidates=tuple(
            replace(found, pattern=_listing(found.pattern, positions[found.pattern.id]))
            for found in detection.candidates
        ),
    )


def _listing(pattern: Pattern, members: list[int]) -> Pattern:
    return replace(pattern, members=tuple(members), size=len(members), involved_count=len(members))


def _few(view: View, roles: Roles, profile: ThermalProfile) -> tuple[Candidate, ...]:
    """Apply the seed's rules to what tasks reported, and to what was measured of them if alone.

    What is named as an identifier, a clock or a setting takes no part.
    """
    if profile.rate.name != "fast" or not view.exact:
        return ()
    names = tuple(name for name in view.names if roles.role[name] in ("measure", "counter"))
    reported = tuple(name for name in names if name not in (DURATION, FAILED))
    found = find_handful(view.sample.with_names(reported or names), profile.rate)
    return tuple(
        replace(candidate, pattern=replace(candidate.pattern, group=view.group))
        for candidate in found
        if profile.looks_for(candidate.pattern.kind)
    )


def _wanted(profile: ThermalProfile) -> bool:
    return any(map(profile.looks_for, KINDS))
