"""What a change is measured by, against slow and obvious versions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crackle_stream.detect.clustering.division import wide_axes
from crackle_stream.detect.phase.changepoint import Changes
from crackle_stream.detect.phase.effect import (
    location_transitions,
    shape_transitions,
    spread_transitions,
)
from crackle_stream.detect.phase.locate import locate
from crackle_stream.detect.phase.longrun import Products, inflation, innovations, winsorised_std
from crackle_stream.detect.phase.segmentation import Segmentation
from crackle_stream.detect.phase.spread import ScoreChanges, Spread
from crackle_stream.detect.phase.ties import repeated_values
from crackle_stream.detect.phase.transition import Transition
from crackle_stream.detect.view import Series, View, table_of, view_table

SMALL = st.lists(st.integers(0, 6), min_size=1, max_size=20)


@given(SMALL)
def test_repeated_values_are_those_seen_twice_if_they_are_half_of_all(values: list[int]) -> None:
    several = sorted({value for value in values if values.count(value) > 1})
    enough = 2 * sum(value in several for value in values) >= len(values)
    assert repeated_values(np.array(values, float)).tolist() == (several if enough else [])


def changes_of(values: NDArray[np.float64], at: int, sloped: tuple[bool, bool]) -> Changes:
    pieces = Segmentation((0, at, len(values)), sloped)
    left = values - pieces.fit(values)
    return Changes(pieces, (0.001,), values, left, 0.0, 2.0, 10.0)


def lines(values: NDArray[np.float64], at: int, sloped: tuple[bool, bool]) -> list[NDArray]:  # type: ignore[type-arg]
    parts = (np.arange(at), np.arange(at, len(values)))
    return [
        np.polyfit(rows, values[rows], int(slope))
        if slope
        else np.array([0.0, values[rows].mean()])
        for rows, slope in zip(parts, sloped, strict=True)
    ]


@pytest.mark.parametrize("sloped", [(False, False), (True, True), (False, True)])
@pytest.mark.parametrize("seed", range(4))
def test_a_jump_is_measured_between_the_lines_fitted_to_both_sides(
    seed: int, sloped: tuple[bool, bool]
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=60) + 9.0 * (np.arange(60) >= 25)
    before, after = lines(values, 25, sloped)
    (found,) = location_transitions(changes_of(values, 25, sloped), 1.5)
    assert found.form == "level"
    assert found.size == pytest.approx(abs(np.polyval(after, 25) - np.polyval(before, 25)) / 1.5)
    assert found.at == 25
    assert found.low <= 25 <= found.high


@pytest.mark.parametrize("seed", range(4))
def test_a_bend_is_measured_by_what_the_slopes_differ_over_what_follows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = 0.2 * rng.normal(size=80) + np.maximum(np.arange(80) - 40, 0) / 4
    before, after = lines(values, 40, (False, True))
    (found,) = location_transitions(changes_of(values, 40, (False, True)), 0.5)
    assert found.form == "trend"
    assert found.size == pytest.approx(abs(after[0] - before[0]) * 40 / 0.5)
    assert found.low <= 40 <= found.high


def scored(rows: int, at: int) -> ScoreChanges:
    pieces = Segmentation((0, at, rows), (False, False))
    cost = Spread(np.random.default_rng(0).normal(size=rows)).cost
    return ScoreChanges(pieces, (0.001,), cost, (1.0,))


@pytest.mark.parametrize("factor", [0.25, 3.0, 0.0])
def test_a_change_of_spread_is_the_logarithm_of_the_ratio(factor: float) -> None:
    left = np.random.default_rng(1).normal(size=200)
    left[80:] *= factor
    (found,) = spread_transitions(scored(200, 80), left, 2.0)
    one, other = winsorised_std(left[:80]), winsorised_std(left[80:])
    ratio = other / one if factor else 1e-3  # nothing at all counts as a thousandth
    assert found.size == pytest.approx(abs(np.log(ratio)))
    assert found.metrics["spread_ratio"] == pytest.approx(ratio)
    assert found.metrics["spread_before"] == pytest.approx(2 * one)


def test_a_change_of_shape_is_the_largest_distance_of_standardised_quantiles() -> None:
    rng = np.random.default_rng(2)
    left = np.concatenate([rng.normal(size=150), 7 + 3 * rng.choice([-1.0, 1.0], 150)])
    (found,) = shape_transitions(scored(300, 150), left)
    one, other = ((part - part.mean()) / part.std() for part in (left[:150], left[150:]))
    distances = [
        abs(np.percentile(one, percent) - np.percentile(other, percent))
        for percent in range(5, 100, 5)
    ]
    assert found.size == pytest.approx(max(distances))


@pytest.mark.parametrize("planted", [30, 61, 77, 150])
def test_a_change_in_bins_is_placed_on_the_row_that_splits_the_squares_best(planted: int) -> None:
    rng = np.random.default_rng(planted)
    values = rng.normal(size=256) + 4.0 * (np.arange(256) >= planted)
    rows = np.arange(0, 256, 16)
    cells = values.reshape(-1, 16)
    series = Series(16, rows, np.full(16, 16), cells.mean(axis=1), cells.var(axis=1) * 16)
    whole = view_table(table_of({"x": values}))
    view = View(whole.names, whole.span, {"x": series}, whole.sample, whole.scan)
    at = round(planted / 16)
    change = Transition("level", at, at - 1, at + 1, 0, 16, 0.001, 4.0, {})
    near = np.arange(16 * (at - 2), 16 * (at + 2))
    clipped = values[near]
    split = min(
        range(3, 62),
        key=lambda place: place * clipped[:place].var() + (64 - place) * clipped[place:].var(),
    )
    place = locate(view, "x", series, change, counter=False)
    assert place.at == near[split] == planted
    assert place.low <= planted <= place.high


@pytest.mark.parametrize("groups", [0, 1, 2])
def test_wide_axes_are_the_directions_in_which_groups_lie_apart(groups: int) -> None:
    rng = np.random.default_rng(groups)
    points = rng.normal(size=(600, 8))
    apart = np.linalg.qr(rng.normal(size=(8, 8)))[0][:, :groups]
    points += 4 * rng.choice([-1.0, 1.0], (600, groups)) @ apart.T
    axes = wide_axes(points)
    assert axes.shape == (8, max(groups, 1))
    np.testing.assert_allclose(axes.T @ axes, np.eye(axes.shape[1]), atol=1e-12)
    if groups:
        assert np.linalg.svd(axes.T @ apart, compute_uv=False).min() > 0.98
    assert wide_axes(points[:, :3]).tolist() == np.eye(3).tolist()


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.9, 0.99])
def test_inflation_sums_the_correlations_at_all_distances_both_ways(rho: float) -> None:
    assert inflation(rho) == pytest.approx(1 + 2 * sum(rho**lag for lag in range(1, 5_000)))


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=30), st.sampled_from([0.0, 0.4, 0.95]))
def test_innovations_are_what_the_recursion_that_gives_the_values_back_is_fed_with(
    values: list[int], rho: float
) -> None:
    residual = np.array(values, float)
    again, last = [], 0.0
    for step in innovations(residual, rho).tolist():
        last = rho * last + step
        again.append(last)
    assert again == pytest.approx(values)
    assert residual.tolist() == values  # left as they were


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=30))
def test_sums_of_products_give_the_squares_of_innovations_of_a_stationary_process(
    values: list[int],
) -> None:
    residual = np.array(values, float)
    found = Products.of(residual)
    first, *later = innovations(residual, found.rho).tolist()
    expected = (1 - found.rho**2) * first**2 + sum(step**2 for step in later)
    assert found.innovation == pytest.approx(expected, abs=1e-9)
