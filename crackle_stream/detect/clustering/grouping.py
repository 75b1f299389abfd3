"""Rows of a window divided into groups, and the rule by which any further row joins them."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from crackle_stream.detect.clustering.cells import cells
from crackle_stream.detect.clustering.division import along, divide_clearest
from crackle_stream.detect.clustering.evidence import independent_parts
from crackle_stream.detect.clustering.partition import Partition
from crackle_stream.detect.clustering.scaling import Scale, fit_scale
from crackle_stream.detect.clustering.separation import separations, spacing_within
from crackle_stream.detect.clustering.serial import independent_share
from crackle_stream.stats.quantiles import quantile
from crackle_stream.table import Table

Points = NDArray[np.float64]
Labels = NDArray[np.int64]

MOST_POINTS: Final = 2_048
"""Points that a grouping rests on; trees of more would take memory with their square."""

LEAST_POINTS: Final = 20
"""Fewer points cannot show two groups of five apart."""

_ROUNDS: Final = 40
"""Fixed-point iterations for the base of the dither; each gains a digit or more."""

_COARSE: Final = 1.0
"""Spreads that a usual cell of a coarse metric is wide."""

_OUTSIDE: Final = 3.0
"""A row farther from a group than this many times its members' spacing is noise."""


class Grouping(Struct, frozen=True):
    """Groups of tasks in the space of some metrics.

    Parameters
    ----------
    names
        The metrics; rows that lack one of them belong to no group.
    scales
        Their common scale.
    axes
        Shape (metrics, axes): the directions in the scaled space that were looked at.
    points, labels
        The scaled rows along the axes, in canonical order, and their groups.
    reach
        By group: how far from its nearest member a row still belongs to it.
    p_values
        By group: chance of groups as clear as these where there are none, and of its own border.
    separation
        By group: gap to the nearest other group over the spread within.
    """

    names: tuple[str, ...]
    scales: tuple[Scale, ...]
    axes: Points
    points: Points
    labels: Labels
    reach: tuple[float, ...]
    p_values: tuple[float, ...]
    separation: tuple[float, ...]

    @property
    def groups(self) -> int:
        """How many groups there are; 1 where the points were not divided."""
        return len(self.reach)

    def label(self, table: Table) -> Labels:
        """Give the group of each row: that of the nearest point; -1 for noise and absence."""
        values = table.with_names(self.names).values
        complete = ~np.isnan(values).any(axis=1)
        labels = np.full(len(table), -1, np.int64)
        distance, nearest = cKDTree(self.points).query(
            along(_scaled(values[complete], self.scales), self.axes)
        )
        found = self.labels[nearest]
        inside = (found >= 0) & (distance <= np.append(self.reach, np.inf)[found])
        labels[complete] = np.where(inside, found, -1)
        return labels


def least_p(n: int) -> float:
    """Give the least p-value that so many points may claim.

    The bounds behind it were checked by simulation down to 1e-3; beyond that a tenth for each
    further 20 points is all that is claimed, so that few points never look certain.

    Examples
    --------
    >>> least_p(25), least_p(200) < 1e-9
    (0.001, True)
    """
    return min(1e-3, math.pow(10.0, -n / 20))


def group_rows(table: Table, resolution: dict[str, float]) -> Grouping | None:
    """Divide rows into groups; None where they are too few or no metric has a spread.

    Neither the order of the rows nor the metrics' units matter: the points are put in canonical
    order before anything else, and every step after that is deterministic.

    Parameters
    ----------
    table
        Complete rows.
    resolution
        By metric: the step its values are rounded to.
    """
    if len(table) < LEAST_POINTS:
        return None
    fitted = {name: fit_scale(table.column(name)) for name in table.names}
    scales = {name: scale for name, scale in fitted.items() if scale is not None}
    if not scales:
        return None
    names = tuple(scales)
    rows = table.with_names(names)
    points = _scaled(rows.values, tuple(scales.values()))
    chosen = np.lexsort(points.T[::-1])[evenly(len(points))]
    spread = _dither(rows.values[chosen], names, resolution, tuple(scales.values()))
    axes, partition = divide_clearest(spread)
    p_value = max(partition.p_value, _doubt(rows, scales, chosen, resolution, partition))
    points, spread = along(points[chosen], axes), along(spread, axes)
    share = independent_share(points, partition.labels, rows.rows[chosen])
    p_value = max(p_value**share, least_p(len(table)))
    partition = independent_parts(spread, partition, rows.rows[chosen])
    labels, reach = _settle(points, partition)
    return Grouping(
        names=names,
        scales=tuple(scales.values()),
        axes=axes,
        points=points,
        labels=labels,
        reach=reach,
        p_values=tuple(max(p_value, chance) for chance in partition.chances),
        separation=separations(spread, partition),
    )


def _doubt(
    rows: Table,
    scales: dict[str, Scale],
    chosen: NDArray[np.intp],
    resolution: dict[str, float],
    partition: Partition,
) -> float:
    """Give the p-value of a division that doubts its scales, and of one without coarse metrics.

    Metrics that may have a long tail are in logarithms. A metric of few values is coarse; where
    another goes with it the steps between values are valleys, which its cells do not fill.
    """
    if partition.groups == 1:
        return 0.0
    fine = _divided_by_fine(rows, scales, chosen, resolution)
    doubtful = {name: fit_scale(rows.column(name), doubtful=True) for name in scales}
    if doubtful == scales:
        return fine
    fitted = tuple(doubtful[name] or scale for name, scale in scales.items())
    spread = _dither(rows.values[chosen], rows.names, resolution, fitted)
    return max(fine, divide_clearest(spread)[1].p_value)


def _divided_by_fine(
    rows: Table,
    scales: dict[str, Scale],
    chosen: NDArray[np.intp],
    resolution: dict[str, float],
) -> float:
    bounds = _bounds(rows.values[chosen], rows.names, resolution, tuple(scales.values()))
    fine = np.median(bounds[1] - bounds[0], axis=0) < _COARSE
    if fine.all() or not fine.any():
        return 0.0
    names = tuple(name for name, kept in zip(rows.names, fine, strict=True) if kept)
    values = rows.with_names(names).values[chosen]
    spread = _dither(values, names, resolution, tuple(scales[name] for name in names))
    return divide_clearest(spread)[1].p_value


def _scaled(values: Points, scales: tuple[Scale, ...]) -> Points:
    columns = [scale.apply(values[:, column]) for column, scale in enumerate(scales)]
    return np.column_stack(columns)


def evenly(n: int) -> NDArray[np.intp]:
    """Choose at most `MOST_POINTS` of n places, as far apart as each other."""
    count = min(n, MOST_POINTS)
    return (np.arange(count) * n // count).astype(np.intp)


def _dither(
    values: Points, names: tuple[str, ...], resolution: dict[str, float], scales: tuple[Scale, ...]
) -> Points:
    """Scale values, each spread evenly over its cell (`cells`), so that no steps are valleys.

    It is the cell on the common scale that they are spread over: the logarithm of an even spread
    would rise from each value to the next.

    The shifts are a low-discrepancy sequence along the canonical order, so they depend on
    nothing but the rows: multiples of the powers of 1 / b, where b ** (d + 1) = b + 1 (Roberts,
    The unreasonable effectiveness of quasirandom sequences, 2018).
    """
    base = 2.0
    for _ in range(_ROUNDS):
        base = (1 + base) ** (1 / (len(names) + 1))
    strides = np.power(base, -np.arange(1.0, len(names) + 1))
    shares = np.outer(np.arange(1.0, len(values) + 1), strides) % 1.0
    low, high = _bounds(values, names, resolution, scales)
    dithered: Points = low + shares * (high - low)
    return dithered


def _bounds(
    values: Points, names: tuple[str, ...], resolution: dict[str, float], scales: tuple[Scale, ...]
) -> tuple[Points, Points]:
    """Give the lower and upper ends of the values' cells, scaled."""
    steps = (resolution.get(name, 0.0) for name in names)
    bounds = [cells(column, step) for column, step in zip(values.T, steps, strict=True)]
    low, high = (_scaled(np.column_stack(side), scales) for side in zip(*bounds, strict=True))
    return low, high


def _settle(points: Points, partition: Partition) -> tuple[Labels, tuple[float, ...]]:
    """Give how far each group reaches, and the labels with points beyond that as noise."""
    labels, reach = partition.labels.copy(), []
    for group in range(partition.groups):
        members = np.flatnonzero(partition.labels == group)
        spacing = spacing_within(points, members)
        reach.append(_OUTSIDE * quantile(spacing, 0.9))
        labels[members[spacing > reach[-1]]] = -1
    return labels, tuple(reach)
