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
    """Print the version, and those of what results depend on, installed detectors among it."""
    import platform
    from importlib.metadata import version

    from crackle_stream.plugins import Unloaded, load_installed
    from crackle_stream.report.terminal import escape

    for name in TOLD:
        click.echo(f"{name} {version(name)}")
    click.echo(f"python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for one in load_installed():
        trouble = f": {one.detector.reason}" if isinstance(one.detector, Unloaded) else ""
        click.echo(escape(f"detector {one.name} ({one.package}){trouble}"))
