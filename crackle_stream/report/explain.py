"""An explanation for people, and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from crackle_stream.cooling.explanation import Explanation
from crackle_stream.cooling.picture import Picture
from crackle_stream.detect.describe import figure
from crackle_stream.event import ANONYMOUS
from crackle_stream.pattern import PhaseTransitionPattern
from crackle_stream.profile import MetricSettings
from crackle_stream.report.explain_numbers import numbers
from crackle_stream.report.explain_words import also_tested, evidence, reason, verdict, what_if
from crackle_stream.report.inert import inert
from crackle_stream.report.plot import plot
from crackle_stream.report.terminal import Terminal, columns, escape, pad, shorten, wrap

INDENT: Final = "  "
NAMES: Final = 12
"""Columns in which the names of numbers stand, if none is longer."""
TASKS: Final = 10
"""Most tasks that are listed; json has them all."""
WIDEST_NAME: Final = 28
"""Columns of a metric's name at which another gets a line of its own."""


class Explained(Struct, frozen=True, kw_only=True):
    """One JSON object: all of the explanation, and its sentences."""

    explanation: Explanation
    verdict: str
    evidence: tuple[str, ...]
    tested: tuple[str, ...]
    what_if: tuple[str, ...]


def as_json(why: Explanation) -> bytes:
    """Write an explanation as one JSON object, plot and all."""
    sentences = Explained(
        explanation=why,
        verdict=verdict(why),
        evidence=tuple(evidence(why)),
        tested=tuple(also_tested(why)),
        what_if=tuple(what_if(why)),
    )
    parts = msgspec.json.decode(msgspec.json.encode(sentences))
    flat = parts.pop("explanation")
    return inert(msgspec.json.encode({**flat, **parts})) + b"\n"


def as_text(
    why: Explanation,
    terminal: Terminal,
    settings: Mapping[str, MetricSettings],
    *,
    plain: bool = False,
) -> bytes:
    """Write an explanation for a terminal; every label and name in it is escaped.

    Parameters
    ----------
    why
        The explanation.
    terminal
        Where it is shown.
    settings
        What the profile says of metrics.
    plain
        Whether the plot keeps to ASCII.
    """
    lines = _Writer(why, terminal, settings, plain).lines()
    return terminal.encode("\n".join([*lines, ""]))


class _Writer:
    """The sections of one explanation."""

    def __init__(
        self,
        why: Explanation,
        terminal: Terminal,
        settings: Mapping[str, MetricSettings],
        plain: bool,
    ) -> None:
        self._why, self._terminal, self._settings, self._plain = why, terminal, settings, plain

    def lines(self) -> Iterator[str]:
        why = self._why
        if why.together:
            yield from self._wrapped(why.headline, "", INDENT, strong=True)
            yield ""
        yield from self._wrapped(why.pattern.description, "", INDENT, strong=True)
        yield from self._wrapped(f"{why.pattern.id}: {verdict(why)}", INDENT, INDENT)
        if why.picture is not None:
            yield ""
            yield from self._plot(why.picture)
        yield from self._section("numbers", self._pairs(numbers(why, self._settings)))
        yield from self._section("evidence", self._sentences(evidence(why)))
        yield from self._section("tasks responsible", self._tasks())
        yield from self._section("what else was tested", self._tested())
        title = "what would have to differ" if why.passed else "why it did not pass"
        yield from self._section(title, self._sentences(what_if(why)))

    def _plot(self, picture: Picture) -> Iterator[str]:
        """Give the lines of the plot as they are, but its titles within the width."""
        width = self._terminal.width
        for line in plot(picture, width, plain=self._plain, units=self._why.units):
            if columns(line) > width:
                yield from self._wrapped(line, "", INDENT)
            else:
                yield escape(line)

    def _section(self, title: str, lines: Iterator[str]) -> Iterator[str]:
        told = list(lines)
        if told:
            yield ""
            yield self._terminal.paint(title, "faint")
            yield from told

    def _wrapped(self, text: str, first: str, rest: str, *, strong: bool = False) -> Iterator[str]:
        for line in wrap(escape(text), self._terminal.width, first, rest):
            yield self._terminal.paint(line, "strong") if strong else line

    def _pairs(self, told: Iterator[tuple[str, str]]) -> Iterator[str]:
        named = [(shorten(escape(name), WIDEST_NAME), text) for name, text in told]
        width = max([NAMES, *(columns(name) for name, _ in named)])
        for name, text in named:
            head = INDENT + pad(name, width)
            yield from self._wrapped(text, f"{head} ", INDENT + " " * (width + 1))

    def _sentences(self, told: Iterator[str]) -> Iterator[str]:
        for sentence in told:
            yield from self._wrapped(sentence, INDENT, INDENT * 2)

    def _tasks(self) -> Iterator[str]:
        names = sorted({name for task in self._why.tasks for name in task.values})[:3]
        units = self._why.units
        heads = [f"{name} ({units[name]})" if name in units else name for name in names]
        rows = [["position", "label", "time", *heads]]
        shown = self._why.tasks[:TASKS]
        if isinstance(self._why.pattern, PhaseTransitionPattern):
            shown = tuple(sorted(shown, key=lambda task: task.row))
        rows += [
            [str(t.position), "" if t.label == ANONYMOUS else t.label, t.time or ""]
            + [figure(t.values[name]) if name in t.values else "" for name in names]
            for t in shown
        ]
        if len(rows) > 1:
            yield from self._columns(rows)
        rest = self._why.pattern.involved_count - len(rows) + 1
        if rest > 0 and len(rows) > 1:
            yield f"{INDENT}and {rest:,} more"

    def _tested(self) -> Iterator[str]:
        yield from self._sentences(also_tested(self._why))
        if self._why.rivals:
            yield f"{INDENT}Candidates about the same metrics:"
        for rival in self._why.rivals:
            fate = "passed" if rival.passed else f"did not pass: {reason(rival)}"
            text = f"{rival.id} {rival.description}; {fate}"
            yield from self._wrapped(text, INDENT * 2, INDENT * 3)
        rest = self._why.related - len(self._why.rivals)
        if rest:
            yield f"{INDENT * 2}and {rest:,} more"

    def _columns(self, rows: Sequence[Sequence[str]]) -> Iterator[str]:
        cells = [[escape(cell) for cell in row] for row in rows]
        kept = [i for i in range(len(cells[0])) if any(row[i] for row in cells[1:])]
        cells = [[shorten(row[i], WIDEST_NAME) for i in kept] for row in cells]
        widths = [max(columns(row[i]) for row in cells) for i in range(len(kept))]
        for row in cells:
            laid = (pad(cell, width) for cell, width in zip(row, widths, strict=True))
            yield shorten(f"{INDENT}{'  '.join(laid)}".rstrip(), self._terminal.width)
