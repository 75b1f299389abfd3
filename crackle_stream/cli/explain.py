"""`crackle explain`: why a pattern was found."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec.structs import replace

from crackle_stream.cli.options import (
    listing_options,
    log_options,
    mapping_options,
    plan_options,
)
from crackle_stream.cli.say import say
from crackle_stream.errors import UsageError

if TYPE_CHECKING:
    from crackle_stream.cooling.explanation import Explanation
    from crackle_stream.cooling.plan import Plan
    from crackle_stream.report.terminal import Terminal

EPILOG: Final = """\b
Examples:
  crackle explain nightly.jsonl c73cc5
  crackle explain events.log 3f2a --at 5000 --rate fast --format json
"""

NARROWEST: Final = 40


@click.command("explain", epilog=EPILOG, short_help="Say why a pattern was found.")
@click.argument("source")
@click.argument("pattern", metavar="ID")
@click.option("--log", metavar="DIR", help="Keep what is read in this log; else it is temporary.")
@log_options
@plan_options
@mapping_options
@click.option(
    "--width",
    metavar="N",
    type=click.IntRange(min=NARROWEST),
    help="Write so many columns; else as many as the terminal has, or COLUMNS says, or 80.",
)
@click.option("--ascii", "plain", is_flag=True, help="Plot with ASCII characters alone.")
@listing_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    source: str,
    pattern: str,
    log: str | None,
    width: int | None,
    plain: bool,
    format: str,  # noqa: A002
    **_: Any,
) -> None:
    """Say why the pattern with an ID was found, and what it depends on.

    SOURCE and the options are those that `crackle cool` found it with; its text report, and each
    line of --format jsonl, tell the ID, of which the first characters are enough. Of a candidate
    that did not pass it says what it lacked. Of a damaged log, what stands before the damage is
    looked at.
    """
    from crackle_stream.cli.planning import plan_of
    from crackle_stream.cli.source import is_log

    plan, in_log = plan_of(ctx.params), is_log(source, log)
    from crackle_stream.cli.passes import ask_input, ask_log
    from crackle_stream.cooling.inquiry import Inquiry

    inquiry = Inquiry(plan, pattern)
    damage = (ask_log if in_log else ask_input)(ctx, plan, inquiry)
    try:
        _show(inquiry.answer(), plan, format, width, plain)
    except UsageError as unknown:
        if damage is None:
            raise
        say(f"crackle: {unknown}")
    if damage is not None:
        raise damage


def _show(why: Explanation, plan: Plan, form: str, width: int | None, plain: bool) -> None:
    from crackle_stream.report.explain import as_json, as_text

    if form == "json":
        click.echo(as_json(why), nl=False)
        return
    terminal = _terminal(width)
    plain = plain or not _draws_braille(terminal.encoding)
    click.echo(as_text(why, terminal, plan.profile.settings, plain=plain), nl=False)


def _terminal(width: int | None) -> Terminal:
    """Find out where the text goes; COLUMNS counts also where that is no terminal."""
    from crackle_stream.report.terminal import Terminal

    terminal = Terminal.of(sys.stdout, os.environ)
    told = os.environ.get("COLUMNS", "")
    if width is None and told.isdecimal() and int(told) >= NARROWEST:
        width = int(told)
    return terminal if width is None else replace(terminal, width=width)


def _draws_braille(encoding: str) -> bool:
    try:
        "\u28ff".encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
