"""Streams without anything to find: ``draw(rng, n, metrics)`` gives values of shape (n, metrics).

What they are without differs: a trend is no correlation, yet it is a transition. Each table takes
the streams that are null for what it asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Values: TypeAlias = NDArray[np.float64]
Draw: TypeAlias = Callable[[np.random.Generator, int, int], Values]


def normal(rng: np.random.Generator, n: int, metrics: int) -> Values:
    return rng.normal(size=(n, metrics))


def uniform(rng: np.random.Generator, n: int, metrics: int) -> Values:
    return rng.uniform(size=(n, metrics))


def lognormal(rng: np.random.Generator, n: int, metrics: int) -> Values:
    return rng.lognormal(size=(n, metrics))


def lognormal_widths(rng: np.random.Generator, n: int, metrics: int) -> Values:
    return np.exp(rng.uniform(0.2, 2) * normal(rng, n, metrics))


def student(rng: np.random.Generator, n: int, metrics: int) -> Values:
    return rng.standard_t(3, size=(n, metrics))


def poisson(mean: float) -> Draw:
    return lambda rng, n, metrics: rng.poisson(mean, (n, metrics)).astype(np.float64)


def counts(rng: np.random.Generator, n: int, metrics: int) -> Values:
    means = rng.choice([0.5, 3, 20, 500], metrics)
    return rng.poisson(means, (n, metrics)).astype(np.float64)


def sparse(rng: np.random.Generator, n: int, metrics: int) -> Values:
    amounts = np.floor(np.exp(1 + normal(rng, n, metrics)))
    return np.where(rng.random(amounts.shape) < 0.1, amounts, 0.0)


def rounded(rng: np.random.Generator, n: int, metrics: int) -> Values:
    z = normal(rng, n, metrics)
    parts = rng.random(z.shape)
    kinds = [np.floor(4 * parts), np.round(parts, 2), np.round(np.exp(z), 1)]
    return [*kinds, np.clip(np.round(50 + 15 * z), 0, 100)][rng.integers(4)]


def autoregressive(
    rng: np.random.Generator, n: int, metrics: int, coefficient: float = 0.7
) -> Values:
    return signal.lfilter([1], [1, -coefficient], normal(rng, n + 100, metrics), axis=0)[100:]


def with_absences(rng: np.random.Generator, n: int, metrics: int) -> Values:
    values = autoregressive(rng, n, metrics)
    values[rng.random(values.shape) < 0.2] = np.nan
    return values


def random_walk(rng: np.random.Generator, n: int, metrics: int) -> Values:
    return np.cumsum(normal(rng, n, metrics), axis=0)


def noisy_walk(rng: np.random.Generator, n: int, metrics: int) -> Values:
    """Walks seen through noise as large as their steps."""
    return random_walk(rng, n, metrics) + normal(rng, n, metrics)


def heavy_walk(rng: np.random.Generator, n: int, metrics: int) -> Values:
    """Walks with a few steps far larger than the others."""
    return np.cumsum(student(rng, n, metrics), axis=0)


def rounded_walk(rng: np.random.Generator, n: int, metrics: int) -> Values:
    return np.round(3 * random_walk(rng, n, metrics), rng.choice([0, 9]))


def trend(rng: np.random.Generator, n: int, metrics: int, power: int = 1) -> Values:
    slopes = rng.uniform(1, 4, metrics) * rng.choice([-1, 1], metrics)
    return normal(rng, n, metrics) + np.linspace(0, 1, n)[:, None] ** power * slopes


def curved_trend(rng: np.random.Generator, n: int, metrics: int) -> Values:
    return trend(rng, n, metrics, power=2)


def season(rng: np.random.Generator, n: int, metrics: int) -> Values:
    """One wave in every metric, at least three times in the window."""
    return wave(rng, n, metrics, rng.choice([p for p in (7, 12, 24, 36.5) if 3 * p <= n]))


def long_season(rng: np.random.Generator, n: int, metrics: int) -> Values:
    """One wave in every metric, twice in the window: hardly a season yet."""
    return wave(rng, n, metrics, n / 2)


def wave(rng: np.random.Generator, n: int, metrics: int, period: float) -> Values:
    """One sine in every metric, each with a height of its own."""
    sine = np.sin(2 * np.pi * np.arange(n) / period + rng.uniform(0, 7))
    return normal(rng, n, metrics) + sine[:, None] * rng.uniform(0.5, 2, metrics)


def shifted_seasons(rng: np.random.Generator, n: int, metrics: int) -> Values:
    """Waves of one period, each metric's with a phase of its own."""
    phase, period = rng.uniform(0, 2 * np.pi, metrics), rng.choice([7.0, 12.0, 24.0, 50.0])
    wave = np.sin(2 * np.pi * np.arange(n)[:, None] / period + phase)
    return wave * rng.uniform(1, 5, metrics) + normal(rng, n, metrics)


def multiplied_season(rng: np.random.Generator, n: int, metrics: int) -> Values:
    """Waves that multiply lognormal noise."""
    phase = rng.uniform(0, 6, metrics) * rng.integers(2)
    wave = np.sin(2 * np.pi * np.arange(n)[:, None] / rng.choice([7, 24]) + phase)
    return np.exp(wave + rng.choice([0.1, 0.5]) * normal(rng, n, metrics))


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


def common_burst(rng: np.random.Generator, n: int, metrics: int) -> Values:
    """Spread times three in the second half of every metric."""
    return normal(rng, n, metrics) * np.where(np.arange(n) < n // 2, 1.0, 3.0)[:, None]


def common_factor(rng: np.random.Generator, n: int, metrics: int) -> Values:
    """Correlations of .9 and more, yet no law."""
    r = rng.choice([0.9, 0.99, 0.999])
    x = np.sqrt(r) * normal(rng, n, 1) + np.sqrt(1 - r) * normal(rng, n, metrics)
    return [x, np.exp(x), np.round(100 + 20 * x), np.round(50 + 10 * x, 1)][rng.integers(4)]
