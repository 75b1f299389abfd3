import numpy as np
import pytest
from scipy import signal, stats

from crackle_stream.detect.phase.drift import slope_test, wander_test
from crackle_stream.detect.phase.longrun import HIGHEST_RHO


def wandering(values: np.ndarray) -> float:
    return wander_test(values - values.mean())


def innovation(residual: np.ndarray) -> float:
    """Squared error of the best first-order autoregression: over a grid of correlations."""
    first, rest, past = residual[0], residual[1:], residual[:-1]
    return min(
        float((1 - rho**2) * first**2 + np.sum((rest - rho * past) ** 2))
        for rho in np.linspace(0, HIGHEST_RHO, 100_001)
    )


@pytest.mark.parametrize("n", [24, 60, 200])
def test_a_correlation_of_seven_tenths_wanders_no_oftener_than_the_level(n: int) -> None:
    rng = np.random.default_rng(n)
    draws = signal.lfilter([1], [1, -0.7], rng.normal(size=(2000, n + 50)), axis=1)[:, 50:]
    p_values = np.array([wandering(draw) for draw in draws])
    for level in (0.05, 0.01):
        assert level / 3 < np.mean(p_values <= level) < 1.5 * level


def test_eight_of_ten_walks_of_sixty_values_wander() -> None:
    walks = np.cumsum(np.random.default_rng(1).normal(size=(500, 60)), axis=1)
    assert np.mean([wandering(walk) < 0.003 for walk in walks]) >= 0.8


def test_a_slope_has_the_p_value_of_an_f_test_of_innovations() -> None:
    time = np.arange(40.0)
    noise = signal.lfilter([1], [1, -0.4], np.random.default_rng(3).normal(size=40))
    values = noise + 0.04 * time
    line = np.polyval(np.polyfit(time, values, 1), time)
    ratio = innovation(values - values.mean()) / innovation(values - line)
    assert slope_test(values, line) == pytest.approx(stats.f.sf((ratio - 1) * 37, 1, 37), rel=0.02)
