"""Every candidate of a checkpoint, and what became of it."""

from __future__ import annotations

from msgspec import Struct

from crackle_stream.cooling.considered import Considered
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.witnesses import whole_id
from crackle_stream.detect.candidate import Candidate
from crackle_stream.detect.significance import passes, weigh
from crackle_stream.pattern import Pattern


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


def weigh_all(considered: Considered, plan: Plan) -> list[Weighed]:
    """Give every candidate of a checkpoint with what became of it."""
    rate = plan.profile.rate
    weighed = []
    for family, detections in considered.detections.items():
        drafts = [draft for detection in detections for draft in detection.candidates]
        for draft, found in zip(drafts, weigh(detections, rate), strict=True):
            passed = passes(found, rate, considered.levels[family])
            weighed.append(Weighed(draft, found, passed))
    # The rules for a handful only add to what was proved.
    known = {window_key(one.draft.pattern) for one in weighed if one.passed}
    few = (found for found in considered.handful if window_key(found.pattern) not in known)
    return weighed + [Weighed(found, found, passed=True, handful=True) for found in few]


def window_key(pattern: Pattern) -> tuple[object, ...]:
    """Give what patterns about the same metrics of the same window share."""
    return pattern.kind, pattern.subject, pattern.group, pattern.window
