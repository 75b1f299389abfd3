"""The grid a metric is written on: its own rounding step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.table import Table

_FINEST: Final = 1e13
"""More steps than this between zero and the largest value are the float's own grid, no rounding."""

_PROBE: Final = 24
"""Values looked at first: unrounded metrics are told apart by these alone."""

_POWERS: Final = np.array([10.0**digits for digits in range(13)])
"""The finest grid has 1e12 steps to one."""

_SPACING: Final = 4 * float(np.finfo(float).eps)

_DIGITS: Final = 8
"""Most significant digits that count as rounding; more is about a float's own."""

_SINGLE: Final = 2.0**23
"""Steps from 1 to 2 in single precision."""


def resolution_of(values: NDArray[np.float64]) -> float:
    """Find the step that all values are whole multiples of; 0 where there is none.

    The coarsest power of ten from 1 down to 1e-12 that reproduces every value to a few units in
    the last place, times the greatest common divisor of the multiples. Steps too fine for the
    largest value to be told from a float's own spacing do not count.

    Parameters
    ----------
    values
        Finite values, in any order.

    Examples
    --------
    >>> resolution_of(np.array([1.25, 3.5, 2.0]))
    0.25
    >>> resolution_of(np.array([4096.0, 12288.0]))
    4096.0
    >>> resolution_of(np.array([2.0**0.5, 3.0**0.5]))
    0.0
    """
    if len(values) == 0:
        return 0.0
    largest = float(np.abs(values).max())
    if largest == 0:
        return 0.0
    for power in _POWERS[_fitting(values, _POWERS[:, None])].tolist():
        if largest * power > _FINEST:
            return 0.0
        if _on_grid(values, power):
            multiples = np.rint(values * power).astype(np.int64)
            return float(np.gcd.reduce(multiples) / power)
    return 0.0


class Rounding(Struct, frozen=True):
    """How metrics were rounded, by name.

    Parameters
    ----------
    step
        Distance of the grid all values lie on; 0 where none is seen.
    share
        The same relative to a value, for numbers kept to so many significant digits, or in single
        precision; 0 for others.
    """

    step: Mapping[str, float]
    share: Mapping[str, float]


def rounding_of(table: Table, step: Mapping[str, float]) -> Rounding:
    """Find which metrics are rounded relative to their size rather than on one grid."""
    share = {name: relative_resolution(table.column(name), step[name]) for name in table.names}
    return Rounding(step, share)


def relative_resolution(values: NDArray[np.float64], step: float) -> float:
    """Find the relative rounding step of values; 0 where one grid describes them as well.

    Parameters
    ----------
    values
        NaN and 0 are passed over.
    step
        Their `resolution_of`.

    Examples
    --------
    >>> relative_resolution(np.array([123.0, 1.23, 0.0123, 45.6]), 0.0001)
    0.01
    >>> relative_resolution(np.array([1.25, 3.5, 2.0]), 0.25)
    0.0
    """
    size = np.abs(values[~np.isnan(values) & (values != 0)])
    if (len(size) < _PROBE // 2 and step == 0) or len(size) == 0:
        return 0.0
    multiples = float(size.max()) / step if step > 0 else np.inf
    lead = np.floor(np.log10(size))
    digits = np.arange(2, _DIGITS + 1)
    for enough in digits[_fitting(size, 10.0 ** (digits[:, None] - 1 - lead[:_PROBE]))].tolist():
        if multiples > 10.0**enough and _on_grid(size, 10.0 ** (enough - 1 - lead)):
            return float(10.0 ** (1 - enough))
    if multiples > _SINGLE and bool(np.all(_single(size) == size)):
        return 1 / _SINGLE
    return 0.0


def _fitting(values: NDArray[np.float64], powers: NDArray[np.float64]) -> NDArray[np.intp]:
    """Give which rows of powers make the first values whole: most metrics need no second look."""
    return np.flatnonzero(_whole(values[:_PROBE], powers).all(axis=1))


def tidy(low: float, high: float) -> float:
    """Give the number of fewest digits in an interval.

    Examples
    --------
    >>> tidy(0.0099996, 0.0100001), tidy(-0.1, 0.7)
    (0.01, 0.0)
    """
    if low <= 0 <= high:
        return 0.0
    middle = low + (high - low) / 2
    for digits in range(1, 16):
        rounded = float(f"{middle:.{digits - 1}e}")
        if low <= rounded <= high:
            return rounded
    return middle


def _on_grid(values: NDArray[np.float64], power: float | NDArray[np.float64]) -> bool:
    return bool(_whole(values, power).all())


def _whole(values: NDArray[np.float64], power: float | NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which values are whole numbers once multiplied, to a few units in the last place."""
    away = np.abs(np.rint(values * power) / power - values)
    whole: NDArray[np.bool_] = away <= _SPACING * np.abs(values)
    return whole


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore", under="ignore"):  # beyond it they are no single floats
        return values.astype(np.float32)
