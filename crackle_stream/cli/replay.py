"""`crackle replay`: the patterns of a log at each checkpoint."""

from __future__ import annotations

from typing import Any, Final

import click

from crackle_stream.cli.options import plan_options, result_options

EPILOG: Final = """\b
Examples:
  crackle replay events.log --every 1000
  crackle replay events.log --every 1h --lateness 5m --format jsonl
  crackle replay events.log --at label:deploy-* --at end
"""


@click.command("replay", epilog=EPILOG, short_help="Show the patterns at each checkpoint of a log.")
@click.argument("source", metavar="LOG", type=click.Path(exists=True, file_okay=False))
@plan_options
@result_options
@click.pass_context
def command(ctx: click.Context, /, every: str | None, at: tuple[str, ...], **_: Any) -> None:
    """Go through a log again and show the patterns at each checkpoint on the way.

    What is shown is what `crackle cool -` showed at the same places while the events came.
    """
    if every is None and not at:
        raise click.UsageError("say where to stop on the way: --every SIZE, or --at PLACE.", ctx)
    from crackle_stream.cli.planning import plan_of

    plan = plan_of(ctx.params)
    from crackle_stream.cli.passes import cool_log

    ctx.exit(cool_log(ctx, plan))
