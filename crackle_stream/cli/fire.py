"""`crackle fire`: events into a log."""

from __future__ import annotations

from typing import Any, Final

import click

from crackle_stream.cli.options import (
    ack_option,
    keeping_options,
    log_options,
    mapping_options,
    voice_options,
)

EPILOG: Final = """\b
Examples:
  producer | crackle fire - --log events.log
  crackle fire nightly.jsonl --log events.log --label .commit --strict
  producer | crackle fire - --log events.log --ack
"""


@click.command("fire", epilog=EPILOG, short_help="Append events to a log.")
@click.argument("source")
@click.option("--log", metavar="DIR", required=True, help="The log; made where there is none.")
@ack_option
@log_options
@keeping_options
@mapping_options
@voice_options
@click.pass_context
def command(ctx: click.Context, /, source: str, log: str, **_: Any) -> None:
    """Append the events of a file of JSON lines, or of - (stdin), to a log.

    A file that was read before is read on from where that ended; of a pipe, events whose id is
    in the log are dropped. The accounts of every line close on stderr: read = accepted +
    duplicate + quarantined.
    """
    from crackle_stream.cli.feed import Feed
    from crackle_stream.cli.keeping import Keeping
    from crackle_stream.cli.source import is_log, writer

    is_log(source, log)
    with (
        writer(log, ctx.params) as events,
        Feed(events, source, ctx.params) as feed,
    ):
        keeping = Keeping(events, ctx.params)
        for _appended in feed:
            keeping.look()
        keeping.finish()
