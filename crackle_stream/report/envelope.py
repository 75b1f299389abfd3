"""One JSON document a run: the plan, every checkpoint with patterns and findings, the accounts."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from crackle_stream.cooling.report import CoolingReport
from crackle_stream.detect.findings import Finding
from crackle_stream.detector import Failure
from crackle_stream.ingest.accounts import Accounts
from crackle_stream.pattern import Note, Pattern
from crackle_stream.report.context import Context
from crackle_stream.report.inert import inert


class Cooled(Struct, frozen=True, kw_only=True):
    """One checkpoint in the envelope: a `CoolingReport` in which what is absent is left out."""

    checkpoint: int
    label: str | UnsetType = UNSET
    events: int
    metrics: int
    windows: int
    tested: int
    late: int
    partial: bool
    unseen: tuple[str, ...]
    failures: tuple[Failure, ...]
    patterns: tuple[Pattern, ...]
    findings: tuple[Finding, ...]
    gone: tuple[Pattern, ...] | UnsetType = UNSET
    notes: tuple[Note, ...]

    @classmethod
    def of(cls, report: CoolingReport) -> Cooled:
        """Give what one checkpoint gave."""
        fields = {name: getattr(report, name) for name in CoolingReport.__struct_fields__}
        return cls(**{name: value for name, value in fields.items() if value is not None})


class Envelope:
    """``{"plan": …, "checkpoints": [{…}, …], "notes": [{…}, …], "accounts": {…}}``.

    It is written as it comes, so that any number of checkpoints needs the memory of one.
    """

    def __init__(self, context: Context) -> None:
        self._plan = context.plan
        self._separator = b"\n"
        self._notes: dict[Note, None] = {}

    def begin(self) -> bytes:
        """Give the plan; sets in it are sorted, so that one plan has one text."""
        plan = _present(msgspec.to_builtins(self._plan, order="deterministic", enc_hook=_unsaid))
        return b'{"plan":' + inert(msgspec.json.encode(plan)) + b',"checkpoints":['

    def checkpoint(self, report: CoolingReport) -> bytes:
        """Give one checkpoint."""
        self._notes.update(dict.fromkeys(report.notes))
        text = self._separator + inert(msgspec.json.encode(Cooled.of(report)))
        self._separator = b",\n"
        return text

    def end(self, accounts: Accounts) -> bytes:
        """Give all notes once, and the accounts."""
        notes = inert(msgspec.json.encode(list(self._notes)))
        return b'],"notes":' + notes + b',"accounts":' + msgspec.json.encode(accounts) + b"}\n"


def _unsaid(_: object) -> None:
    """Leave out a detector itself: its name and its package stand beside it."""


def _present(built: Any) -> Any:
    """Leave out what is absent."""
    if isinstance(built, list | tuple):
        return [_present(value) for value in built]
    if not isinstance(built, dict):
        return built
    return {name: _present(value) for name, value in built.items() if value is not None}
