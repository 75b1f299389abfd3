"""The `crackle` command."""

from crackle_stream.cli.group import main

__all__ = ["main"]
