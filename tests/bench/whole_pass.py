"""Whole cooling passes at the normal rate: over noise, and over streams with one thing planted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from crackle_stream.cooling.cooler import Cooler
from crackle_stream.cooling.plan import Plan
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog
from crackle_stream.pattern import Kind, Pattern
from crackle_stream.profile import ThermalProfile
from tests.bench import streams, thresholds
from tests.bench.clusters import mixture
from tests.bench.correlations import lagged, linear
from tests.bench.laws import planted as laws
from tests.bench.phases import PLANTED as CHANGES
from tests.bench.streams import Draw, Values
from tests.bench.table import Row, print_table
from tests.bench.window import columns_of

PROFILE = ThermalProfile().with_max_duration(None)
SIZES, METRICS = (60, 300, 1000), 10

NULLS: dict[str, Draw] = {
    "normal": streams.normal,
    "lognormal": streams.lognormal,
    "counts": streams.poisson(9),
    "AR(.7)": streams.autoregressive,
    "random walk": streams.random_walk,
    "season": streams.season,
    "season, twice in the window": streams.long_season,
}

Plant: TypeAlias = tuple[Kind, set[str], Draw]


def changed(change: Callable[[Values], Values]) -> Draw:
    """Change the first metric somewhere in the middle half."""

    def draw(rng: np.random.Generator, n: int, metrics: int) -> Values:
        values, at = streams.normal(rng, n, metrics), rng.integers(n // 4, 3 * n // 4)
        values[at:, 0] = change(values[at:, 0])
        return values

    return draw


def lawful(law: str) -> Draw:
    """Let the third metric follow from the first two."""

    def draw(rng: np.random.Generator, n: int, metrics: int) -> Values:
        values = rng.integers(1, 900, (n, metrics)).astype(np.float64)
        values[:, 2] = laws(values[:, 0], values[:, 1], rng)[law]
        return values

    return draw


def grouped(groups: int, noise: int) -> Draw:
    """Give groups whose nearest centres are five deviations apart."""
    return lambda rng, n, metrics: mixture(n, metrics - noise, groups, 5, noise, rng)[0]


PLANTED: dict[str, Plant] = {
    **{
        f"{name} in one metric": ("phase_transition", {"m00"}, changed(CHANGES[name]))
        for name in ("step of 1 sd", "step of 2 sd", "spread x 3")
    },
    "rho .8 of one pair": ("correlation", {"m00", "m01"}, linear(0.8)),
    "lag 4, rho .85 of one pair": ("correlation", {"m00", "m01"}, lagged(0.85, 4)),
    **{
        f"law: {law}": ("conservation", {"m00", "m01", "m02"}, lawful(law))
        for law in ("sum", "sum, 1 in 20 broken", "product, 1 % noise")
    },
    "3 groups in all metrics": ("clustering", set(), grouped(3, 0)),
    "2 groups in four of ten": ("clustering", set(), grouped(2, 6)),
}
"""What is planted: its kind, the metrics it must name, the stream."""


def print_tables(draws: int, seed: int) -> None:
    """Print both tables of whole passes."""
    sizes = [f"n = {size}" for size in SIZES]
    print_table(
        "whole pass over ten null metrics: windows with anything, then but drift [fresh draws]",
        [*sizes, *sizes],
        nulls(draws, seed),
    )
    print_table(
        "whole pass over ten metrics, n = 300, one thing planted [fresh draws]",
        ("found", "others too"),
        plants(draws, seed),
    )


def cool(values: Values) -> tuple[Pattern, ...]:
    """Give the patterns of an in-memory log with one event a row."""
    names = tuple(columns_of(values))
    log = EventLog.in_memory()
    rows = (dict(zip(names, row, strict=True)) for row in values.tolist())
    log.append(batch_events([TaskEvent(metrics=row) for row in rows]))
    return Cooler(log, Plan(profile=PROFILE)).cool().patterns


def nulls(draws: int, seed: int) -> Iterator[Row]:
    """Give the share of windows of which anything is said, and anything but drift."""
    for name, draw in NULLS.items():
        found = [
            [cool(draw(np.random.default_rng([seed, turn]), n, METRICS)) for turn in range(draws)]
            for n in SIZES
        ]
        anything = [np.mean([bool(one) for one in size]) for size in found]
        beside = [np.mean([not all(map(is_drift, one)) for one in size]) for size in found]
        yield name, [float(share) for share in (*anything, *beside)]
        yield f"{name}, thresholds alone", [_said_anyway(draw, n, draws, seed) for n in SIZES]


def _said_anyway(draw: Draw, n: int, draws: int, seed: int) -> float:
    windows = (draw(np.random.default_rng([seed, turn]), n, METRICS) for turn in range(draws))
    return float(np.mean([bool(thresholds.kinds(values)) for values in windows]))


def is_drift(pattern: Pattern) -> bool:
    """Whether a pattern says that a metric wanders, which a random walk does."""
    return getattr(pattern, "form", None) == "drift"


def plants(draws: int, seed: int) -> Iterator[Row]:
    """Give the share of windows in which what was planted is said, and any of another kind."""
    for name, (kind, subject, draw) in PLANTED.items():
        tally = np.zeros(2)
        for turn in range(draws):
            found = cool(draw(np.random.default_rng([seed, turn]), 300, METRICS))
            tally += (
                any(one.kind == kind and subject <= set(one.subject) for one in found),
                any(one.kind != kind for one in found),
            )
        yield name, (tally / draws).tolist()
