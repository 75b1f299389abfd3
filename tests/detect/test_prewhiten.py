"""Innovations of autoregressions, and spreads made steady."""

import numpy as np
import pytest
from scipy import linalg, signal

from crackle_stream.detect.correlation.prewhiten import MOST_ORDER, fit_autoregressions, prewhiten
from crackle_stream.detect.correlation.volatility import steady_spread


def yule_walker_by_bic(values):
    """Solve the equations anew for each order; keep the coefficients of least BIC."""
    n = len(values)
    r = np.array([(values[lag:] * values[: n - lag]).sum() / n for lag in range(MOST_ORDER + 1)])
    best, least = np.zeros(MOST_ORDER), 0.0
    for order in range(1, MOST_ORDER + 1):
        fit = linalg.solve(linalg.toeplitz(r[:order]), r[1 : order + 1])
        error = (r[0] - fit @ r[1 : order + 1]) / r[0]
        criterion = n * np.log(error) + order * np.log(n)
        if criterion < least:
            best, least = np.r_[fit, np.zeros(MOST_ORDER - order)], criterion
    return best


def autoregressive(seed, coefficients, n=300):
    noise = np.random.default_rng(seed).normal(size=n + 100)
    return signal.lfilter([1], np.r_[1, -np.array(coefficients)], noise)[100:]


@pytest.mark.parametrize("coefficients", [[], [0.7], [-0.5], [0.5, 0.3], [1.2, -0.7], [0, 0, 0.6]])
def test_all_metrics_at_once_fit_as_each_alone_by_solving_the_equations(coefficients):
    values = np.column_stack([autoregressive(seed, coefficients) for seed in range(5)])
    fitted = fit_autoregressions(values, np.ones(values.shape, bool))
    expected = np.column_stack([yule_walker_by_bic(column) for column in values.T])
    np.testing.assert_allclose(fitted, expected, atol=1e-10)


def test_innovations_of_a_remembering_metric_forget():
    whitened = prewhiten(autoregressive(1, [0.9])[:, None])[1:, 0]
    assert abs(np.corrcoef(whitened[1:], whitened[:-1])[0, 1]) < 0.1


def test_what_remembers_nothing_is_given_back_as_it_is():
    values = np.random.default_rng(4).lognormal(size=(300, 1))
    np.testing.assert_array_equal(prewhiten(values), values)


def test_an_outlier_does_not_echo():
    values = autoregressive(2, [0.8])
    whitened = prewhiten(values[:, None])[:, 0]
    values[150] = 1e9
    spoilt = prewhiten(values[:, None])[:, 0]
    assert np.abs(spoilt[151:160] - whitened[151:160]).max() < 10


def test_rows_after_an_absent_one_have_no_innovation():
    values = autoregressive(3, [0.8])
    values[[40, 41]] = np.nan
    absent = np.flatnonzero(np.isnan(prewhiten(values[:, None])[:, 0]))
    np.testing.assert_array_equal(absent, [0, 40, 41, 42])


def test_a_spread_that_comes_and_goes_is_made_steady():
    rng = np.random.default_rng(5)
    scale = np.repeat([1.0, 8.0, 1.0, 8.0], 100)
    steady = np.abs(steady_spread((scale * rng.normal(size=400))[:, None])[:, 0])
    assert np.median(steady[scale > 1]) == pytest.approx(np.median(steady[scale == 1]), rel=0.4)


def test_a_steady_spread_is_left_alone():
    values = np.random.default_rng(6).normal(size=(400, 1))
    np.testing.assert_array_equal(steady_spread(values), values)


def test_spread_is_told_from_present_neighbours_as_a_loop_tells_it():
    rng = np.random.default_rng(7)
    values = np.repeat([1.0, 9.0], 60) * rng.normal(size=120)
    values[rng.random(120) < 0.2] = np.nan
    steady = steady_spread(values[:, None])[:, 0]
    for row in range(120):
        around = np.delete(np.arange(max(row - 8, 0), min(row + 9, 120)), min(row, 8))
        expected = values[row] / np.nanmean(np.abs(values[around]))
        assert steady[row] == pytest.approx(expected, nan_ok=True)
