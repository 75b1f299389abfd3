import numpy as np
import pytest

from crackle_stream.detect.phase.place import (
    DROP,
    SMOOTH_DROP,
    bend_interval,
    best_place,
    place_interval,
)
from crackle_stream.detect.phase.segmentation import Sums


def noise(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


@pytest.mark.parametrize("seed", range(4))
def test_a_bend_is_where_two_lines_that_meet_leave_the_least_squares(seed: int) -> None:
    time = np.arange(40.0)
    values = noise(40, seed) + 0.4 * np.maximum(time - 23, 0) - 3
    errors = {}
    for place in range(5, 36):
        design = np.column_stack([np.ones(40), time, np.maximum(time - place, 0)])
        left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
        errors[place] = np.sum(left**2)
    best = min(errors, key=lambda place: errors[place])
    near = [place for place, error in errors.items() if error <= errors[best] + SMOOTH_DROP * 0.8]
    assert bend_interval(values, 5, 0.8) == (best, near[0], near[-1])


@pytest.mark.parametrize("seed", range(4))
def test_a_jump_is_where_two_means_leave_the_least_squares(seed: int) -> None:
    values = noise(40, seed)
    values[17:] += 1.5
    errors = {at: at * np.var(values[:at]) + (40 - at) * np.var(values[at:]) for at in range(5, 36)}
    best = min(errors, key=lambda place: errors[place])
    near = [at for at, error in errors.items() if error <= errors[best] + DROP * 0.3]
    cost = Sums(values).flat
    assert best_place(cost, 0, 20, 40, 5) == best
    assert place_interval(cost, 0, best, 40, 5, 0.3) == (near[0], near[-1])


def test_nine_of_ten_places_are_inside_their_intervals() -> None:
    jumps, bends = [], []
    for seed in range(200):
        values = noise(120, seed)
        low, high = bend_interval(values + 0.2 * np.maximum(np.arange(120) - 70, 0), 5, 1.0)[1:]
        bends.append(low <= 70 <= high)
        values[70:] += 1.5
        cost = Sums(values).flat
        low, high = place_interval(cost, 0, best_place(cost, 0, 60, 120, 5), 120, 5, 1.0)
        jumps.append(low <= 70 <= high)
    assert np.mean(jumps) >= 0.9
    assert np.mean(bends) >= 0.9
