"""Torture for the log: each layer is a command, with the numbers of a submission as defaults.

python -m tests.torture all
python -m tests.torture simdisk --seeds 2000000
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

import click

from tests.torture.outcome import Outcome, report

LAYERS: Final = ("simdisk", "bytes", "model", "kill", "kernel", "hostile", "mutants", "soak")


class Layers(click.Group):
    """Each layer is the `command` of the module of its name, and gives an `Outcome`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the layers, and all of them."""
        return [*LAYERS, "all"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "all":
            return every
        if cmd_name not in LAYERS:
            return None
        command: click.Command = import_module(f"tests.torture.{cmd_name}").command
        return command


@click.group(cls=Layers)
@click.option("--allow-skips", is_flag=True, help="Do not fail where something could not run.")
def main(allow_skips: bool) -> None:
    """Run one layer of torture, or all of them."""


@main.result_callback()
def end(outcomes: Outcome | Iterator[Outcome], allow_skips: bool) -> None:
    listed = [outcomes] if isinstance(outcomes, Outcome) else outcomes
    sys.exit(report(listed, allow_skips=allow_skips))


@click.command("all")
def every() -> Iterator[Outcome]:
    """Run every layer with the numbers of a submission."""
    return (_run(layer) for layer in LAYERS)


def _run(layer: str) -> Outcome:
    command: Any = import_module(f"tests.torture.{layer}").command
    outcome: Outcome = command.main([], standalone_mode=False)
    return outcome


if __name__ == "__main__":
    main()
