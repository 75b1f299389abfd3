"""How well laws are found: tables without one, planted laws, two real tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from crackle_stream.detect.conservation.laws import find_laws
from crackle_stream.pattern import ConservationPattern
from tests.bench import streams
from tests.bench.identities import LATER, PLANTS, identities
from tests.bench.streams import Draw, Values
from tests.bench.table import Row, print_table
from tests.bench.window import columns_of, said, window_of

REPLAY = Path(__file__).parents[2] / "replay"

NULLS: dict[str, Draw] = {
    "normal": streams.normal,
    "lognormal": streams.lognormal_widths,
    "counts": streams.counts,
    "AR(.7)": streams.autoregressive,
    "random walk": streams.rounded_walk,
    "common factor": streams.common_factor,
    "season": streams.multiplied_season,
    "rounded": streams.rounded,
    "sparse": streams.sparse,
}


def print_tables(draws: int, seed: int) -> None:
    """Print all tables of laws."""
    print_table(
        "laws: share of tables without one (n 30 to 1,000, 4 to 12 metrics) [fresh draws]",
        ("a law", "anything"),
        nulls(5 * draws, seed),
    )
    print_table(
        "laws planted among six metrics of counts, n = 200: found, spurious a draw [fresh draws]",
        ("found", "spurious"),
        plants(draws, seed),
    )
    print_table(
        "one identity among tempting metrics: found, false and repeated laws a table [fresh draws]",
        ("found", "false", "again"),
        identities(PLANTS | LATER, equations, draws, seed),
    )
    print_table(
        "laws of real tables [development]",
        ("breaks", "law"),
        [row for name in ("daily-reports", "exoplanets") for row in recorded(name)],
    )


def equations(columns: dict[str, Values]) -> list[ConservationPattern]:
    """Give the laws of a table, near-constant metrics left out."""
    found = said(find_laws(*window_of(columns)))
    return [one.pattern for one in found if one.gate == "none"]  # type: ignore[misc]


def nulls(draws: int, seed: int) -> Iterator[Row]:
    """Give the share of tables with a law, and with a near-constant metric or a law."""
    for name, draw in NULLS.items():
        hits = np.zeros(2)
        for turn in range(draws):
            rng = np.random.default_rng([seed, turn])
            n = int(rng.choice([30, 60, 200, 1000], p=[0.4, 0.3, 0.25, 0.05]))
            values = draw(rng, n, int(rng.integers(4, 13)))
            found = said(find_laws(*window_of(columns_of(values))))
            hits += any(one.gate == "none" for one in found), bool(found)
        yield name, (hits / draws).tolist()


def plants(draws: int, seed: int) -> Iterator[Row]:
    """Give how often each planted law is found, and spurious laws beside it."""
    found: Counter[str] = Counter()
    spurious: Counter[str] = Counter()
    for turn in range(draws):
        rng = np.random.default_rng([seed, turn])
        columns = columns_of(rng.integers(1, 900, (200, 6)).astype(np.float64))
        for name, made in planted(columns["m00"], columns["m01"], rng).items():
            laws = equations({**columns, "y": made})
            hits = [law for law in laws if law.subject == ("m00", "m01", "y")]
            found[name] += bool(hits)
            spurious[name] += len(laws) - len(hits[:1])
    for name, count in found.items():
        yield name, (count / draws, spurious[name] / draws)


def planted(a: Values, b: Values, rng: np.random.Generator) -> dict[str, Values]:
    """Give metrics that follow from two others."""
    n = len(a)
    late = (np.arange(n) > 2 * n // 3) * rng.integers(1, 9, n)
    return {
        "sum": a + b,
        "sum, 1 in 20 broken": a + b + (rng.random(n) < 0.05),
        "sum, broken from 2/3 on": a + b + late,
        "sum of steps": np.cumsum(a - b),
        "ratio to 2 decimals": np.round(100 * a / b, 2),
        "product to 1 decimal": np.round(a * b / 7, 1),
        "product, 1 % noise": a * b * np.exp(0.01 * rng.normal(size=n)),
    }


def recorded(name: str) -> Iterator[Row]:
    """Give the laws of a recorded table and the number of rows that break each."""
    lines = (REPLAY / name / "events.jsonl").read_text().splitlines()
    rows = [json.loads(line)["metrics"] for line in lines]
    metrics = sorted({metric for row in rows for metric in row})
    for law in equations({m: np.array([row.get(m, np.nan) for row in rows]) for m in metrics}):
        terms = " ".join(f"{weight:+g} {term}" for term, weight in law.terms.items())
        yield name, (law.exception_count or 0, f"{law.form}: {terms} = {law.constant:g}")
