"""Points on the border of overlapping groups given to the likelier one, by a fitted mixture."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.detect.clustering.partition import least_size

Points = NDArray[np.float64]
Labels = NDArray[np.int64]

_ROUNDS: Final = 6

_FAR: Final = 3.0
"""Deviations beyond which the density is that of a long tail."""

_ALIKE: Final = 1.5
"""Ratio of the groups' spreads up to which they count as one."""


def sharpen(points: Points, labels: Labels) -> Labels:
    """Move points to the group they are likeliest from, by expectation and maximisation.

    Each group has a centre and a share of the points; the spread in each metric is that of all
    groups, since a wide group would swallow the outliers of others. The density is normal near
    the centre and falls off exponentially farther out (Huber's), as suits long tails. Starting
    from groups that were found, few rounds suffice; the labels stay as they are where a group
    would lose its points, or where some groups are wider than others.

    Parameters
    ----------
    points
        Shape (n, metrics).
    labels
        Group of each point from 0, without noise.

    References
    ----------
    Dempster, Laird, Rubin: Maximum likelihood from incomplete data via the EM algorithm, 1977.
    """
    if labels.max() == 0 or not _alike(points, labels):
        return labels
    weights = np.eye(int(labels.max()) + 1)[labels]
    for _ in range(_ROUNDS):
        weights = _responsibilities(points, weights)
    moved = np.asarray(weights.argmax(axis=1), np.int64)
    kept = np.bincount(moved, minlength=weights.shape[1]).min() >= least_size(len(points))
    return moved if kept else labels


def _alike(points: Points, labels: Labels) -> bool:
    spreads = [points[labels == group].std(axis=0) for group in range(int(labels.max()) + 1)]
    pooled = np.sqrt(np.mean(np.square(spreads), axis=0)) + 1e-9
    sizes = np.sqrt(np.mean(np.square(spreads / pooled), axis=1))
    return bool(sizes.max() <= _ALIKE * sizes.min())


def _responsibilities(points: Points, weights: Points) -> Points:
    sizes = np.maximum(weights.sum(axis=0), 1e-9)
    centers = np.einsum("nk,nd->kd", weights, points) / sizes[:, None]
    away = np.abs(points[:, None, :] - centers)
    away /= np.sqrt(np.einsum("nk,nkd->d", weights, np.square(away)) / len(points) + 1e-18)
    near = np.minimum(away, _FAR)
    odds = np.log(sizes) - np.einsum("nkd,nkd->nk", near, away - near / 2)
    odds = np.exp(odds - odds.max(axis=1, keepdims=True))
    likely: Points = odds / odds.sum(axis=1, keepdims=True)
    return likely
