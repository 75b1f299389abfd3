"""The group of all commands; each is imported when it is asked for."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Final

import click

from crackle_stream.cli.exits import answer

COMMANDS: Final = {
    "ack": "crackle_stream.cli.ack",
    "cool": "crackle_stream.cli.cool",
    "explain": "crackle_stream.cli.explain",
    "fire": "crackle_stream.cli.fire",
    "log": "crackle_stream.cli.log",
    "quarantine": "crackle_stream.cli.quarantine",
    "replay": "crackle_stream.cli.replay",
    "schema": "crackle_stream.cli.schema",
    "version": "crackle_stream.cli.version",
    "watch": "crackle_stream.cli.watch",
}


class Commands(click.Group):
    """Commands by name; what goes wrong in one becomes a message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Give the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of a command; its body imports what is heavy itself."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name]).command
        return command

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run, and answer also what fails before there is a command, such as writing the help."""
        try:
            return super().main(*args, **extra)
        except OSError as error:
            sys.exit(answer(error, verbose=False))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command and exit with the code that DESIGN gives to what came of it."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (Exception, KeyboardInterrupt) as error:
            ctx.exit(answer(error, verbose=ctx.meta.get("verbose", False)))


EPILOG: Final = """\b
Examples:
  crackle cool events.jsonl
  producer | crackle cool - --every 1000 --format jsonl
  producer | crackle fire - --log events.log
  crackle replay events.log --every 1000

\b
Exit codes:
  0    done
  1    a --fail-on gate was met (log verify: usable, but not closed in order)
  2    the command line, a plan or a profile cannot be meant
  3    input was rejected beyond --max-rejects, or with --strict
  4    the log is damaged, locked, or none
  70   internal error
  74   input or output failed
  130  interrupted; what was read is kept
  141  whoever read the output has gone
"""


@click.group(cls=Commands, epilog=EPILOG)
def main() -> None:
    """Keep task events in an append-only log, and find the patterns in them."""
