"""`crackle watch`: alarms and new findings while events come in."""

from __future__ import annotations

from typing import Any, Final

import click

from crackle_stream.cli.options import (
    ack_option,
    keeping_options,
    log_options,
    mapping_options,
    plan_options,
    voice_options,
)

EVERY: Final = "1000"

EPILOG: Final = """\b
Examples:
  producer | crackle watch - --log events.log
  crackle watch events.log
  crackle watch nightly.jsonl --every 100 --format jsonl
"""


@click.command("watch", epilog=EPILOG, short_help="Tell of changes while events come in.")
@click.argument("source")
@click.option("--log", metavar="DIR", help="Keep what is read in this log; else it is temporary.")
@click.option(
    "--until-end", is_flag=True, help="Of a log, stop where it ends now; else wait for more."
)
@click.option(
    "--from-now",
    is_flag=True,
    help="Tell nothing of what stands in the log already; else all of it is gone through.",
)
@click.option(
    "--format",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    show_default=True,
    help="Write for people, or for programs.",
)
@ack_option
@log_options
@keeping_options
@plan_options
@mapping_options
@voice_options
@click.pass_context
def command(ctx: click.Context, /, source: str, log: str | None, **_: Any) -> None:
    """Watch a log directory that others fire into, a file of JSON lines, or - (stdin).

    A line is printed when a metric changes its level or spread (raised), when the next cooling
    has found that change (confirmed) or not (withdrawn), and for each finding that was not there
    before. It cools every 1000 events unless --every or --at says otherwise, and where the input
    ends.
    """
    from crackle_stream.cli.planning import plan_of
    from crackle_stream.cli.source import is_log

    if not ctx.params["every"] and not ctx.params["at"]:
        ctx.params["every"] = EVERY
    plan, in_log = plan_of(ctx.params), is_log(source, log)
    if in_log or log is None:
        _check_written(ctx)
    from crackle_stream.cli.watching import watch_input, watch_log

    watch = watch_log if in_log else watch_input
    watch(ctx, plan)


def _check_written(ctx: click.Context) -> None:
    """Refuse what asks for a log that is written to and kept."""
    from crackle_stream.errors import UsageError

    asked = ("ack", "keep_age", "keep_bytes", "keep_events")
    given = next((name for name in asked if ctx.params[name] not in (None, False)), None)
    if given is not None:
        option = f"--{given.replace('_', '-')}"
        raise UsageError(
            f"{option} is for a log that is written to: read a file or - (stdin) into a --log"
        )
