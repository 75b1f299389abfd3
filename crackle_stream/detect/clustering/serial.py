"""How much of the evidence for groups is left when neighbours in time resemble each other."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_SHORTEST_SEASON: Final = 4
_EVERY_LAG: Final = 200
_STRIDE: Final = 1.03
_AGREEMENT: Final = 0.3
"""Rise of the membership's agreement with itself that makes a season; what is left of a sharp
one when noise moves a third of the tasks to other groups."""

_LEAST_PAIRS: Final = 20

_DEPENDENT: Final = 0.5
"""Dependence from which a path may be a walk; at .7 within, AR(1) noise comes to .3 or so."""

_LEAP: Final = 4.0
"""Steps between groups over steps within, from which groups are not passed through. A walk that
crosses a line makes 1.8 of it and up to 3 where there are few; groups 3 deviations apart with
neighbours that correlate by .5 make 4.5, and more the more they correlate."""


def independent_share(points: Points, labels: NDArray[np.int64], rows: NDArray[np.int64]) -> float:
    """Give the share of points that count as independent, by serial dependence of order one.

    A random walk or a season visits a region for a while: there, both the group and the place
    within the group go on from task to task. Kinds of tasks that take turns change the group
    at once; kinds that come one after the other keep the place within independent. So the
    autocorrelation that counts is the product of both, and the share is (1 - r) / (1 + r).

    A walk's groups have no sample at all: where dependence is strong and tasks pass from group to
    group by steps such as those within (`crossing`), nothing counts as independent.

    Parameters
    ----------
    points
        Shape (n, metrics).
    labels
        Group of each point; noise (-1) is a group of its own here.
    rows
        Place of each point in analysis order.
    """
    order = np.argsort(rows, kind="stable")
    group = np.unique(labels[order], return_inverse=True)[1]
    sizes = np.bincount(group)
    if len(sizes) < 2:
        return 1.0
    if takes_turns(group, rows[order]):
        return 0.0
    ordered = points[order]
    sums = [np.bincount(group, weights=column) for column in ordered.T]
    centers = np.stack(sums, axis=1) / sizes[:, None]
    staying = _following(group, sizes)
    within = _within(ordered - centers[group], group, centers)
    r = max(0.0, staying) * max(0.0, within)
    if r > _DEPENDENT and crossing(ordered, group, centers) < _LEAP:
        return 0.0
    return (1 - r) / (1 + r)


def staying(labels: NDArray[np.int64], rows: NDArray[np.int64]) -> float:
    """Give how much oftener than by chance a task is in the group of the one before it."""
    group = np.unique(labels[np.argsort(rows, kind="stable")], return_inverse=True)[1]
    return _following(group, np.bincount(group))


def takes_turns(group: NDArray[np.intp], rows: NDArray[np.int64]) -> bool:
    """Tell whether groups come round again after a fixed number of tasks, as in a season.

    Membership then agrees with itself at the period and not at half of it. Cycles shorter than
    `_SHORTEST_SEASON` are not looked for: two or three kinds of task that alternate are kinds.
    """
    sizes = np.bincount(group)
    longest = len(rows) // 2
    line = _in_line(group, rows, longest + 1)
    agreement = np.array([_staying(line, sizes, lag) for lag in _lags(longest)])
    lowest = np.maximum(np.minimum.accumulate(agreement), 0.0)
    rise = agreement - lowest
    short, long = rise[: _SHORTEST_SEASON - 1], rise[_SHORTEST_SEASON - 1 :]
    highest = float(long.max(initial=0.0))
    pairs = len(rows) * len(rows) / len(line)  # at short lags; half as many at the longest
    least = max(_AGREEMENT, 4.5 / float(np.sqrt(pairs)), 1.25 * float(short.max(initial=0.0)))
    return highest > least


def _lags(longest: int) -> list[int]:
    """Give all short lags, and longer ones so close that none of a long wave's tops is missed."""
    lags = list(range(1, min(longest, _EVERY_LAG) + 1))
    while lags and lags[-1] * _STRIDE < longest:
        lags.append(int(lags[-1] * _STRIDE))
    return lags


def _in_line(group: NDArray[np.intp], rows: NDArray[np.int64], widest: int) -> NDArray[np.int32]:
    """Give the group at each place in order, -1 where there is none; wide gaps are cut short."""
    places = np.append(0, np.cumsum(np.minimum(np.diff(rows), widest)))
    line = np.full(int(places[-1]) + 1, -1, np.int32)
    line[places] = group
    return line


def _staying(line: NDArray[np.int32], sizes: NDArray[np.intp], lag: int) -> float:
    """Give how much oftener than by chance a task is in the group of the task `lag` before."""
    later, earlier = line[lag:], line[:-lag]
    there = (later >= 0) & (earlier >= 0)
    pairs = np.count_nonzero(there)
    if pairs < _LEAST_PAIRS:
        return 0.0
    by_chance = float(np.square(sizes / sizes.sum()).sum())
    same = np.count_nonzero(there & (later == earlier))
    return (same / pairs - by_chance) / (1 - by_chance)


def crossing(points: Points, group: NDArray[np.intp], centers: Points) -> float:
    """Give how long steps from group to group are, along the line of both centres, over others.

    Medians of steps between neighbours in time; those within are seen along the same lines.
    """
    steps = np.diff(points, axis=0)
    across = group[1:] != group[:-1]
    variance = np.maximum(np.square(points - centers[group]).mean(axis=0), 1e-18)
    lines = (centers[group[1:]] - centers[group[:-1]])[across] / variance
    lines /= np.maximum(np.sqrt(np.square(lines).sum(axis=1, keepdims=True)), 1e-9)
    if not across.any() or across.all():
        return np.inf
    between = np.median(np.abs((steps[across] * lines).sum(axis=1)))
    within = np.median(np.abs(np.einsum("ij,kj->ik", steps[~across], lines)))
    return float(between / max(float(within), 1e-9))


def _following(group: NDArray[np.intp], sizes: NDArray[np.intp]) -> float:
    by_chance = float(np.square(sizes / len(group)).sum())
    return (float((group[1:] == group[:-1]).mean()) - by_chance) / (1 - by_chance)


def _within(deviations: Points, group: NDArray[np.intp], centers: Points) -> float:
    """Give the mean autocorrelation within groups, metrics weighted by how much they divide."""
    same = group[1:] == group[:-1]
    variance = np.maximum(np.square(deviations).mean(axis=0), 1e-18)
    products = (deviations[1:] * deviations[:-1])[same]
    if len(products) < 2:
        return 0.0
    between = np.square(centers[group] - centers[group].mean(axis=0)).mean(axis=0)
    weights = between / (between + variance)
    return float((weights * products.mean(axis=0) / variance).sum() / weights.sum())
