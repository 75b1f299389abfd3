"""`crackle cool`: the patterns of a log, a file or a pipe."""

from __future__ import annotations

from typing import Any, Final

import click

from crackle_stream.cli.options import log_options, mapping_options, plan_options, result_options

EPILOG: Final = """\b
Examples:
  crackle cool nightly.jsonl --label .commit --metrics .results
  crackle cool events.log --window 1d --rate slow --format json
  producer | crackle cool - --every 1000 --format jsonl
"""


@click.command("cool", epilog=EPILOG, short_help="Find patterns in a log, a file or a pipe.")
@click.argument("source")
@click.option("--log", metavar="DIR", help="Keep what is read in this log; else it is temporary.")
@log_options
@plan_options
@mapping_options
@result_options
@click.pass_context
def command(ctx: click.Context, /, source: str, log: str | None, **_: Any) -> None:
    """Find the patterns in a log directory, a file of JSON lines, or - (stdin).

    Results go to stdout, everything else to stderr.
    """
    from crackle_stream.cli.planning import plan_of
    from crackle_stream.cli.source import is_log

    plan, in_log = plan_of(ctx.params), is_log(source, log)
    from crackle_stream.cli.passes import cool_input, cool_log

    ctx.exit(cool_log(ctx, plan) if in_log else cool_input(ctx, plan))
