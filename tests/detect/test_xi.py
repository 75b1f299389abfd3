"""Chatterjee's xi."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from crackle_stream.detect.correlation.xi import equivalent_r, order_of, shifted_z, xi_matrix, xi_p
from crackle_stream.detect.ranks import rank_bounds


def xi_by_definition(x, y):
    """Follow the definition with ties, on the rows that both have."""
    both = ~np.isnan(x) & ~np.isnan(y)
    order = [row for row in order_of(x) if both[row]]
    y = y[order]
    r = np.array([(y <= value).sum() for value in y])
    upper = np.array([(y >= value).sum() for value in y])
    n = len(y)
    return 1 - n * np.abs(np.diff(r)).sum() / (2 * (upper * (n - upper)).sum())


@pytest.mark.parametrize("seed", range(5))
def test_xi_and_its_deviation_are_scipys_without_ties(seed):
    x, y = np.random.default_rng(seed).normal(size=(2, 2_000))
    found = xi_matrix(np.column_stack([x, y]))
    expected = stats.chatterjeexi(x, y, y_continuous=True)
    assert found.xi[0, 1] == pytest.approx(expected.statistic)
    assert stats.norm.sf(found.z[0, 1]) == pytest.approx(expected.pvalue, rel=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_xi_is_its_definition_with_ties_in_both(seed):
    values = np.random.default_rng(seed).integers(0, 5, (60, 3)).astype(float)
    found = xi_matrix(values).xi
    for i in range(3):
        for j in range(3):
            if i != j:
                assert found[i, j] == pytest.approx(xi_by_definition(values[:, i], values[:, j]))


def test_absent_rows_count_as_if_they_were_not_there():
    rng = np.random.default_rng(1)
    x = rng.normal(size=80)
    y = x**2
    x[::9] = np.nan
    y[::7] = np.nan
    both = ~np.isnan(x) & ~np.isnan(y)
    steps_of = {}
    for name, rows in (("all", np.ones(80, bool)), ("both", both)):
        _, ranks = rank_bounds(y[:, None])
        order = order_of(np.where(rows, x, np.nan))
        kept = ranks[order, 0]
        steps_of[name] = np.abs(np.diff(kept[~np.isnan(kept)])).sum()
    assert steps_of["all"] == steps_of["both"]
    assert xi_matrix(np.column_stack([x, y])).xi[0, 1] == pytest.approx(
        xi_by_definition(x, y), abs=0.05
    )


@pytest.mark.parametrize("y", [[1, 2, 3, 4, 5, 6], [1, 1, 2, 2, 2, 3], [0, 0, 0, 0, 0, 1]])
def test_mean_and_variance_are_those_over_all_orders(y):
    y = np.array(y, float)
    values = np.column_stack([np.arange(6.0), y])
    every = []
    for order in permutations(range(6)):
        _, r = rank_bounds(y[list(order), None])
        every.append(np.abs(np.diff(r[:, 0])).sum())
    _, r = rank_bounds(y[:, None])
    expected = (np.mean(every) - np.abs(np.diff(r[:, 0])).sum()) / np.std(every)
    assert xi_matrix(values).z[0, 1] == pytest.approx(expected)


def test_a_chain_of_some_of_the_rows_has_the_moments_of_all_such_chains():
    y = np.array([1.0, 2, 2, 5, 6, 9])
    x = np.array([0.0, 1, 2, 3, np.nan, np.nan])
    _, r = rank_bounds(y[:, None])
    every = [np.abs(np.diff(r[list(order), 0])).sum() for order in permutations(range(6), 4)]
    steps = np.abs(np.diff(r[:4, 0])).sum()
    expected = (np.mean(every) - steps) / np.std(every)
    assert xi_matrix(np.column_stack([x, y])).z[0, 1] == pytest.approx(expected)


def test_a_constant_is_no_function():
    found = xi_matrix(np.column_stack([np.arange(20.0), np.ones(20)]))
    assert found.z[0, 1] == 0


@pytest.mark.parametrize("r", [0.3, 0.7, 0.9])
def test_the_equivalent_of_a_normal_pairs_xi_is_its_r(r):
    rng = np.random.default_rng(2)
    x, noise = rng.normal(size=(2, 200_000))
    xi = xi_matrix(np.column_stack([x, r * x + np.sqrt(1 - r**2) * noise])).xi[0, 1]
    assert equivalent_r(xi) == pytest.approx(r, abs=0.01)


def test_equivalents_stay_between_zero_and_one():
    assert equivalent_r(-0.2) == 0
    assert equivalent_r(1.0) == pytest.approx(1)


def test_tail_probabilities_of_noise_are_not_too_small():
    rng = np.random.default_rng(3)
    upper = np.triu_indices(12, 1)
    found = [xi_matrix(rng.normal(size=(100, 12))).z for _ in range(300)]
    z = np.concatenate([np.maximum(one[upper], one.T[upper]) for one in found])
    for level in (0.05, 0.01, 0.001):
        assert (xi_p(z) <= level).mean() < 1.25 * level


def test_shifts_confirm_what_one_row_has_and_not_what_neighbours_share():
    rng = np.random.default_rng(3)
    slow = np.exp(1.5 * np.repeat(rng.normal(size=10), 30))
    wild = [slow * part for part in rng.normal(size=(2, 300))]
    assert xi_matrix(np.column_stack(wild)).z[0, 1] > 4
    assert shifted_z(*wild, 50) < 3
    x, noise = rng.normal(size=(2, 300))
    assert shifted_z(x, x**2 + 0.1 * noise, 50) > 8
