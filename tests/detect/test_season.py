"""Seasons seen often, and waves seen two or three times."""

import numpy as np
import pytest

from crackle_stream.detect.phase.changepoint import find_changes
from crackle_stream.detect.phase.hidden_season import OFTEN, hidden_season
from crackle_stream.detect.season import slow_wave


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(size=n)


def turns(n, cycles):
    return 2 * np.pi * cycles * np.arange(n) / n


def test_the_slow_wave_is_the_best_of_all_least_squares_fits():
    values = noise(80) + 0.02 * np.arange(80) + np.sin(turns(80, 2.3))
    fits = []
    for cycles in np.arange(1.75, 4, 0.125):
        angle = 2 * np.pi * cycles * (np.arange(80) - 39.5) / 80
        terms = np.column_stack([np.ones(80), np.arange(80), np.cos(angle), np.sin(angle)])
        weights = np.linalg.lstsq(terms, values, rcond=None)[0]
        fits.append((np.sum((values - terms @ weights) ** 2), terms[:, 2:] @ weights[2:]))
    _, expected = min(fits, key=lambda fit: fit[0])
    np.testing.assert_allclose(slow_wave(values, 1.75, 4), expected, atol=1e-9)


@pytest.mark.parametrize("n", [60, 200, 1000])
@pytest.mark.parametrize("cycles", [2, 3])
def test_a_wave_seen_two_or_three_times_is_no_step(n, cycles):
    for seed in range(5):
        values = noise(n, seed) + 2 * np.sin(turns(n, cycles) + seed)
        assert find_changes(values).pieces.changes == ()


def test_up_and_down_in_steps_three_times_is_told_from_a_wave():
    values = noise(300) + 3 * np.sign(np.sin(turns(300, 2) + 0.1))
    assert len(find_changes(values).pieces.changes) == 4 - 1


def test_a_season_of_four_cycles_is_taken_out_though_steps_would_fit_better():
    assert OFTEN == 4
    for cycles, changes in ((3, 5), (4, 0)):
        square = 3 * np.sign(np.sin(turns(240, cycles) + 0.05))
        assert len(find_changes(square + noise(240)).pieces.changes) == changes


@pytest.mark.parametrize(("n", "cycles"), [(600, 2), (1500, 5), (2000, 7)])
def test_an_incident_does_not_hide_the_season_and_is_found(n, cycles):
    values = 5 * np.sin(turns(n, cycles + 0.2)) + noise(n)
    values[n // 2 : n // 2 + 30] += 30
    assert find_changes(values).pieces.changes == (n // 2, n // 2 + 30)


def test_a_hidden_season_is_hardly_bent_by_the_incident():
    truth = 5 * np.sin(turns(1500, 5.2))
    values = truth + noise(1500)
    values[900:930] += 30
    left = truth - hidden_season(values)
    assert np.std(left) < 0.2


def test_a_walk_with_a_jump_is_not_taken_for_a_season():
    for seed in range(5):
        walk = np.cumsum(noise(400, seed))
        walk[200:] += 20
        assert 200 in find_changes(walk).pieces.changes
