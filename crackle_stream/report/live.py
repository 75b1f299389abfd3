"""A line for each alarm and each new finding, as they come."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from crackle_stream.detect.describe import figure, named
from crackle_stream.detect.findings import Finding
from crackle_stream.report.inert import inert
from crackle_stream.report.terminal import Style, Terminal, escape
from crackle_stream.stats.alarm import Alarm

LiveFormat: TypeAlias = Literal["text", "jsonl"]

_STYLES: Final[dict[str, Style]] = {
    "raised": "warning",
    "confirmed": "strong",
    "withdrawn": "faint",
    "found": "strong",
}


class Found(Struct, frozen=True, tag_field="status", tag="found"):
    """A finding that was not there before.

    Parameters
    ----------
    checkpoint
        Where it was found.
    id, headline, patterns
        As in `Finding`.
    """

    checkpoint: int
    id: str
    headline: str
    patterns: tuple[str, ...]


class LiveLines:
    """Writes each as one line: a sentence, or JSON that does nothing to a terminal.

    Parameters
    ----------
    form
        Which of them.
    terminal
        Where a sentence is shown; every label and name in it is escaped.
    """

    def __init__(self, form: LiveFormat, terminal: Terminal) -> None:
        self._json = form == "jsonl"
        self._terminal = terminal

    def alarm(self, alarm: Alarm) -> bytes:
        """Give an alarm, or what became of one."""
        if self._json:
            return _line(alarm)
        return self._sentence(alarm.status, alarm.position, _told(alarm))

    def finding(self, finding: Finding, checkpoint: int) -> bytes:
        """Give a finding of a checkpoint."""
        if self._json:
            return _line(Found(checkpoint, finding.id, finding.headline, finding.patterns))
        return self._sentence("found", checkpoint, finding.headline)

    def _sentence(self, status: str, place: int, text: str) -> bytes:
        word = self._terminal.paint(f"{status:9}", _STYLES[status])
        return self._terminal.encode(f"{word} {place:>8}  {escape(text)}\n")


def _line(told: Alarm | Found) -> bytes:
    return inert(msgspec.json.encode(told)) + b"\n"


def _told(alarm: Alarm) -> str:
    if alarm.status == "raised":
        return f"{_movement(alarm)} since {_onset(alarm)} (sure {alarm.confidence:.2f})"
    if alarm.pattern is not None:
        return f"{alarm.metric}: pattern {alarm.pattern} at checkpoint {alarm.checkpoint}"
    if alarm.checkpoint is None:
        return f"{alarm.metric}: no cooling looked at it"
    return f"{alarm.metric}: no change near {_onset(alarm)} at checkpoint {alarm.checkpoint}"


def _onset(alarm: Alarm) -> str:
    place, alone = named(alarm.onset, alarm.onset_label, alarm.onset_time), f"{alarm.onset}"
    return alone if place == f"position {alone}" else f"{place}, position {alone}"


def _movement(alarm: Alarm) -> str:
    before, after = alarm.before, alarm.after
    what = f"the step of {alarm.metric}" if alarm.of_steps else alarm.metric
    if alarm.form == "spread":
        more = "more" if after.std > before.std else "less"
        step = f"standard deviation from {figure(before.std)} to {figure(after.std)}"
        return f"{what} scatters {more} ({step})"
    direction = "rose" if after.mean > before.mean else "fell"
    return f"{what} {direction} from {figure(before.mean)} to {figure(after.mean)}"
