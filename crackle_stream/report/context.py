"""What a rendering says besides the patterns."""

from __future__ import annotations

from typing import Final, Protocol

from msgspec import Struct

from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.detect.describe import tasks
from crackle_stream.detector import Failure
from crackle_stream.ingest.accounts import Accounts
from crackle_stream.report.counting import counted
from crackle_stream.report.stages import tally
from crackle_stream.report.terminal import Terminal

UNREACHED: Final = (
    "no checkpoint was reached: there are no events, or none where --every or --at asks"
)


class Context(Struct, frozen=True, kw_only=True):
    """What all renderings of one run are given.

    Parameters
    ----------
    plan
        What cooling was asked.
    command
        The command that gives the same patterns again.
    staged
        Whether several checkpoints may come, so that each says which it is.
    terminal
        Where a text is shown.
    """

    plan: Plan
    command: str
    staged: bool = False
    terminal: Terminal = Terminal()


class Rendering(Protocol):
    """One format: what is written before, at and after the checkpoints of a run."""

    def begin(self) -> bytes:
        """Give what stands before the first checkpoint."""
        ...

    def checkpoint(self, report: CoolingReport) -> bytes:
        """Give one checkpoint; it is written at once."""
        ...

    def end(self, accounts: Accounts) -> bytes:
        """Give what stands after the last."""
        ...


def title(report: CoolingReport, context: Context) -> str:
    """Say how much was found, and in what."""
    where = f"{tasks(report.events)} and {counted(report.metrics, 'metric')}"
    if report.windows > 1:
        where += f", {counted(report.windows, 'window')}"
    found = counted(len(report.findings), "finding") if report.findings else "nothing found"
    became = f": {counts}" if context.staged and (counts := tally(report)) else ""
    return f"{_stage(report, context)}{found} in {where}{became}"


def looked(report: CoolingReport, context: Context) -> list[str]:
    """Say what was tested, at which level, and what was left out."""
    rate = context.plan.profile.rate
    tests = counted(report.tested, "hypothesis", "hypotheses")
    level = f"at a false discovery level of {rate.false_discovery:g} ({rate.name} rate)"
    return [f"{tests} tested {level}", *left_out(report)]


def left_out(report: CoolingReport) -> list[str]:
    """Say what was not looked at, and why."""
    said = []
    if report.late:
        said.append(f"{counted(report.late, 'event')} left out: later than --lateness allows")
    said += [f"partial: {failed(failure, report.windows)}" for failure in report.failures]
    if report.unseen:
        unseen = ", ".join(report.unseen) or "some windows"
        said.append(f"partial: time ran out before {unseen} could be looked at")
    return said


def failed(failure: Failure, windows: int) -> str:
    """Say that a detector failed, and what can be done."""
    where = f" in {failure.windows} of {windows} windows" if windows > 1 else ""
    return (
        f"the detector {failure.text}{where}; what others found stands. "
        f"Update or uninstall it, or leave it out with --without {failure.detector}"
    )


def _stage(report: CoolingReport, context: Context) -> str:
    if not context.staged:
        return ""
    label = "" if report.label is None else f" ({report.label})"
    return f"checkpoint {report.checkpoint}{label}: "
