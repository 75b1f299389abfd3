"""Groups found in labelled sets, and in data that has none; scikit-learn's HDBSCAN beside ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from crackle_stream.detect.clustering.clusters import assign_clusters, find_clusters
from tests.bench import streams
from tests.bench.streams import Draw, Values
from tests.bench.table import Row, print_table
from tests.bench.window import columns_of, said, window_of

Labels: TypeAlias = NDArray[np.int64]

SETS = Path(__file__).parent / "data" / "clusters"
SHAPES = ((60, 4), (120, 4), (200, 4), (300, 10), (1000, 4), (2000, 4))

NULLS: dict[str, Draw] = {
    "normal": streams.normal,
    "uniform": streams.uniform,
    "lognormal": streams.lognormal,
    "student t3": streams.student,
    "counts": streams.poisson(6),
    "seasons": streams.shifted_seasons,
    "trends": streams.trend,
    "random walks": streams.random_walk,
    "AR(.7)": streams.autoregressive,
}


def print_tables(draws: int, seed: int) -> None:
    """Print all tables of groups."""
    print_table("labelled sets: adjusted Rand index", ("ours", "HDBSCAN"), labelled_sets())
    print_table(
        "two or more groups where there are none: share of windows [fresh draws]",
        [f"{n} x {d}" for n, d in SHAPES],
        nulls(draws, seed),
    )
    print_table(
        "planted groups: found, adjusted Rand index [fresh draws]",
        ("found", "index", "HDBSCAN"),
        plants(draws, seed),
    )


def ours(points: Values) -> Labels:
    """Label rows as the detector does; -1 is noise, all -1 where it says nothing."""
    window = window_of(columns_of(points))
    ids = [one.pattern.id for one in said(find_clusters(*window))]
    labels = np.full(len(points), -1, np.int64)
    for group in assign_clusters(*window):
        if group.id in ids:
            labels[group.positions] = ids.index(group.id)
    return labels


def hdbscan(points: Values) -> Labels | None:
    """Label rows as HDBSCAN does with five in a hundred as the least size; None without it."""
    try:
        from sklearn.cluster import HDBSCAN
    except ImportError:
        return None
    least = max(5, len(points) // 20)
    found: Labels = HDBSCAN(min_cluster_size=least, copy=True).fit_predict(points)
    return found


def adjusted_rand(one: Labels, other: Labels) -> float:
    """Compare two labellings (Hubert and Arabie 1985)."""
    one, other = np.unique(one, return_inverse=True)[1], np.unique(other, return_inverse=True)[1]
    counts = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(counts, (one, other), 1)

    def pairs(sizes: Values) -> float:
        return float((sizes * (sizes - 1) / 2).sum())

    rows, columns = pairs(counts.sum(axis=1)), pairs(counts.sum(axis=0))
    chance = rows * columns / pairs(np.array([len(one)]))
    most = (rows + columns) / 2
    return 1.0 if most == chance else (pairs(counts) - chance) / (most - chance)


PLANTED = (
    (200, 2, 2, 4, 0), (200, 4, 3, 4, 0), (200, 10, 2, 4, 0), (200, 10, 5, 4, 0),
    (200, 2, 3, 6, 0), (200, 2, 5, 6, 0), (200, 10, 5, 6, 0), (500, 6, 4, 5, 0),
    (200, 2, 2, 6, 10), (300, 2, 3, 6, 10),
)  # fmt: skip
"""Rows, metrics, groups, deviations between the nearest centres, metrics of noise."""


def mixture(
    n: int, d: int, groups: int, distance: float, noise: int, rng: np.random.Generator
) -> tuple[Values, Labels]:
    """Give points in normal groups, and each one's group."""
    centers = rng.normal(size=(groups, d))
    apart = np.sqrt(np.square(centers[:, None] - centers[None]).sum(axis=2))
    centers *= distance / apart[np.triu_indices(groups, 1)].min()
    group = rng.integers(groups, size=n)
    points = centers[group] + rng.normal(size=(n, d))
    return np.hstack([points, rng.normal(size=(n, noise))]), group


def labelled() -> Iterator[tuple[str, str, Values, Labels]]:
    """Give the sets that settings were chosen on and, with scikit-learn, sets that were not."""
    for path in sorted(SETS.glob("*.csv")):
        rows = np.loadtxt(path, delimiter=",", skiprows=1)
        yield "development", path.stem, rows[:, :-1], rows[:, -1].astype(np.int64)
    try:
        from sklearn import datasets
    except ImportError:
        print("scikit-learn is not installed: no HDBSCAN, no held-out sets")
        return
    blobs = datasets.make_blobs(500, centers=3, cluster_std=[1.0, 2.5, 0.5], random_state=170)
    others = {
        "iris": datasets.load_iris(return_X_y=True),
        "wine": datasets.load_wine(return_X_y=True),
        "moons": datasets.make_moons(500, noise=0.08, random_state=1),
        "circles": datasets.make_circles(500, noise=0.05, factor=0.5, random_state=1),
        "blobs of three widths": blobs,
        "slanted blobs": (blobs[0] @ np.array([[0.6, -0.6], [-0.4, 0.8]]), blobs[1]),
    }
    for name, (points, group) in others.items():
        yield "held out", name, points, group


def labelled_sets() -> Iterator[Row]:
    """Give the adjusted Rand index of each set, through the gates of the normal rate."""
    scores: dict[str, list[list[float]]] = {}
    for part, name, points, group in labelled():
        pair = _indices(group, ours(points), hdbscan(points))
        scores.setdefault(part, []).append(pair)
        yield f"{name} [{part}]", pair
    for part, pairs in scores.items():
        yield f"mean [{part}]", np.mean(pairs, axis=0).tolist()


def nulls(draws: int, seed: int) -> Iterator[Row]:
    """Give the share of windows in which groups are said, by the windows' shape."""
    for name, draw in NULLS.items():
        drawn = [partial(draw, n=n, metrics=d) for n, d in SHAPES]
        for who, label in (("", ours), (", HDBSCAN", hdbscan)):
            yield name + who, [_share(label, one, draws, seed) for one in drawn]


def _share(
    label: Callable[[Values], Labels | None],
    draw: Callable[[np.random.Generator], Values],
    draws: int,
    seed: int,
) -> float | None:
    found = [label(draw(np.random.default_rng([seed, turn]))) for turn in range(draws)]
    hits = [one.max() > 0 for one in found if one is not None]
    return float(np.mean(hits)) if hits else None


def plants(draws: int, seed: int) -> Iterator[Row]:
    """Give how often planted groups are said, and mean adjusted Rand indices."""
    for n, d, groups, distance, noise in PLANTED:
        rows = []
        for turn in range(draws):
            rng = np.random.default_rng([seed, turn])
            points, group = mixture(n, d, groups, distance, noise, rng)
            labels = ours(points)
            rows.append([float(labels.max() > 0), *_indices(group, labels, hdbscan(points))])
        name = f"{groups} groups, {distance} sd, {n} x {d}" + (f" + {noise}" if noise else "")
        yield name, np.mean(rows, axis=0).tolist()


def _indices(group: Labels, *found: Labels | None) -> list[float]:
    return [adjusted_rand(labels, group) for labels in found if labels is not None]
