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
    for digits in range(13):
        power = 10.0**digits
        if largest * power > _FINEST:
            return 0.0
        if _on_grid(values[:_PROBE], power) and _on_grid(values, power):
            multiples = np.rint(values * power).astype(np.int64)
            return float(np.gcd.reduce(multiples)) / power
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
    for digits in range(2, _DIGITS + 1):
        if multiples > 10.0**digits and _has_digits(size, lead, digits):
            return 10.0 ** (1 - digits)
    if multiples > _SINGLE and bool(np.all(_single(size) == size)):
        return 1 / _SINGLE
    return 0.0


def _has_digits(size: NDArray[np.float64], lead: NDArray[np.float64], digits: int) -> bool:
    power = 10.0 ** (digits - 1 - lead)
    return _on_grid(size[:_PROBE], power[:_PROBE]) and _on_grid(size, power)


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
    away = np.abs(np.rint(values * power) / power - values)
    return bool(np.all(away <= 4 * np.finfo(float).eps * np.abs(values)))


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore", under="ignore"):  # beyond it they are no single floats
        return values.astype(np.float32)
