"""Results on stdout, what goes with them on stderr, and whether a gate was met."""

from __future__ import annotations

import os
import sys

import click
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from crackle_stream.cli.again import again
from crackle_stream.cli.exits import GATE
from crackle_stream.cli.say import say
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.ingest.accounts import Accounts
from crackle_stream.report.context import Context, failed, left_out
from crackle_stream.report.render import Format, rendering
from crackle_stream.report.terminal import Terminal
from crackle_stream.window.checkpoints import CheckpointSpec


class ResultOptions(Struct, frozen=True, kw_only=True):
    """The options of `result_options`, as given."""

    format: Format = "text"
    fail_on: tuple[str, ...] = ()
    quiet: bool = False


class Showing:
    """Shows the checkpoints of one run as they come."""

    def __init__(self, ctx: click.Context, plan: Plan) -> None:
        self.options = msgspec.convert(ctx.params, ResultOptions)
        self._rendering = rendering(
            self.options.format,
            Context(
                plan=plan,
                command=again(ctx),
                staged=plan.checkpoints != CheckpointSpec.parse(),
                terminal=Terminal.of(sys.stdout, os.environ),
            ),
        )
        self._met: dict[str, int] = {}
        self._failed: set[str] = set()
        self._noted: set[tuple[str, tuple[str, ...]]] = set()
        self._begun = False
        self.last = 0
        """The checkpoint that was shown last."""

    def show(self, report: CoolingReport) -> None:
        """Show one checkpoint at once; what is noted of the same is told one time in a run."""
        self._write(self._rendering.checkpoint(report))
        self.last = report.checkpoint
        for pattern in report.patterns:
            known = pattern.status == "acknowledged"
            if pattern.family in self.options.fail_on and not known:
                self._met[pattern.family] = self._met.get(pattern.family, 0) + 1
        self._warn(report)
        if not self.options.quiet:
            self._tell(report)

    def end(self, accounts: Accounts) -> None:
        """Show what stands after the last checkpoint."""
        self._write(self._rendering.end(accounts))

    def gate(self) -> int:
        """Give the exit code, and say which gate was met, or stands open since nobody watches."""
        for family, count in sorted(self._met.items()):
            say(f"crackle: --fail-on {family}: {count} found")
        unwatched = sorted(self._failed & {*self.options.fail_on})
        for name in unwatched:
            say(f"crackle: --fail-on {name}: cannot be told, since it failed")
        return GATE if self._met or unwatched else 0

    def _warn(self, report: CoolingReport) -> None:
        """Tell of each detector that failed, once in a run."""
        for failure in report.failures:
            if failure.detector not in self._failed:
                self._failed.add(failure.detector)
                say(f"crackle: {failed(failure, report.windows)}")

    def _tell(self, report: CoolingReport) -> None:
        for note in report.notes:
            about = (note.topic, note.subject)
            if about not in self._noted:
                self._noted.add(about)
                say(f"note: {note.text}")
        if self.options.format in ("json", "jsonl"):
            for sentence in left_out(replace(report, failures=())):
                say(f"warning: checkpoint {report.checkpoint}: {sentence}")

    def _write(self, text: bytes) -> None:
        """Write and flush; a run that fails before its first checkpoint leaves stdout empty."""
        if not self._begun:
            text = self._rendering.begin() + text
            self._begun = True
        if text:
            click.echo(text, nl=False)
