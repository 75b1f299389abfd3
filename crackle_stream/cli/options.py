"""The options that commands share: what is looked for, how input is read, how results are shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeVar, get_args

import click

from crackle_stream.log.promises import DURABILITIES, ID_WINDOW
from crackle_stream.profile import RateName
from crackle_stream.report.render import FORMATS

F = TypeVar("F", bound=Callable[..., Any])


def _all(*decorators: Callable[[Any], Any]) -> Callable[[F], F]:
    """Make one decorator of several; they show in `--help` in the order given."""

    def decorate(function: F) -> F:
        return reduce(lambda wrapped, option: option(wrapped), reversed(decorators), function)

    return decorate


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    ctx.meta["verbose"] = value
    return value


plan_options = _all(
    click.option(
        "--rate",
        type=click.Choice(get_args(RateName)),
        help="fast finds much, slow little that is sure; normal by default.",
    ),
    click.option(
        "--without",
        metavar="KIND",
        multiple=True,
        help="Hide clustering, phase_transition, conservation, correlation, or what an installed "
        "detector of that name finds; may be repeated.",
    ),
    click.option(
        "--window",
        metavar="SIZE",
        help="Look at stretches: 500 events, 1h of event time, session:30m. Else at everything.",
    ),
    click.option("--slide", metavar="SIZE", help="Begin a window every so much; else end to end."),
    click.option("--every", metavar="SIZE", help="Cool every 1000 events, or every 1h."),
    click.option(
        "--at",
        metavar="PLACE",
        multiple=True,
        help="Cool at 5000, time:2026-03-01T12:00Z, label:deploy-*, marker:NAME or end; "
        "may be repeated.",
    ),
    click.option(
        "--group-by",
        metavar="GROUPS",
        help="Look at groups of labels apart: label, a glob such as etl-*, or re:(\\w+)-\\d+.",
    ),
    click.option(
        "--order",
        type=click.Choice(["time", "log"]),
        default="time",
        show_default=True,
        help="Analyse in event time, or in order of arrival.",
    ),
    click.option(
        "--lateness",
        metavar="SPAN",
        help="How late in event time an event may come and still count, such as 5m.",
    ),
    click.option("--members", is_flag=True, help="List the positions of all members of clusters."),
    click.option(
        "--profile",
        metavar="FILE",
        help="Read the profile from this file; else from crackle.toml in the current directory.",
    ),
    click.option("--max-duration", metavar="SPAN", help="Stop looking after so long; else never."),
    click.option(
        "--workers", metavar="N", type=click.IntRange(min=1), help="Spread the work on N processes."
    ),
)

log_options = _all(
    click.option(
        "--source",
        "source_name",
        metavar="NAME",
        help="What the log calls SOURCE, by which it is read on from where that ended; else the "
        "path of the file. So a file may move.",
    ),
    click.option(
        "--durability",
        type=click.Choice(DURABILITIES),
        default="group",
        show_default=True,
        help="When an append is kept: once it is on the disk, synced by itself (sync) or with "
        "others (group), or once the system has it, synced each second (interval) or not (none).",
    ),
    click.option(
        "--id-window",
        metavar="N",
        type=click.IntRange(min=0),
        default=ID_WINDOW,
        show_default=True,
        help="Drop an event whose id is among the last N in the log; 0: none.",
    ),
    click.option(
        "--keep-free",
        metavar="SIZE",
        default="256MiB",
        show_default=True,
        help="Stop before less of the disk is free.",
    ),
    click.option(
        "--accept-loss",
        is_flag=True,
        help="Write on behind an end of the log that may have lost events; its bytes are kept "
        "aside.",
    ),
)

keeping_options = _all(
    click.option(
        "--keep-age",
        metavar="SPAN",
        help="Now and then, let segments go whose events are all older: 90d.",
    ),
    click.option(
        "--keep-bytes", metavar="SIZE", help="Let old segments go while the rest is as large: 10GB."
    ),
    click.option(
        "--keep-events",
        metavar="N",
        type=click.IntRange(min=0),
        help="Let old segments go while the rest has as many events.",
    ),
)

ack_option = click.option(
    "--ack",
    is_flag=True,
    help="Print a line of JSON for each append that is as durable as asked, and one at least: the "
    "log's next position, and the source's line and byte to go on from.",
)

field_options = _all(
    click.option("--label", metavar="PATH", help="Where labels stand, such as .job.name."),
    click.option("--time", metavar="PATH", help="Where times stand."),
    click.option(
        "--metrics", metavar="PATH", help="Where metrics stand, or auto: every numeric leaf."
    ),
    click.option(
        "--time-unit",
        metavar="UNIT",
        type=click.Choice(["s", "ms", "us", "ns"]),
        help="Unit of times that are numbers: s (default), ms, us or ns.",
    ),
    click.option(
        "--limit",
        metavar="NAME=VALUE",
        multiple=True,
        help="Read what is larger: line=2MiB, label, name, metrics, nesting, frame; "
        "may be repeated.",
    ),
)

mapping_options = _all(
    field_options,
    click.option("--strict", is_flag=True, help="Stop when a line is rejected, with code 3."),
    click.option(
        "--max-rejects",
        metavar="N",
        type=click.IntRange(min=0),
        help="Stop when more than N lines are rejected, with code 3.",
    ),
)

voice_options = _all(
    click.option("-q", "--quiet", is_flag=True, help="Only errors and accounts on stderr."),
    click.option(
        "-v", "--verbose", is_flag=True, callback=_remember, help="Show tracebacks of errors."
    ),
)

result_options = _all(
    click.option(
        "--format",
        metavar="FORMAT",
        type=click.Choice(FORMATS),
        default="text",
        help="Write results as text (default), jsonl, json or markdown.",
    ),
    click.option(
        "--fail-on",
        metavar="KIND",
        multiple=True,
        help="Exit with code 1 when a pattern of this kind, or of the installed detector of this "
        "name, is found; may be repeated.",
    ),
    voice_options,
)

listing_options = _all(
    click.option(
        "--format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Write for people, or for programs.",
    ),
    voice_options,
)
