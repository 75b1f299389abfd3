"""Groups found in labelled sets, and in data that has none; scikit-learn's HDBSCAN beside ours.

``python -m tests.bench.clusters [draws]`` prints three tables: adjusted Rand index by set, share
of structureless windows with two or more groups, share of planted mixtures found.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crackle_stream.detect.candidate import Detection
from crackle_stream.detect.clustering.clusters import assign_clusters, find_clusters
from crackle_stream.detect.phase.phases import Phases
from crackle_stream.detect.roles import find_roles
from crackle_stream.detect.view import table_of, view_table

Points = NDArray[np.float64]
Labels = NDArray[np.int64]

SETS = Path(__file__).parent / "data" / "clusters"
LEVEL, SEPARATION = 0.0125, 2.5
"""The gates of one window of one kind at the normal rate."""


def ours(points: Points) -> Labels:
    """Label rows as the detector does; -1 is noise, all -1 where it says nothing."""
    table = table_of({f"m{column:02d}": values for column, values in enumerate(points.T)})
    view = view_table(table)
    roles = find_roles(view)
    phases = Phases(Detection((), 0), {})
    said = [
        candidate.pattern.id
        for candidate in find_clusters(view, roles, phases).candidates
        if candidate.p_value <= LEVEL and candidate.size >= SEPARATION
    ]
    labels = np.full(len(points), -1, np.int64)
    for group in assign_clusters(view, roles, phases):
        if group.id in said:
            labels[group.positions] = said.index(group.id)
    return labels


def hdbscan(points: Points) -> Labels:
    """Label rows as scikit-learn's HDBSCAN does with five in a hundred as the least size."""
    from sklearn.cluster import HDBSCAN

    found: Labels = HDBSCAN(min_cluster_size=max(5, len(points) // 20), copy=True).fit_predict(
        points
    )
    return found


def adjusted_rand(one: Labels, other: Labels) -> float:
    """Compare two labellings (Hubert and Arabie 1985)."""
    one, other = np.unique(one, return_inverse=True)[1], np.unique(other, return_inverse=True)[1]
    counts = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(counts, (one, other), 1)

    def pairs(sizes: Points) -> float:
        return float((sizes * (sizes - 1) / 2).sum())

    rows, columns = pairs(counts.sum(axis=1)), pairs(counts.sum(axis=0))
    chance = rows * columns / pairs(np.array([len(one)]))
    most = (rows + columns) / 2
    return 1.0 if most == chance else (pairs(counts) - chance) / (most - chance)


def structureless() -> Iterator[tuple[str, Callable[[np.random.Generator], Points]]]:
    """Give the kinds of data in which there are no groups."""
    for n, d in ((200, 4), (300, 10), (60, 3), (1000, 4)):
        shape = (n, d)
        yield f"normal {n} x {d}", lambda rng, shape=shape: rng.normal(size=shape)
        yield f"uniform {n} x {d}", lambda rng, shape=shape: rng.uniform(size=shape)
        yield f"lognormal {n} x {d}", lambda rng, shape=shape: rng.lognormal(size=shape)
        yield f"student t3 {n} x {d}", lambda rng, shape=shape: rng.standard_t(3, size=shape)
        yield f"counts {n} x {d}", lambda rng, shape=shape: rng.poisson(6, shape).astype(float)
        yield f"seasons {n} x {d}", lambda rng, shape=shape: _seasons(rng, *shape)
        yield f"trends {n} x {d}", lambda rng, shape=shape: _trends(rng, *shape)
        yield f"random walks {n} x {d}", lambda rng, shape=shape: rng.normal(size=shape).cumsum(0)
        yield f"AR(.7) {n} x {d}", lambda rng, shape=shape: _autoregressive(rng, *shape)


def _seasons(rng: np.random.Generator, n: int, d: int) -> Points:
    phase, period = rng.uniform(0, 2 * np.pi, d), rng.choice([7.0, 12.0, 24.0, 50.0])
    wave = np.sin(2 * np.pi * np.arange(n)[:, None] / period + phase)
    return wave * rng.uniform(1, 5, d) + rng.normal(size=(n, d))


def _trends(rng: np.random.Generator, n: int, d: int) -> Points:
    return np.arange(n)[:, None] / n * rng.uniform(-10, 10, d) + rng.normal(size=(n, d))


def _autoregressive(rng: np.random.Generator, n: int, d: int) -> Points:
    walk = rng.normal(size=(n + 50, d))
    for row in range(1, n + 50):
        walk[row] += 0.7 * walk[row - 1]
    return walk[50:]


def planted() -> Iterator[tuple[str, Callable[[np.random.Generator], tuple[Points, Labels]]]]:
    """Give mixtures of normal groups whose nearest centres are so many deviations apart."""
    for n, d, k, distance, noise in (
        (200, 2, 2, 4, 0), (200, 4, 3, 4, 0), (200, 10, 2, 4, 0), (200, 10, 5, 4, 0),
        (200, 2, 3, 6, 0), (200, 2, 5, 6, 0), (200, 10, 5, 6, 0), (500, 6, 4, 5, 0),
        (200, 2, 2, 6, 10), (300, 2, 3, 6, 10),
    ):  # fmt: skip
        name = f"{k} groups, {distance} sd, {n} x {d}" + (f" + {noise} of noise" if noise else "")
        plan = (n, d, k, distance, noise)
        yield name, lambda rng, plan=plan: _mixture(rng, *plan)


def _mixture(
    rng: np.random.Generator, n: int, d: int, k: int, distance: float, noise: int
) -> tuple[Points, Labels]:
    centers = rng.normal(size=(k, d))
    apart = np.sqrt(np.square(centers[:, None] - centers[None]).sum(axis=2))
    centers *= distance / apart[np.triu_indices(k, 1)].min()
    group = rng.integers(k, size=n)
    points = centers[group] + rng.normal(size=(n, d))
    return np.hstack([points, rng.normal(size=(n, noise))]), group


def _rival(points: Points) -> Labels | None:
    try:
        return hdbscan(points)
    except ImportError:
        return None


def _number(value: float | None) -> str:
    return "      -" if value is None else f"{value:7.3f}"


def labelled() -> Iterator[tuple[str, str, Points, Labels]]:
    """Give the sets that settings were chosen on and, with scikit-learn, sets that were not."""
    for path in sorted(SETS.glob("*.csv")):
        rows = np.loadtxt(path, delimiter=",", skiprows=1)
        yield "development", path.stem, rows[:, :-1], rows[:, -1].astype(np.int64)
    try:
        from sklearn import datasets
    except ImportError:
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


def print_sets() -> None:
    """Print the adjusted Rand index of each labelled set, through the gates of the normal rate."""
    print(f"{'labelled set':36} {'ours':>7} {'hdbscan':>7}")
    scores: dict[str, list[tuple[float, float | None]]] = {}
    for part, name, points, group in labelled():
        rival = _rival(points)
        index = adjusted_rand(ours(points), group)
        pair = (index, None if rival is None else adjusted_rand(rival, group))
        scores.setdefault(part, []).append(pair)
        print(f"{name:36} {_number(pair[0])} {_number(pair[1])}")
    for part, pairs in scores.items():
        rivals = [other for _, other in pairs if other is not None]
        mean = float(np.mean(rivals)) if rivals else None
        print(
            f"mean, {part:30} {_number(float(np.mean([one for one, _ in pairs])))} {_number(mean)}"
        )


def print_structureless(draws: int, seed: int) -> None:
    """Print the share of windows without groups in which groups are said."""
    print(f"\n{'two or more groups in':36} {'ours':>7} {'hdbscan':>7}")
    for name, draw in structureless():
        said, rival = [], []
        for number in range(draws):
            points = draw(np.random.default_rng([seed, number]))
            labels = ours(points)
            said.append(len(np.unique(labels[labels >= 0])) > 1)
            found = _rival(points)
            rival += [] if found is None else [found.max() > 0]
        mean = float(np.mean(rival)) if rival else None
        print(f"{name:36} {_number(float(np.mean(said)))} {_number(mean)}")


def print_planted(draws: int, seed: int) -> None:
    """Print how often planted groups are said, and the mean adjusted Rand index."""
    print(f"\n{'planted':36} {'found':>7} {'index':>7} {'hdbscan':>7}")
    for name, draw in planted():
        found, index, rival = [], [], []
        for number in range(draws):
            points, group = draw(np.random.default_rng([seed, number]))
            labels, other = ours(points), _rival(points)
            found.append(len(np.unique(labels[labels >= 0])) > 1)
            index.append(adjusted_rand(labels, group))
            rival += [] if other is None else [adjusted_rand(other, group)]
        shares = [float(np.mean(found)), float(np.mean(index))]
        shares += [float(np.mean(rival))] if rival else []
        print(f"{name:36} " + " ".join(_number(share) for share in shares))


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print_sets()
    print_structureless(count, seed=7)
    print_planted(count, seed=11)
