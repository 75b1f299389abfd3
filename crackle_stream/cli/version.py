"""`crackle version`: what is running."""

from __future__ import annotations

from typing import Final

import click

EPILOG: Final = """\b
Example:
  crackle version
"""

TOLD: Final = ("crackle-stream", "numpy", "scipy", "river", "msgspec", "click")


@click.command("version", epilog=EPILOG, short_help="Print versions.")
def command() -> None:
    """Print the version, and those of what results depend on."""
    import platform
    from importlib.metadata import version

    for name in TOLD:
        click.echo(f"{name} {version(name)}")
    click.echo(f"python {platform.python_version()} on {platform.system()} {platform.machine()}")
