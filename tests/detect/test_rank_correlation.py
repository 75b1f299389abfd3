"""Ranks, and their correlation at every lag."""

import numpy as np
import pytest
from scipy import stats

from crackle_stream.detect.correlation.rank_correlation import (
    aligned,
    correlation_matrix,
    correlation_p,
    lag_profile,
)
from crackle_stream.detect.correlation.standout import standout
from crackle_stream.detect.ranks import rank_bounds, rank_scores


def tied(seed, n=60, metrics=4, absent=0.2):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 12, (n, metrics)).astype(float)
    values[rng.random(values.shape) < absent] = np.nan
    return values


@pytest.mark.parametrize("seed", range(5))
def test_bounds_of_ranks_are_scipys(seed):
    values = tied(seed)
    low, high = rank_bounds(values)
    np.testing.assert_array_equal(low + 1, stats.rankdata(values, "min", axis=0, nan_policy="omit"))
    np.testing.assert_array_equal(high, stats.rankdata(values, "max", axis=0, nan_policy="omit"))


def test_scores_of_a_constant_are_zero():
    np.testing.assert_array_equal(rank_scores(np.full((5, 1), 3.0)), np.zeros((5, 1)))


@pytest.mark.parametrize("seed", range(5))
def test_coefficients_at_lag_zero_are_spearmans(seed):
    values = tied(seed, absent=0.0)
    expected = stats.spearmanr(values).statistic
    np.testing.assert_allclose(correlation_matrix(rank_scores(values)), expected, atol=1e-12)


@pytest.mark.parametrize("absent", [0.0, 0.1])
def test_the_largest_of_all_lags_is_the_one_a_loop_finds(absent):
    values = tied(1, n=80, metrics=5, absent=absent)
    values[7:, 1] = values[:-7, 0]
    scores = rank_scores(values)
    first, second = np.triu_indices(5, 1)
    profile = lag_profile(scores, first, second)
    for pair, (i, j) in enumerate(zip(first, second, strict=True)):
        r, z = {}, {}
        for lag in range(-20, 21):
            _, x, y = aligned(scores, i, j, lag)
            r[lag] = (x * y).mean()
            z[lag] = np.arctanh(min(abs(r[lag]), 1 - 1e-15)) * np.sqrt(len(x) - 3)
        top = max((lag for lag in z if lag), key=z.get)
        assert profile.direct[pair] == pytest.approx(r[0])
        assert profile.lag[pair] == top
        assert profile.lagged[pair] == pytest.approx(r[top])
    assert profile.lag[0] == 7


def test_p_values_are_those_of_pearsons_test():
    rng = np.random.default_rng(2)
    for n in (5, 20, 200):
        x, y = rng.normal(size=(2, n))
        expected = stats.pearsonr(x, y)
        assert correlation_p(expected.statistic, np.array(n)) == pytest.approx(expected.pvalue)


def test_no_p_value_is_less_than_one_of_all_orders():
    assert correlation_p(np.array(1.0), np.array(5)) == pytest.approx(2 / 120)


def test_a_negative_lag_means_that_the_second_leads():
    values = np.column_stack([np.arange(6.0), 10 + np.arange(6.0)])
    rows, x, y = aligned(values, 0, 1, -2)
    np.testing.assert_array_equal(rows, [2, 3, 4, 5])
    np.testing.assert_array_equal(y - x, np.full(4, 8.0))


def test_what_stands_alone_stands_out_and_what_neighbours_share_does_not():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(3, 101))
    noise[0, 50] = 8.0
    noise[1] += 8.0
    noise[2] *= 8.0
    noise[2, 50] = 8.0
    alone, plateau, wide = standout(noise, np.full(3, 50))
    assert alone > 6
    assert abs(plateau) < 3
    assert abs(wide) < 2


def test_a_negative_peak_stands_out_as_far():
    z = np.random.default_rng(4).normal(size=(1, 101))
    z[0, 50] = 6.0
    at = np.array([50])
    assert standout(-z, at) == -standout(z, at)


def test_neighbours_never_make_a_statistic_larger():
    z = np.random.default_rng(5).normal(size=(500, 101))
    at = np.full(500, 50)
    assert (np.abs(standout(z, at)) <= np.abs(z[:, 50])).all()


def test_a_plateau_of_a_few_shifts_is_enough_to_explain_one_of_them():
    z = np.random.default_rng(6).normal(size=(1, 101))
    z[0, 46:55] = 8.0
    assert abs(standout(z, np.array([50]))[0]) < 1


def test_a_spread_twice_as_wide_halves_what_stands_out():
    z = 2 * np.random.default_rng(7).normal(size=(1, 101))
    z[0, 50] = 8.0
    assert standout(z, np.array([50]))[0] < 5
