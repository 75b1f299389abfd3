"""`crackle schema`: the JSON Schemas of what is read and written."""

from __future__ import annotations

from typing import Final

import click

EPILOG: Final = """\b
Examples:
  crackle schema event
  crackle schema pattern > pattern.schema.json
"""


@click.command("schema", epilog=EPILOG, short_help="Print the JSON Schema of events or patterns.")
@click.argument("noun", type=click.Choice(["event", "pattern"]))
def command(noun: str) -> None:
    """Print the JSON Schema (2020-12) of a line of events, or of a pattern."""
    from crackle_stream.schema import event_schema, pattern_schema, schema_text

    click.echo(schema_text(event_schema() if noun == "event" else pattern_schema()), nl=False)
