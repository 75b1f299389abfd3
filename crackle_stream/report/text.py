"""The report for a terminal: findings first, each with where, how sure and who."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from crackle_stream.cooling.report import CoolingReport
from crackle_stream.ingest.accounts import Accounts
from crackle_stream.pattern import Pattern, Status
from crackle_stream.report.context import UNREACHED, Context, looked, title
from crackle_stream.report.counting import counted
from crackle_stream.report.facts import facts
from crackle_stream.report.grid import Grid, grids
from crackle_stream.report.stages import Told, told
from crackle_stream.report.terminal import columns, escape, pad, shorten, wrap

INDENT: Final = "    "
NAMES: Final = 11
"""Columns in which the names of the facts stand."""
MOST: Final = 10
"""Findings of one kind that are shown; the rest is counted."""
SAME: Final[tuple[Status, ...]] = ("confirmed", "acknowledged")
"""What became of findings that are told in a line."""
WIDEST_HEAD: Final = 13
"""A metric's name over a column of numbers is cut to this."""


class Text:
    """Plain text in the terminal's width; every label and name in it is escaped."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._terminal = context.terminal
        self._reached = self._found = False

    def begin(self) -> bytes:
        """Give nothing: the findings come first."""
        return b""

    def checkpoint(self, report: CoolingReport) -> bytes:
        """Give one checkpoint; one without a finding says what was looked at."""
        self._reached = True
        self._found |= bool(report.findings)
        return self._terminal.encode("\n".join([*self._lines(report), ""]))

    def end(self, accounts: Accounts) -> bytes:  # noqa: ARG002
        """Give the command that shows more, where there is more."""
        if not self._reached:
            return self._terminal.encode(f"{UNREACHED}\n")
        if not self._found:
            return b""
        more = f"more: {self._context.command} --format json"
        return self._terminal.encode(self._terminal.paint(escape(more), "faint") + "\n")

    def _lines(self, report: CoolingReport) -> Iterator[str]:
        yield from self._wrapped(title(report, self._context), style=True)
        findings = told(report)
        news = [one for one in findings if one.status not in SAME]
        shown = telling([one.members for one in news])
        for number, which in enumerate(shown, 1):
            yield ""
            yield from self._finding(number, news[which])
        if len(shown) < len(news):
            yield ""
            rest = counted(len(news) - len(shown), "more finding")
            yield from self._wrapped(f"{rest} of the same kinds: --format json or markdown")
        for status in SAME:
            same = [one.finding.headline for one in findings if one.status == status]
            yield from self._listed(status, same)
        yield from self._listed("gone", [pattern.description for pattern in report.gone or ()])
        if report.findings or report.gone:
            yield ""
        for sentence in looked(report, self._context):
            yield from self._wrapped(sentence)
        if self._context.staged or report.findings:
            yield ""

    def _finding(self, number: int, one: Told) -> Iterator[str]:
        status = "" if one.status is None else f"{one.status}: "
        head = f"{status}{one.finding.headline}"
        yield from self._wrapped(head, f"{number}. ", INDENT, style=True)
        for name, text in facts(one.members):
            yield from self._wrapped(text, INDENT + pad(name, NAMES), INDENT + " " * NAMES)
        for grid in grids(one.members):
            yield from self._grid(grid)

    def _listed(self, status: str, sentences: Sequence[str]) -> Iterator[str]:
        """Give a line or two to each of those of which there is no news."""
        if sentences:
            yield ""
        for sentence in sentences[:MOST]:
            yield from self._wrapped(sentence, f"{status}: ", INDENT)
        if len(sentences) > MOST:
            yield from self._wrapped(f"{counted(len(sentences) - MOST, 'more')} {status}")

    def _wrapped(
        self, text: str, first: str = "", rest: str = "", *, style: bool = False
    ) -> Iterator[str]:
        for line in wrap(escape(text), self._terminal.width, first, rest):
            yield self._terminal.paint(line, "strong") if style else line

    def _grid(self, grid: Grid) -> Iterator[str]:
        heads = [shorten(escape(head), WIDEST_HEAD) for head in grid.heads]
        rows = [heads, *([escape(cell) for cell in row] for row in grid.rows)]
        widths = [max(columns(cell) for cell in column) for column in zip(*rows, strict=True)]
        spare = self._terminal.width - len(INDENT) - 2 * (len(widths) - 1)
        if grid.words:
            widths[0] = max(min(widths[0], spare - sum(widths[1:])), 8)
        yield ""
        yield self._terminal.paint(_row(rows[0], widths, grid.words), "faint")
        for row in rows[1:]:
            yield _row(row, widths, grid.words)
        if grid.more:
            yield f"{INDENT}and {grid.more} more"


def telling(findings: Sequence[Sequence[Pattern]], most: int = MOST) -> list[int]:
    """Choose which findings to show: of each kind those that most patterns bear witness to.

    Parameters
    ----------
    findings
        The patterns of each finding.
    most
        Findings of one kind that are shown.

    Returns
    -------
    list of int
        Their places among the findings, rising.
    """
    chosen: list[int] = []
    for family in {members[0].family for members in findings}:
        own = [i for i, members in enumerate(findings) if members[0].family == family]
        own.sort(key=lambda i: (-len(findings[i]), findings[i][0].evidence.q_value))
        chosen += own[:most]
    return sorted(chosen)


def _row(cells: Sequence[str], widths: Sequence[int], words: int) -> str:
    """Align words left and numbers right."""
    laid = [
        pad(shorten(cell, width), width) if i < words else " " * (width - columns(cell)) + cell
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"{INDENT}{'  '.join(laid)}".rstrip()
