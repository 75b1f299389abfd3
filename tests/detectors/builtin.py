"""The detectors that are built in, put behind the protocol of your own ones."""

from crackle_stream import Claim, Verdict
from crackle_stream.detect.examine import DETECTORS
from crackle_stream.detect.phase.phases import find_phases
from crackle_stream.detect.roles import find_roles
from crackle_stream.detect.summary import WindowSummary, view


class Builtin:
    """One of the four kinds; what it shares with the others it works out by itself."""

    def __init__(self, kind):
        self.kind = kind
        self.name = f"own_{kind}"

    def start(self):
        return Summary(self.kind, WindowSummary.empty())


class Summary:
    def __init__(self, kind, rows):
        self.kind = kind
        self.rows = rows

    def observe(self, pane):
        return Summary(self.kind, self.rows.observe(pane))

    def merge(self, other):
        return Summary(self.kind, self.rows.merge(other.rows))

    def detect(self, shown):
        window = view(self.rows, shown.scan, shown.group)
        roles = find_roles(window)
        phases = find_phases(window, roles)
        detection = phases.detection
        if self.kind in DETECTORS:
            detection = DETECTORS[self.kind](window, roles, phases)
        claims = [claim(number, found) for number, found in enumerate(detection.candidates)]
        return Verdict(tuple(claims), detection.tested)


def claim(number, candidate):
    pattern = candidate.pattern
    return Claim(
        form=f"{getattr(pattern, 'form', 'group')} {number}",
        subject=pattern.subject,
        text=f"as {pattern.id} says",
        p_value=candidate.p_value,
        effect=candidate.size,
        gate=candidate.gate,
        n=pattern.evidence.n,
        at=getattr(pattern, "at", None),
        involved=candidate.involved,
        involved_count=pattern.involved_count,
        metrics=pattern.metrics,
    )
