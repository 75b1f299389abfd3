"""What became of findings since the checkpoint before: news in full, the rest in a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from crackle_stream.cooling.report import CoolingReport
from crackle_stream.detect.findings import Finding
from crackle_stream.pattern import Pattern, Status

WORDS: Final[tuple[Status, ...]] = (
    "appeared",
    "changed",
    "weakened",
    "confirmed",
    "acknowledged",
)


class Told(Struct, frozen=True):
    """A finding with its patterns, and what became of it; None at a checkpoint by itself."""

    finding: Finding
    members: Sequence[Pattern]
    status: Status | None


def told(report: CoolingReport) -> list[Told]:
    """Give the findings of a checkpoint in its order."""
    by_id = {pattern.id: pattern for pattern in report.patterns}
    members = [[by_id[name] for name in finding.patterns] for finding in report.findings]
    return [
        Told(finding, own, became(own))
        for finding, own in zip(report.findings, members, strict=True)
    ]


def became(members: Sequence[Pattern]) -> Status | None:
    """Say what became of a finding: it is new if all of it is, and changed if some of it is.

    It is acknowledged if all of it is; what is acknowledged of another is as if confirmed.
    """
    statuses = [member.status for member in members]
    if None in statuses:
        return None
    if len(set(statuses)) == 1:
        return statuses[0]
    some = set(statuses) - {"acknowledged", "confirmed"}
    if not some:
        return "confirmed"
    return "weakened" if some == {"weakened"} else "changed"


def tally(report: CoolingReport) -> str:
    """Count what became of the findings and how many patterns went; empty where nothing can."""
    statuses = [one.status for one in told(report)]
    counts = [(statuses.count(word), word) for word in WORDS]
    counts.append((len(report.gone or ()), "gone"))
    return ", ".join(f"{count} {word}" for count, word in counts if count)
