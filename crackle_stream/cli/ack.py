"""`crackle ack`: a finding that nobody need hear of again until it changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from crackle_stream.cli.options import plan_options, voice_options
from crackle_stream.cli.say import say
from crackle_stream.errors import UsageError

EPILOG: Final = """\b
Examples:
  crackle ack events.log 3f2a --reason "deploy-512 needs the memory"
  crackle ack events.log 3f2a --withdraw
"""


@click.command("ack", epilog=EPILOG, short_help="Acknowledge a finding until it changes.")
@click.argument("source", metavar="LOG", type=click.Path(exists=True, file_okay=False))
@click.argument("pattern", metavar="ID")
@click.option("--reason", metavar="TEXT", help="Why nobody need hear of it again.")
@click.option("--withdraw", is_flag=True, help="Take an acknowledgement back.")
@click.option("--alone", is_flag=True, help="Only the pattern, not all of its finding.")
@plan_options
@voice_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    source: str,
    pattern: str,
    reason: str | None,
    withdraw: bool,
    alone: bool,
    **_: Any,
) -> None:
    """Acknowledge the finding that a pattern with an ID belongs to.

    The options are those that `crackle cool` or `crackle replay` found it with. From here on its
    patterns have the status `acknowledged`, are told in a line, meet no --fail-on, and `watch`
    does not tell them; until they say something else: a law breaks, a shift turns, or a change
    comes at another place. It is kept beside the log, and waits for no `fire`.
    """
    if not withdraw and not (reason or "").strip():
        raise click.UsageError('say why with --reason "...", or take it back with --withdraw.', ctx)
    from crackle_stream.cli.planning import plan_of

    plan = plan_of(ctx.params)
    from crackle_stream.cli.interrupts import Interrupts
    from crackle_stream.cli.passes import workers
    from crackle_stream.cooling.acknowledged import Acknowledgement
    from crackle_stream.cooling.decisions import Decisions
    from crackle_stream.cooling.lookup import look_up
    from crackle_stream.cooling.replay import replay
    from crackle_stream.log.eventlog import EventLog

    with Interrupts(), EventLog.open(Path(source)) as log, workers(ctx) as executor:
        found = look_up(replay(log, plan, executor), pattern, alone=alone)
        decisions = Decisions.of(log)
        if withdraw and not any(decisions.acknowledgements(log.count).of(one) for one in found):
            raise UsageError(f"{pattern} is not acknowledged: there is nothing to take back")
        since = min(one.checkpoint or log.count for one in found)
        decisions.acknowledge(
            *(Acknowledgement.of(one, since, reason or "", withdrawn=withdraw) for one in found)
        )
    for one in found:
        say(f"{source}: {'withdrawn' if withdraw else 'acknowledged'}: {one.description}")
