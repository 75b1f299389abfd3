"""`crackle quarantine`: the lines that were refused, why, and once more."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from crackle_stream.cli.options import field_options, voice_options

if TYPE_CHECKING:
    from crackle_stream.log.eventlog import EventLog

EPILOG: Final = """\b
Examples:
  crackle quarantine list events.log
  crackle quarantine show events.log 4488675988
  crackle quarantine retry events.log --limit label=512
"""

_LIST_EPILOG: Final = """\b
Example:
  crackle quarantine list events.log --reason label_too_long --format jsonl

What each reason means is told by schemas/reasons.md.
"""

_RETRY_EPILOG: Final = """\b
Exit codes:
  0  all of them are events now
  1  some stay

\b
Examples:
  crackle quarantine retry events.log --metrics auto --dry-run
  crackle quarantine retry events.log --reason line_too_long --limit line=4MiB
"""

_log = click.argument("directory", metavar="LOG", type=click.Path(exists=True))
_reason = click.option("--reason", metavar="CODE", help="Only lines refused for this reason.")


@click.group("quarantine", epilog=EPILOG, short_help="Look at refused lines, and retry them.")
def command() -> None:
    """Look at the lines that a log did not take as events, and try them again."""


@command.command("list", epilog=_LIST_EPILOG)
@_log
@click.option("--all", "everything", is_flag=True, help="Also those that were resolved since.")
@_reason
@click.option(
    "--format",
    type=click.Choice(["text", "json", "jsonl"]),
    default="text",
    show_default=True,
    help="Write for people, or for programs.",
)
@voice_options
def list_(directory: str, everything: bool, reason: str | None, format: str, **_: Any) -> None:  # noqa: A002
    """List the lines that were refused and not resolved since, in the order they were met.

    Each has a key, by which show and retry know it; its beginning is enough.
    """
    from crackle_stream.cli.refused import Selection, listing

    with _reader(directory) as log:
        for text in listing(log, Selection(reason=reason, everything=everything), format):
            click.echo(_encoded(text), nl=False)


@command.command("show", epilog="\b\nExample:\n  crackle quarantine show events.log 4488675988")
@_log
@click.argument("key")
@voice_options
def show(directory: str, key: str, **_: Any) -> None:
    """Show all that is kept of a refused line."""
    from crackle_stream.cli.refused import Selection, shown

    with _reader(directory) as log:
        for line in Selection.of_keys(log, [key], everything=True).lines(log):
            click.echo(_encoded(shown(line)), nl=False)


@command.command("retry", epilog=_RETRY_EPILOG)
@_log
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@_reason
@field_options
@click.option("--dry-run", is_flag=True, help="Only say what would become of the lines.")
@voice_options
@click.pass_context
def retry(
    ctx: click.Context, /, directory: str, keys: tuple[str, ...], reason: str | None, **_: Any
) -> None:
    """Read refused lines again, with the mapping and the limits given now.

    Those that are events now are appended, and resolved in the same append, so that each is taken
    once also when this is interrupted. The others stay, and why is told.
    """
    from crackle_stream.cli.refused import Selection
    from crackle_stream.cli.retry import Retry

    with _reader(directory) as log:
        ctx.exit(Retry(log, ctx.params).run(Selection.of_keys(log, keys, reason=reason)))


def _reader(directory: str) -> EventLog:
    from crackle_stream.log.eventlog import EventLog

    return EventLog.open(Path(directory))


def _encoded(text: str) -> bytes:
    from crackle_stream.report.terminal import Terminal

    return Terminal.of(sys.stdout, os.environ).encode(text)
