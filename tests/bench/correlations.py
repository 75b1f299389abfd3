"""How well pairs of metrics are told apart from noise, beside Pearson's r with Benjamini-Hochberg.

Each figure is a share of windows in which a pair was called: without truth in it a false
discovery rate, with a planted pair the power.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import special

from crackle_stream.detect.candidate import Candidate
from crackle_stream.detect.correlation.correlations import find_correlations
from crackle_stream.detect.correlation.pairs import judge_pairs
from crackle_stream.detect.residual import residual_table
from crackle_stream.detect.significance import adjust
from tests.bench import streams
from tests.bench.streams import Draw, Values
from tests.bench.table import Row, print_table
from tests.bench.window import columns_of, said, window_of

ROWS, METRICS, RIVAL_LEVEL = 200, 12, 0.05
PAIR = {"m00", "m01"}

NULLS: dict[str, Draw] = {
    "normal": streams.normal,
    "lognormal": streams.lognormal,
    "counts": streams.poisson(0.7),
    "AR(.7)": streams.autoregressive,
    "AR(.7), 1 in 5 absent": streams.with_absences,
    "random walk": streams.random_walk,
    "trend": streams.trend,
    "curved trend": streams.curved_trend,
    "season": streams.season,
    "weekly": streams.weekly,
    "common step": streams.common_step,
    "small step": streams.small_step,
    "common volatility": streams.common_volatility,
    "spread x 3 halfway": streams.common_burst,
}


def linear(rho: float) -> Draw:
    """Correlate the first two metrics."""
    return lagged(rho, 0)


def lagged(rho: float, lag: int) -> Draw:
    """Let the second metric follow the first."""

    def draw(rng: np.random.Generator, n: int, metrics: int) -> Values:
        values = streams.normal(rng, n + lag, metrics)
        values[lag:, 1] = rho * values[:n, 0] + np.sqrt(1 - rho**2) * values[lag:, 1]
        return values[lag:]

    return draw


def quadratic(noise: float) -> Draw:
    """Let the second metric be the first one's square, with noise."""

    def draw(rng: np.random.Generator, n: int, metrics: int) -> Values:
        values = streams.normal(rng, n, metrics)
        values[:, 1] = values[:, 0] ** 2 + noise * values[:, 1]
        return values

    return draw


def linear_walk(rng: np.random.Generator, n: int, metrics: int) -> Values:
    """Give random walks, the first two with correlated steps."""
    return np.cumsum(linear(0.8)(rng, n, metrics), axis=0)


PLANTED: dict[str, Draw] = {
    "rho .5 (below the gate of .7)": linear(0.5),
    "rho .8": linear(0.8),
    "lag 5, rho .6 (below)": lagged(0.6, 5),
    "lag 4, rho .85": lagged(0.85, 4),
    "x2 + .3 noise": quadratic(0.3),
    "x2 + .5 noise": quadratic(0.5),
    "walks, rho .8": linear_walk,
}


def print_tables(draws: int, seed: int) -> None:
    """Print the shares of windows with a pair called, without and with one planted."""
    columns = ("evidence", "Pearson", "said", "false")
    title = f"n = {ROWS}, {METRICS} metrics, phases taken out [fresh draws]"
    print_table(f"correlations, no pair: {title}", columns, shares(NULLS, draws, seed))
    print_table(f"correlations, one pair: {title}", columns, shares(PLANTED, draws, seed))


def shares(drawn: dict[str, Draw], draws: int, seed: int) -> Iterator[Row]:
    """Give shares of windows: evidence at .05, Pearson at .05, said at normal, false pairs."""
    for name, draw in drawn.items():
        hits = np.zeros(4)
        for turn in range(draws):
            values = draw(np.random.default_rng([seed, turn]), ROWS, METRICS)
            hits += _hits(values, planted=drawn is PLANTED)
        yield name, (hits / draws).tolist()


def _hits(values: Values, *, planted: bool) -> tuple[bool, bool, bool, bool]:
    evidence, found = judge(values)
    pearson = _called(pearson_p(values))
    subjects = [set(one.pattern.subject) for one in found]
    if not planted:
        return bool(evidence.any()), bool(pearson.any()), bool(subjects), bool(subjects)
    wrong = any(subject != PAIR for subject in subjects)
    return bool(evidence[0]), bool(pearson[0]), PAIR in subjects, wrong


def judge(values: Values) -> tuple[NDArray[np.bool_], list[Candidate]]:
    """Give which pairs have evidence at the rival's level, and what the normal rate says."""
    view, roles, phases = window_of(columns_of(values), phased=True)
    residuals = residual_table(view.sample, phases.changes, roles)
    evidence = _called(judge_pairs(residuals.values).p_value)
    return evidence, said(find_correlations(view, roles, phases))


def pearson_p(values: Values) -> Values:
    """Give Pearson's p-value of each pair."""
    filled = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
    r = np.corrcoef(filled.T)[np.triu_indices(values.shape[1], 1)]
    n = len(values)
    return 2 * special.stdtr(n - 2, -np.abs(r) * np.sqrt((n - 2) / np.maximum(1 - r**2, 1e-300)))


def _called(p_values: Values) -> NDArray[np.bool_]:
    return adjust(p_values, len(p_values)) <= RIVAL_LEVEL
