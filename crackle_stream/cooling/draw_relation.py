"""What plots of two metrics show: tasks in their plane."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.cooling.opened import Opened
from crackle_stream.cooling.picture import (
    ScatterPicture,
)
from crackle_stream.detect.clustering.clusters import assign_clusters
from crackle_stream.detect.correlation.pairs import separate_runs
from crackle_stream.detect.correlation.rank_correlation import aligned
from crackle_stream.detect.ranks import rank_scores
from crackle_stream.detect.residual import difference_counters, residual_table
from crackle_stream.detect.view import view_table
from crackle_stream.pattern import (
    ClusteringPattern,
    CorrelationPattern,
)

POINTS: Final = 2_000
"""Most points of a scatter."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def pair_picture(opened: Opened, pattern: CorrelationPattern, *, raw: bool) -> ScatterPicture:
    """Show the residuals that were looked at, as ranks where ranks are what is close."""
    sample, quantity = opened.view.sample, "values"
    if not raw:
        left = residual_table(sample, opened.phases.changes, opened.roles)
        sample = separate_runs(left)
        quantity = "residuals"
    values = sample.with_names(pattern.subject).values
    if pattern.form != "linear":
        values, quantity = rank_scores(values), f"ranks of {quantity}"
    _, x, y = aligned(values, 0, 1, pattern.lag)
    chosen = _evenly(len(x), POINTS)
    return ScatterPicture(
        across=pattern.subject[0],
        up=pattern.subject[1],
        quantity=quantity,
        x=tuple(x[chosen].tolist()),
        y=tuple(y[chosen].tolist()),
        lag=pattern.lag,
    )


def group_picture(opened: Opened, pattern: ClusteringPattern, *, raw: bool) -> ScatterPicture:
    """Show members and others in the two metrics that tell this group apart best."""
    view = opened.view
    table, mine = view.sample, np.array(pattern.members or (), np.int64)
    if not raw:
        table = difference_counters(view.sample, opened.roles)
        whole = view_table(view.sample, view.group)
        found = assign_clusters(whole, opened.roles, opened.phases)
        parts = [some.positions for some in found if some.id == pattern.id]
        mine = np.concatenate(parts) if parts else np.empty(0, np.int64)
    table = table.with_names(pattern.subject)
    table = table.take(np.flatnonzero(~np.isnan(table.values).any(axis=1)))
    members = np.isin(table.positions, mine)
    across, up = telling_pair(table.values, members)
    chosen = _evenly(len(table), POINTS)
    # A group of few is shown whole.
    chosen = np.union1d(chosen, np.flatnonzero(members)[:POINTS])
    return ScatterPicture(
        across=table.names[across],
        up=table.names[up],
        quantity="values",
        x=tuple(table.values[chosen, across].tolist()),
        y=tuple(table.values[chosen, up].tolist()),
        members=tuple(members[chosen].tolist()),
    )


def telling_pair(values: Floats, members: NDArray[np.bool_]) -> tuple[int, int]:
    """Choose two columns in which the fewest others lie where most members do.

    That is between the 5 % and 95 % quantiles of members in both; of pairs that are equally good
    the first is taken. With one column it is taken twice.

    Examples
    --------
    >>> values = np.array([[1.0, 5.0, 1.0], [1.0, 5.0, 2.0], [1.0, 7.0, 8.0], [3.0, 5.0, 9.0]])
    >>> telling_pair(values, np.array([True, True, False, False]))
    (0, 1)
    """
    if values.shape[1] == 1 or not members.any():
        return 0, values.shape[1] - 1 and 1
    low, high = np.quantile(values[members], (0.05, 0.95), axis=0)
    within = ((values >= low) & (values <= high))[~members].astype(np.float64)
    both = np.einsum("ti,tj->ij", within, within)
    both[np.tril_indices(len(both))] = np.inf
    first, second = np.unravel_index(int(np.argmin(both)), both.shape)
    return int(first), int(second)


def _evenly(n: int, most: int) -> NDArray[np.intp]:
    count = min(n, most)
    return (np.arange(count) * n // max(count, 1)).astype(np.intp)
