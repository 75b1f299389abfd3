"""`crackle log retain`, `forget`, `compact` and `salvage`: what changes a log, or copies it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from crackle_stream.cli.options import voice_options
from crackle_stream.cli.size import parse_size
from crackle_stream.errors import UsageError
from crackle_stream.report.counting import counted

if TYPE_CHECKING:
    from crackle_stream.log.forget import Forgotten
    from crackle_stream.log.retention import Retained, Retention
    from crackle_stream.log.salvage import Salvaged

SHOWN_LOSSES: Final = 20

_RETAIN_EPILOG: Final = """\b
Examples:
  crackle log retain events.log --max-age 90d --dry-run
  crackle log retain events.log --max-bytes 10GB --max-events 5000000
"""

_FORGET_EPILOG: Final = """\b
Example:
  crackle log forget events.log --label 'user-17/*' --dry-run
"""

_SALVAGE_EPILOG: Final = """\b
Exit codes:
  0  nothing was missing
  1  something was: what was copied has gaps

\b
Example:
  crackle log salvage events.log saved.log && crackle log verify saved.log
"""

_directory = click.argument("directory", metavar="DIR", type=click.Path(exists=True))
_dry_run = click.option("--dry-run", is_flag=True, help="Only say what would be removed.")


@click.command("retain", epilog=_RETAIN_EPILOG)
@_directory
@click.option("--max-age", metavar="SPAN", help="Let segments go whose events are all older: 90d.")
@click.option(
    "--max-bytes", metavar="SIZE", help="Let segments go while the rest is as large: 10GB."
)
@click.option(
    "--max-events",
    metavar="N",
    type=click.IntRange(min=0),
    help="Let segments go while the rest has as many events.",
)
@_dry_run
@voice_options
def retain(directory: str, dry_run: bool, **limits: Any) -> None:
    """Remove old events: whole segments from the beginning of a log.

    What the present cycle needs, or a checkpoint at a later marker, stays; so does the last
    segment. Positions stay what they are.
    """
    from crackle_stream.cli.say import say
    from crackle_stream.cooling.decisions import Decisions
    from crackle_stream.cooling.needed import needed_from
    from crackle_stream.log.directory import check_is_log
    from crackle_stream.log.eventlog import EventLog

    rule = _rule(**limits)
    check_is_log(Path(directory))
    with EventLog.create_or_open(Path(directory)) as log:
        need = needed_from(Decisions.of(log))
        done = log.retain(rule, None if need is None else need.position, dry_run=dry_run)
    if done.held and need is not None:
        say(
            f"{directory}: {counted(done.held_events, 'event')} in "
            f"{counted(done.held, 'segment')} stay: "
            f"everything from position {need.position:,} on is needed, as {need.why}"
        )
    say(f"{directory}: {_retained(done, rule, dry_run)}")


@click.command("forget", epilog=_FORGET_EPILOG)
@_directory
@click.option(
    "--label",
    "labels",
    metavar="PATTERN",
    multiple=True,
    required=True,
    help="Labels, or a glob of them such as user-17*; may be repeated.",
)
@_dry_run
@voice_options
def forget(directory: str, labels: tuple[str, ...], dry_run: bool, **_: Any) -> None:
    """Remove the tasks of some labels for good, for those who must delete.

    Their positions stay empty, so that all others keep theirs. The log tells when and how many,
    not which labels. Refused lines in which such a label may stand lose their text, as do those of
    which a part only is kept, and what recovery kept in torn/ is removed.
    """
    from crackle_stream.cli.say import say
    from crackle_stream.cooling.amended import forget_amendments
    from crackle_stream.log.upkeep import forget_labels

    if not all(labels):
        raise UsageError("a label to forget is empty: name one, or a glob of some")
    done = forget_labels(Path(directory), labels, dry_run=dry_run)
    coming = done.positions if dry_run else ()
    amended = forget_amendments(Path(directory), coming, dry_run=dry_run)
    say(f"{directory}: {_forgotten(done, amended, dry_run)}")


@click.command("compact", epilog="\b\nExample:\n  crackle log compact events.log")
@_directory
@voice_options
def compact(directory: str, **_: Any) -> None:
    """Merge the small blocks that small appends left, in full segments."""
    from crackle_stream.cli.say import say
    from crackle_stream.log.upkeep import compact_log

    before, after = compact_log(Path(directory))
    say(
        f"{directory}: {before.blocks:,} blocks of {before.bytes:,} bytes became "
        f"{after.blocks:,} of {after.bytes:,}"
    )


@click.command("salvage", epilog=_SALVAGE_EPILOG)
@click.argument("source", metavar="SRC", type=click.Path(exists=True))
@click.argument("target", metavar="DST", type=click.Path())
@voice_options
@click.pass_context
def salvage(ctx: click.Context, /, source: str, target: str, **_: Any) -> None:
    """Copy what is whole of a damaged log to a new one.

    SRC is only read. Positions stay what they are; what is missing becomes gaps, and is listed.
    DST appears once the copy is whole; until then it is DST.partial.
    """
    from crackle_stream.cli.say import say
    from crackle_stream.cooling.decisions import DIRECTORY
    from crackle_stream.log.upkeep import salvage_log

    inner = Path(source) / DIRECTORY
    within = [DIRECTORY] if inner.is_dir() and any(inner.iterdir()) else []
    done = salvage_log(Path(source), Path(target), within)
    for name, copied in zip(["", *within], done, strict=True):
        say(_salvaged(str(Path(target) / name), copied))
    ctx.exit(1 if any(copied.losses for copied in done) else 0)


def _rule(
    max_age: str | None, max_bytes: str | None, max_events: int | None, **_: Any
) -> Retention:
    from crackle_stream.log.retention import Retention
    from crackle_stream.timestamp import parse_span

    if max_age is None and max_bytes is None and max_events is None:
        raise UsageError("nothing says what may go: give --max-age, --max-bytes or --max-events")
    return Retention(
        max_age=None if max_age is None else parse_span(max_age),
        max_bytes=None if max_bytes is None else parse_size(max_bytes),
        max_events=max_events,
    )


def _retained(done: Retained, rule: Retention, dry_run: bool) -> str:
    verb = "to be removed" if dry_run else "removed"
    text = (
        f"{counted(done.events, 'event')} in {counted(done.segments, 'segment')} "
        f"({done.bytes:,} bytes) {verb}; "
        f"the log begins at position {done.first:,}"
    )
    if done.rejections:
        text += f"; with them {counted(done.rejections, 'refused line')}"
    if rule.max_age is None:
        return text
    how = "by the events' times" if done.age_by == "time" else "by arrival: some have no time"
    return f"{text}; ages were told {how}"


def _forgotten(done: Forgotten, amended: int, dry_run: bool) -> str:
    verb = "to be forgotten" if dry_run else "forgotten"
    text = f"{counted(done.events, 'event')} {verb}, in {counted(done.segments, 'segment')}"
    rest = (
        (done.rejections, "refused lines lose their text"),
        (done.torn, "files in torn/ go"),
        (amended, "amendments go"),
    )
    return "; ".join([text, *(f"{count:,} {what}" for count, what in rest if count)])


def _salvaged(target: str, done: Salvaged) -> str:
    text = (
        f"{target}: {counted(done.events, 'event')} and {counted(done.rejections, 'refused line')} "
        f"copied, in {counted(done.segments, 'segment')} ({done.bytes:,} bytes)"
    )
    lines = [text]
    for loss in done.losses[:SHOWN_LOSSES]:
        upto = loss.first + loss.count - 1
        what = f"events {loss.first:,} to {upto:,} are lost" if loss.count else "no event is lost"
        lines.append(f"  {loss.where}: {what}")
    if len(done.losses) > SHOWN_LOSSES:
        lines.append(f"  and {len(done.losses) - SHOWN_LOSSES:,} more")
    if done.torn:
        lines.append(f"  {done.torn:,} bytes of a write that never was acknowledged are left out")
    if done.sources:
        lines.append(
            "what is lost was read from these sources, which are not read again by themselves "
            f"(fire them into a new log to see it): {', '.join(done.sources)}"
        )
    return "\n".join(lines)
