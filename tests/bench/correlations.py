"""How well pairs of metrics are told apart from noise, beside Pearson's r with Benjamini-Hochberg.

``python tests/bench/correlations.py [--draws 300] [--seed 1] [--rows 200]`` prints, for each
kind of stream, the share of windows in which a pair was called: without truth in it a false
discovery rate, with a planted pair the power.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import signal, special

from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.correlation.correlations import find_correlations
from crackle_stream.detect.correlation.pairs import judge_pairs
from crackle_stream.detect.phase.phases import Phases, find_phases
from crackle_stream.detect.residual import residual_table
from crackle_stream.detect.roles import find_roles
from crackle_stream.detect.view import table_of, view_table

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Values]

NORMAL_SIZE = 0.7
NORMAL_LEVEL = 0.0125
WITHOUT = Phases(Detection((), 0), {})


def normal(rng: np.random.Generator, n: int, metrics: int) -> Values:
    return rng.normal(size=(n, metrics))


def lognormal(rng: np.random.Generator, n: int, metrics: int) -> Values:
    return np.exp(normal(rng, n, metrics))


def autoregressive(
    rng: np.random.Generator, n: int, metrics: int, coefficient: float = 0.7
) -> Values:
    return signal.lfilter([1], [1, -coefficient], normal(rng, n + 100, metrics), axis=0)[100:]


def random_walk(rng: np.random.Generator, n: int, metrics: int) -> Values:
    return np.cumsum(normal(rng, n, metrics), axis=0)


def trend(rng: np.random.Generator, n: int, metrics: int) -> Values:
    slopes = rng.uniform(1, 4, metrics) * rng.choice([-1, 1], metrics)
    return normal(rng, n, metrics) + np.linspace(0, 1, n)[:, None] * slopes


def curved_trend(rng: np.random.Generator, n: int, metrics: int) -> Values:
    slopes = rng.uniform(1, 4, metrics) * rng.choice([-1, 1], metrics)
    return normal(rng, n, metrics) + np.linspace(0, 1, n)[:, None] ** 2 * slopes


def season(rng: np.random.Generator, n: int, metrics: int) -> Values:
    period = rng.choice([7, 12, 24, 36.5])
    wave = np.sin(2 * np.pi * np.arange(n) / period + rng.uniform(0, 7))
    return normal(rng, n, metrics) + wave[:, None] * rng.uniform(0.5, 2, metrics)


def weekly(rng: np.random.Generator, n: int, metrics: int) -> Values:
    """One row of seven is high: a season with harmonics."""
    high = (np.arange(n) + rng.integers(7)) % 7 == 0
    return normal(rng, n, metrics) + high[:, None] * rng.uniform(1, 4, metrics)


def common_step(rng: np.random.Generator, n: int, metrics: int) -> Values:
    after = np.arange(n) >= rng.integers(n // 4, 3 * n // 4)
    return normal(rng, n, metrics) + after[:, None] * rng.uniform(1, 4, metrics)


def small_step(rng: np.random.Generator, n: int, metrics: int) -> Values:
    """A step that is often missed."""
    after = np.arange(n) >= rng.integers(n // 4, 3 * n // 4)
    return normal(rng, n, metrics) + 0.7 * after[:, None]


def common_volatility(rng: np.random.Generator, n: int, metrics: int) -> Values:
    log_scale = 0.3 * autoregressive(rng, n, 1, 0.95)
    return np.exp(log_scale) * normal(rng, n, metrics)


def common_bursts(rng: np.random.Generator, n: int, metrics: int) -> Values:
    """Spread times three in the second half of every metric."""
    return normal(rng, n, metrics) * np.where(np.arange(n) < n // 2, 1.0, 3.0)[:, None]


def tied_counts(rng: np.random.Generator, n: int, metrics: int) -> Values:
    return rng.poisson(0.7, (n, metrics)).astype(np.float64)


def with_absences(rng: np.random.Generator, n: int, metrics: int) -> Values:
    values = autoregressive(rng, n, metrics)
    values[rng.random(values.shape) < 0.2] = np.nan
    return values


NULLS: dict[str, Draw] = {
    "iid normal": normal,
    "lognormal": lognormal,
    "AR(.7)": autoregressive,
    "random walk": random_walk,
    "trend": trend,
    "curved trend": curved_trend,
    "season": season,
    "weekly": weekly,
    "common step": common_step,
    "small step": small_step,
    "volatility": common_volatility,
    "spread x3": common_bursts,
    "counts": tied_counts,
    "absences": with_absences,
}


def linear(rho: float) -> Draw:
    def draw(rng: np.random.Generator, n: int, metrics: int) -> Values:
        values = normal(rng, n, metrics)
        values[:, 1] = rho * values[:, 0] + np.sqrt(1 - rho**2) * values[:, 1]
        return values

    return draw


def lagged(rho: float, lag: int) -> Draw:
    def draw(rng: np.random.Generator, n: int, metrics: int) -> Values:
        values = normal(rng, n + lag, metrics)
        values[lag:, 1] = rho * values[:n, 0] + np.sqrt(1 - rho**2) * values[lag:, 1]
        return values[lag:]

    return draw


def quadratic(noise: float) -> Draw:
    def draw(rng: np.random.Generator, n: int, metrics: int) -> Values:
        values = normal(rng, n, metrics)
        values[:, 1] = values[:, 0] ** 2 + noise * values[:, 1]
        return values

    return draw


def linear_walk(rng: np.random.Generator, n: int, metrics: int) -> Values:
    return np.cumsum(linear(0.8)(rng, n, metrics), axis=0)


PLANTED: dict[str, Draw] = {
    "rho .5": linear(0.5),
    "rho .8": linear(0.8),
    "lag 5, rho .6": lagged(0.6, 5),
    "lag 4, rho .85": lagged(0.85, 4),
    "x2 + .3 noise": quadratic(0.3),
    "x2 + .5 noise": quadratic(0.5),
    "walks, rho .8": linear_walk,
}


def benjamini_hochberg(p_values: Values, level: float) -> NDArray[np.bool_]:
    ordered = np.sort(p_values)
    below = np.flatnonzero(ordered <= level * np.arange(1, len(ordered) + 1) / len(ordered))
    return p_values <= (ordered[below[-1]] if len(below) else -1.0)


def pearson_p(values: Values) -> Values:
    filled = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
    r = np.corrcoef(filled.T)[np.triu_indices(values.shape[1], 1)]
    n = len(values)
    return 2 * special.stdtr(n - 2, -np.abs(r) * np.sqrt((n - 2) / np.maximum(1 - r**2, 1e-300)))


def both_gates(candidates: tuple[Candidate, ...], tested: int) -> list[Candidate]:
    p_values = np.ones(max(tested, 1))
    p_values[: len(candidates)] = [one.p_value for one in candidates]
    called = benjamini_hochberg(p_values, NORMAL_LEVEL)
    pairs = zip(candidates, called[: len(candidates)].tolist(), strict=True)
    return [one for one, found in pairs if found and one.size >= NORMAL_SIZE]


def judge(values: Values, phased: bool) -> tuple[NDArray[np.bool_], list[Candidate]]:
    names = [f"m{column:02d}" for column in range(values.shape[1])]
    view = view_table(table_of(dict(zip(names, values.T, strict=True))))
    roles = find_roles(view)
    phases = find_phases(view, roles) if phased else WITHOUT
    residuals = residual_table(view.sample, phases.changes, roles)
    called = benjamini_hochberg(judge_pairs(residuals.values).p_value, 0.05)
    detection = find_correlations(view, roles, phases)
    return called, both_gates(detection.candidates, detection.tested)


def measure(
    draw: Draw, seed: int, draws: int, rows: int, planted: bool, phased: bool
) -> list[float]:
    """Give shares of windows: evidence, Pearson-BH, both gates at normal rate, false pairs."""
    hits = np.zeros(4)
    for turn in range(draws):
        values = draw(np.random.default_rng([seed, turn]), rows, 12)
        called, candidates = judge(values, phased)
        pearson = benjamini_hochberg(pearson_p(values), 0.05)
        subjects = [set(one.pattern.subject) for one in candidates]
        if planted:  # the planted pair is the first one
            truth = {"m00", "m01"} in subjects
            hits += [called[0], pearson[0], truth, any(one != {"m00", "m01"} for one in subjects)]
        else:
            hits += [called.any(), pearson.any(), bool(subjects), bool(subjects)]
    return (hits / draws).tolist()


def cost(rows: int, metrics: int) -> float:
    values = autoregressive(np.random.default_rng(1), rows, metrics)
    names = [f"m{column:03d}" for column in range(metrics)]
    view = view_table(table_of(dict(zip(names, values.T, strict=True))))
    roles = find_roles(view)
    find_correlations(view, roles, WITHOUT)
    began = time.process_time()
    find_correlations(view, roles, WITHOUT)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--only", default="")
    parser.add_argument("--without-phases", action="store_true")
    asked = parser.parse_args()
    print(f"{'stream':16} evidence  Pearson-BH  both gates  false pair")
    for table, planted in ((NULLS, False), (PLANTED, True)):
        for name, draw in table.items():
            if asked.only in name:
                shares = measure(
                    draw, asked.seed, asked.draws, asked.rows, planted, not asked.without_phases
                )
                print(f"{name:16} " + "  ".join(f"{share:9.4f}" for share in shares), flush=True)
    if not asked.only:
        for rows, metrics in ((200, 12), (1_000, 12), (16_384, 12), (1_000, 500)):
            print(f"{rows:7} x {metrics:3}: {1_000 * cost(rows, metrics):8.1f} ms")


if __name__ == "__main__":
    main()
