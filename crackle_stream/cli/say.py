"""What is told beside the results, on stderr."""

from __future__ import annotations

import click

from crackle_stream.report.terminal import escape


def say(text: str) -> None:
    """Write lines to stderr, with hostile characters in them shown by number."""
    click.echo("\n".join(escape(line) for line in text.split("\n")), err=True)
