"""Near-constant metrics: those that vary far less, for their size, than the others do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from msgspec import Struct
from scipy import special

from crackle_stream.detect.conservation.law import Values
from crackle_stream.stats.quantiles import median, sorted_quantiles
from crackle_stream.table import Table

_LOOSEST: Final = 0.5
"""Largest coefficient of variation that any rate calls near-constant."""

_ORDINARY: Final = 0.3
"""What a metric's coefficient of variation is taken to be where there is no other to compare."""

_ONE_VALUE: Final = 0.9
"""Least share of one value in a metric without another to compare: its zero may be arbitrary."""

_MOVED: Final = 1.0
"""Standard deviations between the medians of quarters from which a metric moves, not scatters."""

_QUARTER: Final = 8
"""Least values of a quarter whose median says where it lies."""

_SCATTER: Final = 1.0
"""Least standard deviation of the logarithm of coefficients of variation among metrics of a kind:
a factor of e more or less says nothing."""

_OFFSET: Final = 1e-5
"""Coefficients of variation below this, with values told apart far finer, speak of an offset."""

_CALENDAR: Final = (1900.0, 2100.0)
"""Whole numbers between these that differ are calendar years for all one knows."""

_FINE: Final = 1_000.0
"""Rounding steps in a standard deviation from which variation counts as finely resolved."""

_BAND: Final = 6.0
"""Robust standard deviations beyond which a task is an exception."""

_LEAST_ROWS: Final = 8
"""Fewer values say little of their spread: of three, one that is far off is not seen."""


class Steady(Struct, frozen=True):
    """A metric that is nearly constant.

    Parameters
    ----------
    name
        The metric.
    level, spread
        Median, and robust standard deviation.
    variation
        Robust coefficient of variation.
    noise
        What a third of the distance is beyond which a task is an exception.
    n
        Values looked at.
    p_value
        Under the null that it varies as the other metrics do.
    """

    name: str
    level: float
    spread: float
    variation: float
    noise: float
    n: int
    p_value: float


def find_steady(table: Table, names: tuple[str, ...], step: Mapping[str, float]) -> list[Steady]:
    """Find metrics whose robust coefficient of variation is far below that of the others.

    Spread is the central 90 % of values over that of a normal, at least what rounding alone makes
    of a constant (a step over the root of 12). Null: logarithms of the coefficients of variation
    of a window's metrics are normal around their median, with a standard deviation of at least 1;
    the p-value is the lower tail. Whole numbers are compared with a Poisson count's
    variation where that is less. A metric whose variation is resolved in thousands of rounding
    steps, yet is less than 1e-5 of its level, has an arbitrary zero (an epoch, an altitude), and
    so have calendar years: their level says nothing, and they are left out. So is a metric whose
    quarters of the window lie apart by more than its spread, and, where there is no other metric to
    compare, one that is not nearly always the same.

    Parameters
    ----------
    table
        The rows.
    names
        Metrics to compare.
    step
        Rounding step of each; 0 where none is seen.
    """
    columns = {name: _present(table, name) for name in names}
    columns = {name: values for name, values in columns.items() if len(values) >= _LEAST_ROWS}
    step = {name: _decimal(step[name]) for name in columns}
    spread = {name: _spread(values, step[name]) for name, values in columns.items()}
    level = {name: median(values) for name, values in columns.items()}
    size = {name: spread[name] / abs(level[name]) if level[name] else np.inf for name in columns}
    return [
        Steady(
            name=name,
            level=level[name],
            spread=spread[name],
            variation=size[name],
            noise=_BAND / 3 * spread[name],
            n=len(values),
            p_value=_p_value(size, name, len(values), _counting(level[name], step[name])),
        )
        for name, values in columns.items()
        if 0 < size[name] <= _LOOSEST
        and not _offset(values, size[name], spread[name], step[name])
        and not _moves(values, spread[name])
        and (len(columns) > 1 or np.mean(values == level[name]) >= _ONE_VALUE)
    ]


def _present(table: Table, name: str) -> Values:
    values = table.column(name)
    return values[~np.isnan(values)]


def _decimal(step: float) -> float:
    """Give the decimal place of a step: values that happen to share a factor hide it."""
    return min(10.0 ** float(np.floor(np.log10(step))), 1.0) if step > 0 else 0.0


def _spread(values: Values, step: float) -> float:
    low, high = sorted_quantiles(np.sort(values), (0.05, 0.95))
    rounding = step if step > 0 else float(np.spacing(np.abs(values).max()))
    return max((high - low) / 3.29, rounding / 12**0.5)


def _moves(values: Values, spread: float) -> bool:
    """Whether a metric lies elsewhere in one part of the window than in another."""
    if len(values) < 4 * _QUARTER:
        return False
    middles = [median(part) for part in np.array_split(values, 4)]
    return max(middles) - min(middles) > _MOVED * spread


def _offset(values: Values, variation: float, spread: float, step: float) -> bool:
    """Whether the zero of these numbers is arbitrary, so that their size says nothing."""
    if step == 1 and _CALENDAR[0] <= values.min() and values.max() <= _CALENDAR[1]:
        return True
    finest = step if step > 0 else 16 * float(np.spacing(np.abs(values).max()))
    return variation < _OFFSET and spread > _FINE * finest


def _counting(level: float, step: float) -> float:
    """Give the coefficient of variation of a count of independent events, infinite of others."""
    return abs(level) ** -0.5 if step >= 1 else np.inf


def _p_value(size: Mapping[str, float], name: str, n: int, counting: float) -> float:
    others = np.log([min(size[other], 1e9) for other in size if other != name])
    if len(others) == 0:
        others = np.log([_ORDINARY])
    middle = min(median(others), float(np.log(counting)))
    scatter = 1.4826 * median(np.abs(others - median(others)))
    score = (np.log(size[name]) - middle) / np.sqrt(max(scatter, _SCATTER) ** 2 + 1 / n)
    return float(special.ndtr(score))
