"""`crackle log`: what is in a log, whether it is whole, its events, and markers in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from crackle_stream.cli.options import listing_options, voice_options
from crackle_stream.cli.upkeep import compact, forget, retain, salvage
from crackle_stream.errors import UsageError
from crackle_stream.report.terminal import Terminal

if TYPE_CHECKING:
    from crackle_stream.log.eventlog import EventLog

EPILOG: Final = """\b
Examples:
  crackle log info events.log
  crackle log verify events.log --format json
  crackle log cat events.log | head -5
"""

_VERIFY_EPILOG: Final = """\b
Exit codes:
  0  whole, and closed in order
  1  usable, but torn or not closed in order
  4  damaged, or uncertain: not to be written to as it is

\b
Example:
  crackle log verify events.log && backup events.log
"""

_MARK_EPILOG: Final = """\b
Example:
  crackle log mark events.log release-2
  crackle cool events.log --at marker:release-2
"""

_VERDICTS: Final = {"clean": 0, "unclosed": 1, "torn": 1, "uncertain": 4, "damaged": 4}

_directory = click.argument("directory", metavar="DIR", type=click.Path(exists=True))


@click.group("log", epilog=EPILOG)
def command() -> None:
    """Look into a log, mark a place in it, keep it up or save what is left of it."""


@command.command("info", epilog="\b\nExample:\n  crackle log info events.log")
@_directory
@listing_options
def info(directory: str, format: str, **_: Any) -> None:  # noqa: A002
    """Say what a log holds: events, metrics, times, bytes."""
    from crackle_stream.cli.listing import info_json, info_listing

    with _reader(directory) as log:
        found = log.info()
    click.echo(info_json(found) if format == "json" else _shown(info_listing(found)))


@command.command("verify", epilog=_VERIFY_EPILOG)
@_directory
@listing_options
@click.pass_context
def verify(ctx: click.Context, /, directory: str, format: str, **_: Any) -> None:  # noqa: A002
    """Check every byte of a log and of its markers, and list all damages."""
    from crackle_stream.cli.listing import verdicts_json, verdicts_listing
    from crackle_stream.cooling.decisions import DIRECTORY

    with _reader(directory) as log:
        verdicts = {directory: log.verify()}
    beside = Path(directory) / DIRECTORY
    if beside.is_dir() and any(beside.iterdir()):
        with _reader(str(beside)) as log:
            verdicts[str(beside)] = log.verify()
    listed = list(verdicts.values())
    click.echo(verdicts_json(*listed) if format == "json" else _shown(verdicts_listing(verdicts)))
    ctx.exit(max(_VERDICTS[verdict.state] for verdict in listed))


@command.command("cat", epilog="\b\nExample:\n  crackle log cat events.log | head -5")
@_directory
@click.option(
    "--first", metavar="N", type=click.IntRange(min=0), default=0, help="Begin at position N."
)
@click.option(
    "--stop",
    metavar="M",
    type=click.IntRange(min=0),
    help="End before position M; else at the end.",
)
@listing_options
def cat(directory: str, first: int, stop: int | None, format: str, **_: Any) -> None:  # noqa: A002
    """Print the events of a log, one a line as they can be fired again; json: as one array.

    Damage ends it with code 4, after all that stands before it.
    """
    from crackle_stream.cli.listing import event_array, event_lines

    with _reader(directory) as log:
        blocks = log.blocks(first, stop)
        for text in event_array(blocks) if format == "json" else event_lines(blocks):
            click.echo(text, nl=False)


for _command in (retain, forget, compact, salvage):
    command.add_command(_command)


@command.command("mark", epilog=_MARK_EPILOG)
@_directory
@click.argument("name")
@voice_options
def mark(directory: str, name: str, **_: Any) -> None:
    """Set a marker behind the last event of a log, for --at marker:NAME."""
    from crackle_stream.cli.say import say
    from crackle_stream.cooling.decisions import Decisions

    if not name.strip():
        raise UsageError("the marker has no name: give one, such as release-2")
    with _reader(directory) as log:
        position = Decisions.of(log).mark(name, log.count)
    say(f"{directory}: marker {name!r} at position {position:,}")


def _shown(text: str) -> bytes:
    return Terminal.of(sys.stdout, os.environ).encode(text)


def _reader(directory: str) -> EventLog:
    from crackle_stream.log.eventlog import EventLog

    return EventLog.open(Path(directory))
