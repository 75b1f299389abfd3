"""Print how well laws are found: nulls, planted laws, two real tables, and what it costs.

python -m tests.bench.laws --draws 200 --seed 1
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.conservation.laws import find_laws
from crackle_stream.detect.phase.phases import Phases
from crackle_stream.detect.roles import find_roles
from crackle_stream.detect.view import table_of, view_table
from crackle_stream.pattern import ConservationPattern

REPLAY = Path(__file__).parents[2] / "replay"
Values = np.ndarray
Table = dict[str, Values]


def detect(columns: Table) -> tuple[Candidate, ...]:
    view = view_table(table_of(columns))
    return find_laws(view, find_roles(view), Phases(Detection((), 0), {})).candidates


def equations(columns: Table) -> list[ConservationPattern]:
    return [c.pattern for c in detect(columns) if c.gate == "none"]  # type: ignore[misc]


def seasons(z: Values, rng: np.random.Generator) -> Values:
    phase = rng.uniform(0, 6, z.shape[1]) * rng.integers(2)
    wave = np.sin(2 * np.pi * np.arange(len(z))[:, None] / rng.choice([7, 24]) + phase)
    return np.exp(wave + rng.choice([0.1, 0.5]) * z)


def autoregressive(z: Values, rng: np.random.Generator) -> Values:
    for t in range(1, len(z)):
        z[t] += 0.7 * z[t - 1]
    return z + rng.choice([0, 10, 1000])


def factor(z: Values, rng: np.random.Generator) -> Values:
    r = rng.choice([0.9, 0.99, 0.999])
    x = np.sqrt(r) * rng.normal(size=(len(z), 1)) + np.sqrt(1 - r) * z
    return [x, np.exp(x), np.round(100 + 20 * x), np.round(50 + 10 * x, 1)][rng.integers(4)]


def rounded(z: Values, rng: np.random.Generator) -> Values:
    kinds = [np.floor(4 * rng.random(z.shape)), np.round(rng.random(z.shape), 2)]
    return [*kinds, np.clip(np.round(50 + 15 * z), 0, 100), np.round(np.exp(z), 1)][rng.integers(4)]


NULLS: dict[str, Callable[[Values, np.random.Generator], Values]] = {
    "normal": lambda z, rng: z if rng.integers(2) else 50 + 10 * z,
    "lognormal": lambda z, rng: np.exp(rng.uniform(0.2, 2) * z),
    "counts": lambda z, rng: rng.poisson(rng.choice([0.5, 3, 20, 500], z.shape[1]), z.shape) * 1.0,
    "autoregressive": autoregressive,
    "random walks": lambda z, rng: np.round(3 * np.cumsum(z, axis=0), rng.choice([0, 9])),
    "common factor": factor,
    "seasons": seasons,
    "rounded": rounded,
    "sparse": lambda z, rng: np.where(rng.random(z.shape) < 0.1, np.floor(np.exp(1 + z)), 0.0),
}


def nulls(draws: int, rng: np.random.Generator) -> None:
    print(f"tables without a law, {draws} of each kind: n 30 to 1,000, 4 to 12 metrics")
    print(f"  {'kind':16}{'with a law':>12}{'near-constant at normal':>26}")
    for kind, make in NULLS.items():
        false = steady = 0
        for _ in range(draws):
            n = int(rng.choice([30, 60, 200, 1000], p=[0.4, 0.3, 0.25, 0.05]))
            m = int(rng.integers(4, 13))
            values = make(rng.normal(size=(n, m)), rng)
            found = detect({f"m{i:02d}": values[:, i] for i in range(m)})
            false += any(c.gate == "none" for c in found)
            near = (c for c in found if c.gate == "variation" and c.size <= 0.005)
            steady += any(c.p_value < 0.0125 / m for c in near)
        print(f"  {kind:16}{false:12}{steady:26}")


def planted(a: Values, b: Values, rng: np.random.Generator) -> Table:
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


def plants(draws: int, rng: np.random.Generator) -> None:
    print(f"planted among 6 metrics of counts, n = 200, {draws} draws: found, and spurious laws")
    found: Counter[str] = Counter()
    spurious: Counter[str] = Counter()
    for _ in range(draws):
        columns = {f"m{i}": rng.integers(1, 900, 200) * 1.0 for i in range(6)}
        for name, made in planted(columns["m0"], columns["m1"], rng).items():
            laws = equations({**columns, "y": made})
            hits = [law for law in laws if law.subject == ("m0", "m1", "y")]
            found[name] += bool(hits)
            spurious[name] += len(laws) - len(hits[:1])
    for name, count in found.items():
        print(f"  {name:28}{count / draws:6.2f}{spurious[name]:6}")


def replayed(name: str) -> Table:
    lines = (REPLAY / name / "events.jsonl").read_text().splitlines()
    metrics = [json.loads(line)["metrics"] for line in lines]
    names = sorted({metric for row in metrics for metric in row})
    return {metric: np.array([row.get(metric, np.nan) for row in metrics]) for metric in names}


def real(name: str) -> None:
    columns = replayed(name)
    print(f"{name}, {len(next(iter(columns.values())))} rows, {len(columns)} metrics")
    for law in equations(columns):
        terms = " ".join(f"{weight:+g} {term}" for term, weight in law.terms.items())
        broken = f"{law.exception_count or 0} exceptions, broke at {law.broke_at}"
        print(f"  {law.form} {terms} = {law.constant:g}  ({broken})")


def cost(rng: np.random.Generator) -> None:
    print("processor time, best of 5, lognormal to three decimals")
    for n, m in ((200, 12), (1_000, 12), (1_000, 60)):
        values = np.round(np.exp(rng.normal(size=(n, m))), 3)
        columns = {f"m{i:02d}": values[:, i] for i in range(m)}
        spent = []
        for _ in range(5):
            before = time.process_time()
            detect(columns)
            spent.append(time.process_time() - before)
        print(f"  {n:6,} x {m:2}{1e3 * min(spent):8.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    nulls(asked.draws, rng)
    plants(max(asked.draws // 5, 1), rng)
    for name in ("daily-reports", "exoplanets"):
        real(name)
    cost(rng)


if __name__ == "__main__":
    main()
