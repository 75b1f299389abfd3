"""Whether groups follow one another in time instead of taking turns, and where they change."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Places = NDArray[np.intp]

_EXPLAINED: Final = 0.9
"""Least share of each group's tasks in its own stretches, and of those stretches' tasks that are
its own."""


def find_borders(labels: Labels, least: int) -> Places | None:
    """Give where the next group takes over, if each group is made up of stretches of tasks.

    The groups' most likely order is the sequence of groups that disagrees with the fewest tasks,
    a change costing as much as half of `least` disagreements (a Potts model, solved exactly by
    Viterbi's recursion). It explains the groups if hardly a task of any group lies outside of
    that group's stretches and hardly another within them; kinds of task that take turns are not
    explained by any order, nor is a rare kind among others.

    Parameters
    ----------
    labels
        Group of each task, in order; none is noise.
    least
        Number of tasks that a stretch is worth.

    Returns
    -------
    ndarray or None
        Places in `labels` at which stretches begin, but for the first.

    References
    ----------
    A. J. Viterbi, Error bounds for convolutional codes, 1967. R. B. Potts, Some generalized
    order-disorder transformations, 1952.

    Examples
    --------
    >>> find_borders(np.array([0] * 20 + [1] * 30), 5).tolist()
    [20]
    >>> find_borders(np.array([0, 1] * 25), 5) is None
    True
    """
    order = likely_order(labels, least / 2)
    agree = np.bincount(labels[order == labels], minlength=int(labels.max()) + 1)
    within = np.bincount(order, minlength=len(agree))
    most = np.maximum(np.bincount(labels, minlength=len(agree)), within)
    if np.any(agree < _EXPLAINED * most):
        return None
    return np.flatnonzero(np.diff(order)) + 1


def likely_order(labels: Labels, price: float) -> Labels:
    """Give the sequence of groups with the least disagreements plus price times changes."""
    groups = int(labels.max()) + 1
    cost = np.zeros(groups)
    came_from = np.empty((len(labels), groups), np.int64)
    stay = np.arange(groups)
    for place, label in enumerate(labels.tolist()):
        cheapest = int(cost.argmin())
        switch = cost[cheapest] + price < cost
        came_from[place] = np.where(switch, cheapest, stay)
        cost = np.where(switch, cost[cheapest] + price, cost) + 1.0
        cost[label] -= 1.0
    order = np.empty(len(labels), np.int64)
    state = int(cost.argmin())
    for place in range(len(labels) - 1, -1, -1):
        order[place] = state
        state = int(came_from[place, state])
    return order
