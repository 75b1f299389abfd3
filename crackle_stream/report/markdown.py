"""The report as Markdown, for a pull request or a ticket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from crackle_stream.cooling.report import CoolingReport
from crackle_stream.ingest.accounts import Accounts
from crackle_stream.report.context import UNREACHED, Context, looked, title
from crackle_stream.report.facts import facts
from crackle_stream.report.grid import Grid, grids
from crackle_stream.report.stages import Told, told
from crackle_stream.report.terminal import escape

_SPECIAL: Final = re.compile(r"([\\`*{}\[\]<>|~$&@]|:(?=//)|(?<![^\W_])_|_(?![^\W_]))")
"""What is markup within a line; an underscore inside a word is none."""


class Markdown:
    """One section a checkpoint, one subsection a finding; no label in it is markup."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reached = False

    def begin(self) -> bytes:
        """Give nothing: each checkpoint has its own heading."""
        return b""

    def checkpoint(self, report: CoolingReport) -> bytes:
        """Give one checkpoint."""
        self._reached = True
        return "\n".join([*self._lines(report), ""]).encode()

    def end(self, accounts: Accounts) -> bytes:
        """Give the accounts, and the command that gives the patterns again."""
        nothing = "" if self._reached else f"{UNREACHED}\n\n"
        command = escape(self._context.command).replace("`", "'")
        return f"{nothing}{accounts}\n\n`{command} --format json`\n".encode()

    def _lines(self, report: CoolingReport) -> Iterator[str]:
        yield f"# {plain(title(report, self._context))}"
        for number, one in enumerate(told(report), 1):
            yield from _finding(number, one)
        if report.gone:
            yield ""
        for pattern in report.gone or ():
            yield f"- gone: {plain(pattern.description)}"
        yield ""
        for sentence in looked(report, self._context):
            yield f"{plain(sentence)}."
        yield ""


def plain(text: str) -> str:
    r"""Write a text so that Markdown shows it as it is.

    Examples
    --------
    >>> print(plain("a|b <script>"))
    a\|b \<script\>
    """
    return _SPECIAL.sub(r"\\\1", escape(text))


def _finding(number: int, one: Told) -> Iterator[str]:
    yield ""
    yield f"## {number}. {plain(one.finding.headline)}"
    yield ""
    if one.status is not None:
        yield f"- status: {one.status}"
    for name, text in facts(one.members):
        yield f"- {name}: {plain(text)}"
    for grid in grids(one.members):
        yield ""
        yield from _grid(grid)


def _grid(grid: Grid) -> Iterator[str]:
    yield f"| {' | '.join(plain(head) for head in grid.heads)} |"
    rules = ["---" if i < grid.words else "---:" for i in range(len(grid.heads))]
    yield f"| {' | '.join(rules)} |"
    for row in grid.rows:
        yield f"| {' | '.join(plain(cell) for cell in row)} |"
    if grid.more:
        yield ""
        yield f"and {grid.more} more"
