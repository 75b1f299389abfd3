"""An equation between metrics: its columns, its residuals, and the stretch it holds on."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.detect.resolution import Rounding, tidy
from crackle_stream.table import Table

Values: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

_FLOAT: Final = 4 * float(np.finfo(float).eps)
"""Relative error of a value that went through one or two float operations."""

_FINE: Final = 0.02
"""Most of a value that half a rounding step may be for its logarithm to be worth comparing."""

PREVIOUS: Final = "[-1]"
"""Suffix of the column that holds a metric's value in the row before."""

_SUREST: Final = 1e-100
"""Least part of the widest slack that a row counts with: of a zero that was rounded relative to
its size it is none at all, and its weight no number."""

_BAND: Final = 3.0
"""Standard deviations of its noise within which a row keeps an approximate law."""


class Columns(Struct, frozen=True):
    """What terms of laws are taken from.

    Parameters
    ----------
    names
        Metrics, then the same with `PREVIOUS`; of logarithms the metrics alone.
    values
        float64 of shape (rows, columns); NaN where absent. Metrics, or their logarithms.
    half
        Half of each column's rounding step, in the metric's own unit.
    share
        Half of its relative rounding step, where that is how it was rounded (then `half` is 0).
    logs
        Whether `values` are logarithms.
    """

    names: tuple[str, ...]
    values: Values
    half: Values
    share: Values
    logs: bool

    def place(self, name: str) -> int:
        """Give the index of a column."""
        return self.names.index(name)


class Law(Struct, frozen=True):
    """A weighted sum of columns that is the same in every row.

    Parameters
    ----------
    places, weights
        Columns, and their coefficients (of logarithms: exponents).
    rounded
        Whether each value may be off by half a step of its rounding; else a float's error only.
    noise
        Standard deviation of the sum beyond that, for laws that hold but approximately.
    added
        Those of the places that were found by themselves, to complete a law of the others.
    """

    places: tuple[int, ...]
    weights: tuple[float, ...]
    rounded: bool = False
    noise: float = 0.0
    added: tuple[int, ...] = ()

    def vector(self, columns: int) -> Values:
        """Give the coefficients of all columns."""
        full = np.zeros(columns)
        full[list(self.places)] = self.weights
        return full


class Residuals(Struct, frozen=True):
    """A law's sum in each row that has all of its terms.

    Parameters
    ----------
    rows
        Indices of those rows.
    sums
        The weighted sums.
    slack
        By how much rounding may move each.
    """

    rows: NDArray[np.intp]
    sums: Values
    slack: Values


class Kept(Struct, frozen=True):
    """Which rows keep a law, and around which value.

    Parameters
    ----------
    found
        Its residuals.
    constant
        The value that is conserved, in as few digits as it is sure of.
    said
        The same, in a unit people read: of logarithms its exponential.
    holds
        Whether each of those rows keeps it.
    """

    found: Residuals
    constant: float
    said: float
    holds: Mask


def medians(values: Values) -> Values:
    """Give the median of each column's values; NaN where it has none."""
    if len(values) == 0:
        return np.full(values.shape[1], np.nan)
    ordered = np.sort(values, axis=0)  # what is absent comes last
    counts = (~np.isnan(values)).sum(axis=0)
    middle = np.stack([np.maximum(counts - 1, 0) // 2, counts // 2])
    return np.asarray(np.take_along_axis(ordered, middle, axis=0).mean(axis=0))


def metric_of(column: str) -> str:
    """Give the metric that a column is about."""
    return column.removesuffix(PREVIOUS)


def level_columns(table: Table, names: tuple[str, ...], rounding: Rounding) -> Columns:
    """Give metrics and their values in the row before (absent where that row is not at hand)."""
    values = table.with_names(names).values
    before = np.full_like(values, np.nan)
    follows = np.flatnonzero(np.diff(table.rows) == 1) + 1
    before[follows] = values[follows - 1]
    half, share = (np.tile(each, 2) for each in _halves(names, rounding))
    previous = tuple(name + PREVIOUS for name in names)
    return Columns(names + previous, np.hstack([values, before]), half, share, False)


def log_columns(table: Table, names: tuple[str, ...], rounding: Rounding) -> Columns:
    """Give the natural logarithms of metrics; zero and less is absent.

    Numbers that are small against their rounding step count as exact: they are counts, or too
    coarse to say anything within their rounding.
    """
    values = table.with_names(names).values
    logs = np.log(np.where(values > 0, values, np.nan))
    half, share = _halves(names, rounding)
    fine = half <= _FINE * np.exp(medians(logs))
    return Columns(names, logs, np.where(fine, half, 0.0), share, True)


def _halves(names: tuple[str, ...], rounding: Rounding) -> tuple[Values, Values]:
    share = np.array([rounding.share[name] / 2 for name in names])
    half = np.array([rounding.step[name] / 2 for name in names])
    return np.where(share > 0, 0.0, half), share


def residuals(columns: Columns, law: Law) -> Residuals:
    """Evaluate a law in all rows that have its terms."""
    terms = columns.values[:, law.places]
    rows = np.flatnonzero(~np.isnan(terms).any(axis=1))
    terms = terms[rows]
    weights = np.array(law.weights)
    slack = np.abs(weights) * slack_of(columns, law.places, terms, rounded=law.rounded)
    return Residuals(rows, (terms * weights).sum(axis=1), slack.sum(axis=1) + _BAND * law.noise)


def slack_of(
    columns: Columns, places: tuple[int, ...] | NDArray[np.intp], terms: Values, *, rounded: bool
) -> Values:
    """Give how far each term may lie from the true value: float error, and half a step."""
    places = np.asarray(places)
    slack = _FLOAT * (1 + np.abs(terms) if columns.logs else np.abs(terms))
    if rounded:
        error = rounding_errors(columns, places, terms)
        # The logarithm of a value less half a step lies further away than that of one more.
        slack = slack + (-np.log1p(-np.minimum(error, 0.9)) if columns.logs else error)
    return slack


def rounding_errors(columns: Columns, places: NDArray[np.intp], terms: Values) -> Values:
    """Give half a rounding step of each term (of a logarithm, relative to the value)."""
    half, share = columns.half[places], columns.share[places]
    return np.asarray(
        half * np.exp(-terms) + share if columns.logs else half + share * np.abs(terms)
    )


def conserved(found: Residuals) -> tuple[float, float]:
    """Give the interval that the most rows agree on: where most of sum ± slack overlap."""
    starts = np.sort(found.sums - found.slack)
    ends = np.sort(found.sums + found.slack)
    ended = np.searchsorted(ends, starts)
    deepest = int(np.argmax(np.arange(len(starts)) - ended))
    return float(starts[deepest]), float(ends[ended[deepest]])


def _nearer(found: Residuals, low: float, high: float) -> tuple[float, float]:
    """Narrow what rounding leaves open to what the mean of the rows that agree leaves open."""
    agree = np.abs(found.sums - (low + high) / 2) <= found.slack
    widest = found.slack[agree].max(initial=0.0)
    if agree.sum() < 2 or widest == 0:
        return low, high
    weight = np.maximum(found.slack[agree] / widest, _SUREST) ** -2.0
    weight /= weight.sum()
    mean = float(weight @ found.sums[agree])
    error = _BAND * float(np.linalg.norm(weight * (found.sums[agree] - mean)))
    narrow = max(low, mean - error), min(high, mean + error)
    return narrow if narrow[0] < narrow[1] else (low, high)


def keep(columns: Columns, law: Law) -> Kept:
    """Tell the rows that keep a law from those that break it."""
    found = residuals(columns, law)
    if len(found.rows) == 0:
        return Kept(found, 0.0, 0.0, np.zeros(0, bool))
    low, high = conserved(found)
    if law.rounded:
        low, high = _nearer(found, low, high)
    if columns.logs:
        with np.errstate(over="ignore", divide="ignore"):
            # No row keeps a constant that no float can hold.
            said = tidy(float(np.exp(low)), float(np.exp(high)))
            turned = tidy(float(np.exp(-high)), float(np.exp(-low)))
        said = 1 / turned if turned and len(f"{turned:.15g}") < len(f"{said:.15g}") else said
        constant = float(np.log(said))
    else:
        said = constant = tidy(low, high)
    return Kept(found, constant, said, np.abs(found.sums - constant) <= found.slack)
