"""The command line that gives the same patterns again."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from typing import Any, Final

import click
from click.core import ParameterSource

BESIDE: Final = {"format", "fail_on", "quiet", "verbose", "workers"}
"""Options that change no pattern."""

READING: Final = {
    "log",
    "source_name",
    "accept_loss",
    "durability",
    "id_window",
    "keep_free",
    "label",
    "time",
    "metrics",
    "time_unit",
    "limit",
    "strict",
    "max_rejects",
}
"""Options that are not needed again once the events are in a log."""


def again(ctx: click.Context) -> str:
    """Write the command that is running as it has to be typed to give its patterns again.

    What was read into a log that stays is read from there.
    """
    source, log = str(ctx.params["source"]), ctx.params.get("log")
    piped, kept = source == "-", log is not None
    dropped = BESIDE | READING if kept else BESIDE
    place = str(log) if kept else source
    command = shlex.join(["crackle", str(ctx.info_name), place, *_options(ctx, dropped)])
    return f"... | {command}" if piped and not kept else command


def _options(ctx: click.Context, dropped: Collection[str]) -> Iterator[str]:
    for parameter in ctx.command.params:
        name = str(parameter.name)
        given = ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE
        if isinstance(parameter, click.Option) and given and name not in dropped:
            yield from _words(parameter, ctx.params[name])


def _words(option: click.Option, value: Any) -> Iterator[str]:
    name = option.opts[-1]
    if option.is_flag:
        yield name
        return
    for item in value if option.multiple else [value]:
        yield name
        yield str(item)
