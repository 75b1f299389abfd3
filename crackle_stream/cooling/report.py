"""What cooling gives at one checkpoint."""

from __future__ import annotations

from msgspec import Struct

from crackle_stream.detect.findings import Finding
from crackle_stream.detector import Failure
from crackle_stream.pattern import Note, Pattern


class CoolingReport(Struct, frozen=True, kw_only=True):
    """The patterns of one checkpoint, and what was looked at to find them.

    Parameters
    ----------
    checkpoint
        Log position N: the report rests on events at positions below N.
    label
        The label or marker that asked for the checkpoint.
    patterns
        By falling confidence, then kind, subject and place.
    findings
        The same patterns, those that belong together under one headline.
    gone
        Patterns of earlier checkpoints that are not found any more, as they were last; None where
        none came before: a checkpoint by itself.
    notes
        What was recognised and is no pattern: identifiers, clocks, settings, a re-ordering.
    events, metrics, windows
        How many were looked at.
    tested
        Hypotheses tested, over all kinds.
    late
        Events left out for coming later than the declared lateness.
    partial, unseen
        Whether something was not looked at, and for what time ran out.
    failures
        Detectors of your own that failed: of what they look for, less or nothing is said.
    """

    checkpoint: int
    label: str | None = None
    patterns: tuple[Pattern, ...] = ()
    findings: tuple[Finding, ...] = ()
    gone: tuple[Pattern, ...] | None = None
    notes: tuple[Note, ...] = ()
    events: int = 0
    metrics: int = 0
    windows: int = 0
    tested: int = 0
    late: int = 0
    partial: bool = False
    unseen: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
