"""Hostile input: bad lines, fuzzing, directories that hold something else, too many names."""

from __future__ import annotations

import time
from typing import Final

import click

from tests.torture.cardinality import KINDS, measure, too_much
from tests.torture.fuzz import fuzz
from tests.torture.hostile_places import COMMANDS, PLACES, run_places
from tests.torture.hostile_runs import LARGE, corpus, run_corpus, run_large
from tests.torture.outcome import Outcome

SECONDS: Final = 60.0
SHARE: Final = 0.05


@click.command()
@click.option("--seconds", default=SECONDS, show_default=True, help="Of fuzzing.")
@click.option("--seed", type=int, help="The first one of the fuzzing; else of the clock.")
@click.option("--share", default=SHARE, show_default=True, help="Of a million labels and the like.")
def command(seconds: float, seed: int | None, share: float) -> Outcome:
    """Fuzz decoders and logs; put bad lines, places and names through the command line."""
    seed = int(time.time()) * 1_000 if seed is None else seed
    click.echo(f"hostile: fuzzing from seed {seed}")
    told, lost = fuzz(seconds, seed)
    lost += [*run_corpus(), *run_large(), *run_places()]
    peaks = [peak for kind in KINDS for peak in measure(kind, share)]
    lost += filter(None, map(too_much, peaks))
    most = max(peak.memory for peak in peaks)
    click.echo(
        f"hostile: {len(list(corpus()))} groups of bad lines, {len(LARGE)} large inputs, "
        f"{len(PLACES) * len(COMMANDS)} uses of odd directories, {len(peaks)} runs with too many "
        f"names, at most {most / 1e6:,.0f} MB"
    )
    return Outcome(layer="hostile", ran=told, lost=tuple(lost))
