from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from crackle_stream.detect.phase.longrun import (
    Products,
    normal_scores,
    step_scale,
    tame_outliers,
    winsorised_std,
)
from crackle_stream.detect.phase.saddlepoint import sum_tail
from crackle_stream.detect.phase.segmentation import Segmentation
from crackle_stream.detect.phase.spread import Shape, Spread


def test_the_innovation_sum_is_that_of_the_filtered_residuals() -> None:
    residual = np.cumsum(np.random.default_rng(0).normal(size=50)) * 0.3
    products = Products.of(residual)
    past = residual[:-1] @ residual[:-1] / 2 + residual[1:] @ residual[1:] / 2
    assert products.rho == pytest.approx(residual[1:] @ residual[:-1] / past)
    filtered = residual[1:] - products.rho * residual[:-1]
    first = (1 - products.rho**2) * residual[0] ** 2
    assert products.innovation == pytest.approx(filtered @ filtered + first)


def test_a_single_outlier_is_clipped_and_a_step_is_not() -> None:
    values = np.r_[np.zeros(20), np.full(20, 10.0)]
    spiked = values.copy()
    spiked[7] = 50.0
    assert tame_outliers(values, 3.0).tolist() == values.tolist()
    assert tame_outliers(spiked, 3.0)[7] == 3.0


def test_clipping_follows_the_median_of_every_neighbourhood() -> None:
    values = np.random.default_rng(5).normal(size=60)
    values[[3, 30, 59]] += 9
    inner = [np.median(values[i - 3 : i + 4]) for i in range(3, 57)]
    expected = [min(max(values[i], m - 1), m + 1) for i, m in enumerate(inner, 3)]
    assert tame_outliers(values, 1.0)[3:57] == pytest.approx(expected)


def test_a_winsorised_spread_keeps_outliers_at_three_robust_deviations() -> None:
    values = np.random.default_rng(6).normal(size=200)
    values[7] = 1e6
    middle = np.median(values)
    limit = 3 * 1.4826 * np.median(np.abs(values - middle))
    kept = [min(max(value, middle - limit), middle + limit) for value in values]
    assert winsorised_std(values) == pytest.approx(np.std(kept))
    ratios = [
        np.log(winsorised_std(draw[:100]) / winsorised_std(draw[100:]))
        for draw in np.random.default_rng(7).normal(size=(400, 200))
    ]
    assert np.std(ratios) < 0.12


def test_the_step_scale_is_that_of_the_noise_whatever_the_steps() -> None:
    values = np.random.default_rng(8).normal(size=400)
    stepped = values + np.repeat([0.0, 50.0, -20.0, 7.0], 100)
    assert step_scale(values) == pytest.approx(1, abs=0.1)
    assert step_scale(stepped) == pytest.approx(step_scale(values), rel=0.05)


@pytest.mark.parametrize("size", [10.0, 1000.0])
def test_the_step_scale_survives_a_tenth_of_outliers(size: float) -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=600)
    spiked = values.copy()
    spiked[rng.choice(600, 60, replace=False)] += rng.choice([-size, size], 60)
    assert step_scale(spiked) == pytest.approx(step_scale(values), rel=0.1)


def test_the_step_scale_of_mostly_equal_values_is_that_of_the_others() -> None:
    values = (np.random.default_rng(3).random(400) < 0.1) * 10.0
    assert step_scale(values) > 1


def test_the_tail_of_a_sum_of_very_large_values_does_not_overflow() -> None:
    pool, weights = np.random.default_rng(4).normal(size=50), np.ones(50)
    with np.errstate(over="raise"):
        large = sum_tail(1e150 * weights, 1e5 * pool, 1e155 * 20.0)
    assert large == pytest.approx(sum_tail(weights, pool, 20.0))


def test_scores_of_equal_values_are_equal_and_have_variance_one() -> None:
    scores = normal_scores(np.array([1.0, 1.0, 2.0, 5.0, 5.0, 9.0]))
    assert scores[0] == scores[1]
    assert scores[3] == scores[4]
    assert np.std(scores) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "pool", [np.array([0.0] * 9 + [1.0]), np.array([0.0, 0.1, 0.3, 1.0, 4.0, 20.0])]
)
def test_the_saddlepoint_tail_is_near_the_enumerated_one(pool: np.ndarray) -> None:
    weights = np.array([1.0, 1.0, 1.0, 1.0, 1.0])
    centred = pool - pool.mean()
    sums = np.array([sum(draw) for draw in product(centred, repeat=5)])
    for observed in np.unique(sums.round(9))[-40::6]:
        between = np.mean(sums > observed + 1e-6), np.mean(sums >= observed - 1e-6)
        found = sum_tail(weights, pool, float(observed))
        assert found <= 5 * between[1]
        assert found >= between[0] / 5


def test_four_ones_in_a_row_among_tenths_are_no_wonder() -> None:
    pool = np.array([0.0] * 90 + [1.0] * 10)
    contrast = np.r_[np.full(4, 0.9), np.full(96, -0.0375)]
    observed = 0.9 * np.sum(contrast[:4])
    assert 1e-5 < sum_tail(contrast, pool, float(observed)) < 5e-4
    assert stats.norm.sf(observed / (pool.std() * np.sqrt(np.sum(contrast**2)))) < 1e-8


def test_a_piece_of_spread_costs_twice_its_negative_log_likelihood() -> None:
    scores = normal_scores(np.random.default_rng(1).normal(size=40))
    channel = Spread(scores)
    for start, stop in ((0, 40), (3, 17), (20, 40)):
        part = scores[start:stop]
        expected = -2 * np.sum(stats.norm.logpdf(part, scale=np.sqrt(np.mean(part**2))))
        expected -= len(part) * np.log(2 * np.pi)
        assert channel.cost(np.array([start]), np.array([stop]))[0] == pytest.approx(expected)


def test_the_variance_ratio_has_the_p_value_of_the_f_test() -> None:
    scores = normal_scores(np.random.default_rng(1).normal(size=60))
    p_value, unit = Spread(scores).evidence(0, 25, 60, Segmentation((0, 60), (False,)))
    ratio = np.mean(scores[25:] ** 2) / np.mean(scores[:25] ** 2)
    tail = stats.f.sf if ratio > 1 else stats.f.cdf
    assert p_value == pytest.approx(2 * tail(ratio, 35 / unit, 25 / unit), rel=1e-9)


def test_the_components_of_shape_are_orthonormal_on_even_ranks() -> None:
    channel = Shape(normal_scores(np.arange(2000.0)))
    total = [channel.total(i, i + 1) for i in range(2000)]
    moments = np.mean([np.outer(row, row) for row in total], axis=0)
    assert moments == pytest.approx(np.eye(2), abs=0.01)


def test_a_change_of_shape_costs_what_the_loop_says() -> None:
    channel = Shape(normal_scores(np.random.default_rng(2).normal(size=30)))
    for start, stop in combinations((0, 7, 19, 30), 2):
        rows = sum(channel.total(i, i + 1) for i in range(start, stop))
        expected = -(rows @ rows) / (stop - start)
        assert channel.cost(np.array([start]), np.array([stop]))[0] == pytest.approx(expected)
