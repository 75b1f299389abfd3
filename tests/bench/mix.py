"""The planted mix: windows of all kinds, and what is planted in each.

A window has 30 to 2,000 rows (evenly in the logarithm) and 3 to 12 metrics. Its texture is drawn
first: in six of ten windows each metric has independent noise of a family of its own (normal,
lognormal, Student's t3, uniform, counts), in the others all are autoregressive (.2 to .9), some
are random walks, or all have a season (common or each with a phase of its own) or a trend. A third
of the windows stay like that. In the others one to three things are planted, of sizes that begin
below what can be found:

- groups: 2 to 4, 2 to 8 deviations apart in some of the metrics;
- a correlation: linear, bent, quadratic, lagged, or a factor common to three; of .2 to .99;
- a change: of level (.2 to 5 deviations; also back again), spread (a factor of 1.2 to 6), slope
  (.3 to 8 deviations over what follows) or shape, of one metric or, of level, of several at once;
- a law: sums, products and powers, with noise and exceptions, broken for good; and almost-laws,
  which are none;
- a steady metric: a coefficient of variation of .0003 to .05, where others have about .3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import signal
from scipy.spatial.distance import pdist

from tests.bench.streams import Values

Rng: TypeAlias = np.random.Generator
Labels: TypeAlias = NDArray[np.int64]

ROWS: Final = (30, 2_000)
METRICS: Final = (3, 12)
FORGETFUL: Final = 0.7
UNTOUCHED: Final = 1 / 3
MOST_PLANTED: Final = 3
ANY: Final = ("level", "spread", "trend", "distribution")


class Change(Struct, frozen=True):
    """A planted change: which forms of transition are true of it, and its first row."""

    metric: str
    row: int
    forms: tuple[str, ...]


class Relation(Struct, frozen=True):
    """A planted law: coefficients, or exponents, by term; and the row from which it is broken."""

    form: str
    terms: dict[str, float]
    broke_at: int | None = None


class Mixed(Struct):
    """A window in the making, and what is true of it.

    Parameters
    ----------
    columns
        Values by metric.
    unit
        Standard deviation of each metric's noise.
    sources
        The random sources that each metric is made of, and the rows it is behind each.
    changes, relations
        What was planted of them.
    wanders
        Metrics that return to no level: walks, trends, strongly autoregressive ones.
    steady
        Metrics that were made near-constant.
    skewed
        Metrics of which a change of spread is one of level, too.
    partitions
        Labels of rows, for each way in which tasks were divided.
    """

    columns: dict[str, Values]
    unit: dict[str, float]
    sources: dict[str, set[tuple[str, int]]]
    changes: list[Change]
    relations: list[Relation]
    wanders: set[str]
    steady: set[str]
    skewed: set[str]
    partitions: list[Labels]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(next(iter(self.columns.values())))


def draw_window(rng: Rng) -> Mixed:
    """Draw one window of the mix."""
    n = int(np.exp(rng.uniform(*np.log(ROWS))))
    names = [f"m{number:02d}" for number in range(rng.integers(METRICS[0], METRICS[1] + 1))]
    window = Mixed({}, {}, {name: {(name, 0)} for name in names}, [], [], set(), set(), set(), [])
    for name in names:
        noise, skewed = _noise(rng, n)
        level, unit = _level(rng), float(10 ** rng.uniform(-2, 3))
        whole = _whole(noise)
        unit = 1.0 if whole else unit
        window.columns[name] = noise if whole else unit * (noise + level)
        window.unit[name] = unit * max(float(np.std(noise)), 0.3)
        if skewed:
            window.skewed.add(name)
    texture = rng.choice([None, *TEXTURES], p=[0.6, 0.12, 0.12, 0.08, 0.08])
    if texture is not None:
        texture(window, rng)
    if rng.random() >= UNTOUCHED:
        kinds = rng.integers(len(PLANTS), size=rng.integers(1, MOST_PLANTED + 1))
        for kind in sorted(kinds.tolist()):
            PLANTS[kind](window, rng)
    return window


def _noise(rng: Rng, n: int) -> tuple[Values, bool]:
    family = rng.integers(5)
    if family == 0:
        return rng.normal(size=n), False
    if family == 1:
        values = rng.lognormal(0, rng.uniform(0.3, 1), n)
        return (values - values.mean()) / values.std(), True
    if family == 2:
        return rng.standard_t(3, n) / 3**0.5, False
    if family == 3:
        return rng.uniform(-1.7, 1.7, n), False
    return rng.poisson(rng.choice([0.5, 3, 20, 500]), n).astype(np.float64), True


def _level(rng: Rng) -> float:
    """Draw a mean, in standard deviations: none, or such that they vary by about .3 of it."""
    return 0.0 if rng.random() < 0.2 else float(1 / (0.3 * rng.lognormal()))


def autoregressive(window: Mixed, rng: Rng) -> None:
    """Make all metrics autoregressive."""
    coefficient = rng.uniform(0.2, 0.9)
    for name in window.columns:
        noise = signal.lfilter([1], [1, -coefficient], rng.normal(size=window.rows + 100))[100:]
        _put(window, name, noise * (1 - coefficient**2) ** 0.5)
        if coefficient > FORGETFUL:
            window.wanders.add(name)


def season(window: Mixed, rng: Rng) -> None:
    """Add a wave to all metrics, at least three times in the window."""
    n = window.rows
    period, common = rng.uniform(5, n / 3), rng.random() < 0.5
    phase = rng.uniform(0, 7)
    for name in window.columns:
        phase = phase if common else rng.uniform(0, 7)
        wave = np.sin(2 * np.pi * np.arange(n) / period + phase)
        _smooth(window, rng, name)
        window.columns[name] = window.columns[name] + rng.uniform(0.3, 3) * window.unit[name] * wave


def trend(window: Mixed, rng: Rng) -> None:
    """Let some metrics, or all, rise or fall all along."""
    for name in _share(window, rng):
        _smooth(window, rng, name)
        slope = rng.uniform(0.5, 6) * rng.choice([-1, 1]) * window.unit[name]
        window.columns[name] = window.columns[name] + slope * np.linspace(0, 1, window.rows)
        window.wanders.add(name)


def walks(window: Mixed, rng: Rng) -> None:
    """Make some metrics, or all, random walks."""
    for name in _share(window, rng):
        _put(window, name, np.cumsum(rng.normal(size=window.rows)))
        window.wanders.add(name)


def _share(window: Mixed, rng: Rng) -> list[str]:
    share = rng.choice([0.3, 1.0])
    return [name for name in window.columns if rng.random() < share]


def _smooth(window: Mixed, rng: Rng, name: str) -> None:
    """Give a metric of whole numbers normal noise: what is added to it would stand out of ties."""
    if _whole(window.columns[name]):
        _put(window, name, rng.normal(size=window.rows))


def _whole(values: Values) -> bool:
    return bool((values == np.round(values)).all())


def _put(window: Mixed, name: str, noise: Values) -> None:
    """Replace a metric's noise by another of the same unit."""
    window.columns[name] = window.columns[name].mean() + window.unit[name] * noise
    window.skewed.discard(name)


def groups(window: Mixed, rng: Rng) -> None:
    """Divide tasks into groups that differ in some metrics."""
    n, names = window.rows, _some(window, rng, 2, len(window.columns), wandering=False)
    if len(names) < 2:
        return
    count, distance = int(rng.integers(2, 5)), rng.uniform(2, 8)
    centres, labels = rng.normal(size=(count, len(names))), rng.integers(count, size=n)
    centres *= distance / float(pdist(centres).min())
    for column, name in enumerate(names):
        values, away = window.columns[name], window.unit[name] * centres[labels, column]
        window.columns[name] = values + (np.round(away) if _whole(values) else away)
        window.sources[name] = window.sources[name] | {(f"groups {len(window.partitions)}", 0)}
    window.partitions.append(labels)


def correlation(window: Mixed, rng: Rng) -> None:
    """Make a metric, or two, of another one."""
    x, y, z = (*_some(window, rng, 3, 3),)
    form, rho = rng.integers(5), rng.uniform(0.2, 0.99)
    z_score = (window.columns[x] - window.columns[x].mean()) / window.unit[x]
    if form == 0:
        _relate(window, rng, x, y, z_score, rho)
    elif form == 1:
        _relate(window, rng, x, y, np.exp(np.clip(z_score, -6, 6)), rho)
    elif form == 2:
        _relate(window, rng, x, y, z_score**2, rho)
    elif form == 3:
        lag = int(rng.integers(1, min(10, window.rows // 10) + 1))
        late = np.concatenate([rng.permutation(z_score)[:lag], z_score[:-lag]])
        _relate(window, rng, x, y, late, rho, lag)
    else:
        _relate(window, rng, x, y, z_score, rho)
        _relate(window, rng, x, z, z_score, rho)


def _relate(
    window: Mixed, rng: Rng, x: str, y: str, made: Values, rho: float, lag: int = 0
) -> None:
    """Make y of something made of x, and of its own noise."""
    _smooth(window, rng, y)
    own = (window.columns[y] - window.columns[y].mean()) / window.unit[y]
    made = (made - made.mean()) / max(float(made.std()), 1e-9)
    own = own / max(float(own.std()), 1e-9)
    mixed = rho * made + (1 - rho**2) ** 0.5 * own
    window.columns[y] = window.columns[y].mean() + window.unit[y] * mixed
    window.sources[y] = window.sources[y] | {(source, d + lag) for source, d in window.sources[x]}
    window.wanders |= {y} if x in window.wanders else set()


def change(window: Mixed, rng: Rng) -> None:
    """Change a metric, or the level of several, from somewhere on."""
    n = window.rows
    at = int(rng.integers(n // 10, n - n // 10))
    kind = rng.choice(["level", "pulse", "common", "spread", "trend", "distribution"])
    if kind in ("level", "pulse", "common"):
        most = len(window.columns) if kind == "common" else 1
        stop = n if kind != "pulse" else int(min(n, at + rng.integers(3, n)))
        _step(window, rng, _some(window, rng, 1, most), at, stop)
        return
    names = _some(window, rng, 1, 1, wandering=False)
    if not names:
        return
    name = names[0]
    values, unit = window.columns[name].copy(), window.unit[name]
    mean = values.mean()
    if kind == "spread":
        ratio = float(np.exp(rng.uniform(0.2, 1.8) * rng.choice([-1, 1])))
        values[at:] = mean + (values[at:] - mean) * ratio
    elif kind == "trend":
        values[at:] += rng.uniform(0.3, 8) * rng.choice([-1, 1]) * unit * np.linspace(0, 1, n - at)
    else:
        shapes = [rng.exponential(size=n) - 1, rng.choice([-1.0, 1.0], n), rng.standard_t(2.5, n)]
        values[at:] = mean + unit * shapes[rng.integers(3)][at:]
    window.columns[name] = values
    forms: dict[str, tuple[str, ...]] = {
        "spread": ("spread", "distribution"),
        "trend": ("trend", "distribution"),
        "distribution": ("distribution", "spread"),
    }
    extra = ("level",) if name in window.skewed and kind != "trend" else ()
    window.changes.append(Change(name, at, forms[kind] + extra))


def _step(window: Mixed, rng: Rng, names: list[str], at: int, stop: int) -> None:
    inside = (np.arange(window.rows) >= at) & (np.arange(window.rows) < stop)
    for name in names:
        size = np.exp(rng.uniform(*np.log([0.2, 5.0]))) * rng.choice([-1, 1]) * window.unit[name]
        values = window.columns[name]
        size = np.round(size) if _whole(values) else size
        if size == 0:
            continue
        window.columns[name] = values + size * inside
        for row in (at, stop):
            if 0 < row < window.rows:
                window.changes.append(Change(name, row, ("level", "distribution")))
    window.partitions.append(inside.astype(np.int64))


LAWS: Final[tuple[str, ...]] = (
    "sum",
    "twice",
    "broken sum",
    "total",
    "product",
    "power",
    "almost sum",
    "almost product",
)


def law(window: Mixed, rng: Rng) -> None:
    """Let a metric follow from two others, or nearly."""
    some = _some(window, rng, 3, 3, wandering=False)
    if len(some) < 3:
        return
    a, b, y = some
    n, name = window.rows, str(rng.choice(LAWS))
    first, second = (_terms(window, rng, metric) for metric in (a, b))
    noise, broke = rng.normal(size=n), None
    if name in ("sum", "twice", "broken sum", "almost sum"):
        weight = 2.0 if name == "twice" else 1.0
        made = first + weight * second
        if name == "broken sum":
            broke = int(rng.integers(n // 2, n - n // 10))
            made = made + (np.arange(n) >= broke) * rng.integers(1, 9, n)
        elif name == "almost sum":
            made = made + rng.integers(-3, 4, n)
        elif rng.random() < 0.5:
            made = made + (rng.random(n) < rng.uniform(0, 0.1)) * rng.integers(1, 50, n)
        terms, form = {a: 1.0, b: weight, y: -1.0}, "linear"
    elif name == "total":
        made = np.cumsum(first - second)
        terms, form = {y: 1.0, f"{y}[-1]": -1.0, a: -1.0, b: 1.0}, "linear"
        window.wanders.add(y)
    else:
        p, q = {"power": (1.5, -0.5)}.get(name, (1.0, 1.0))
        made = first**p * second**q
        made = made * np.exp(rng.choice([0, 0.003, 0.01, 0.05]) * noise)
        if name == "almost product":
            made = made + rng.uniform(0.1, 1) * np.median(made) * rng.random(n)
        made = np.array([float(f"{value:.5g}") for value in made])
        terms, form = {a: p, b: q, y: -1.0}, "power"
    _derive(window, y, (a, b), made)
    if not name.startswith("almost"):
        window.relations.append(Relation(form, terms, broke))
        if broke is not None:
            window.changes.append(Change(y, broke, ANY))


def _terms(window: Mixed, rng: Rng, name: str) -> Values:
    """Make a metric positive: whole numbers, or numbers with a few decimals."""
    window.steady.discard(name)
    values = window.columns[name]
    spread = max(float(values.std()), 1e-9)
    low, size = float(values.min()), float(rng.choice([3, 30, 300]))
    made = np.round(size * (values - low) / spread) + 1
    window.columns[name], window.unit[name] = made, float(made.std())
    return made


def _derive(window: Mixed, y: str, parents: tuple[str, ...], made: Values) -> None:
    """Put a metric that is made of others: what changes in them changes in it, in any form."""
    window.columns[y], window.unit[y] = made, float(made.std())
    window.changes = [c for c in window.changes if c.metric != y]
    window.sources[y] = {source for name in parents for source in window.sources[name]}
    window.changes += [Change(y, c.row, ANY) for c in window.changes if c.metric in parents]
    if any(name in window.wanders for name in parents):
        window.wanders.add(y)
    window.steady.discard(y)


def steady(window: Mixed, rng: Rng) -> None:
    """Make a metric near-constant."""
    (name,) = _some(window, rng, 1, 1)
    variation, level = np.exp(rng.uniform(*np.log([3e-4, 0.05]))), 10 ** rng.uniform(0, 4)
    values = level * (1 + variation * rng.normal(size=window.rows))
    window.columns[name] = np.round(values, 4)
    window.unit[name] = level * variation
    window.sources[name] = {(f"steady {name}", 0)}
    window.changes = [c for c in window.changes if c.metric != name]
    window.wanders.discard(name)
    window.steady.add(name)


def _some(window: Mixed, rng: Rng, least: int, most: int, *, wandering: bool = True) -> list[str]:
    """Choose metrics that no law holds of; fewer than the least where there are not so many."""
    lawful = {term for one in window.relations for term in one.terms}
    names = [name for name in window.columns if name not in lawful]
    names = [name for name in names if wandering or name not in window.wanders]
    count = int(rng.integers(least, max(least, min(most, len(names))) + 1))
    return [names[place] for place in rng.permutation(len(names))[:count]]


TEXTURES: Final[tuple[Callable[[Mixed, Rng], None], ...]] = (
    autoregressive,
    season,
    trend,
    walks,
)
PLANTS: Final[tuple[Callable[[Mixed, Rng], None], ...]] = (
    groups,
    correlation,
    change,
    steady,
    law,
)
"""In the order in which they are planted, so that none undoes what another one did."""
