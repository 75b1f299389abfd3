import numpy as np
import pytest
from scipy import stats

from crackle_stream.detect.phase.scan import best_pieces_p_value, best_place_p_value


def smallest_p_values(n: int, least: int, draws: int) -> np.ndarray:
    """Of the two-sample test at every split of normal values, the smallest, draw by draw."""
    values = np.random.default_rng(n).normal(size=(draws, n))
    size = np.arange(least, n - least + 1)
    before = np.cumsum(values, axis=1)[:, size - 1]
    after = values.sum(axis=1)[:, None] - before
    distance = (before / size - after / (n - size)) / np.sqrt(1 / size + 1 / (n - size))
    smallest: np.ndarray = 2 * stats.norm.sf(np.abs(distance).max(axis=1))
    return smallest


@pytest.mark.parametrize(("n", "least"), [(24, 5), (60, 8), (300, 5)])
def test_of_noise_no_more_passes_than_the_level_and_not_far_fewer(n: int, least: int) -> None:
    smallest = smallest_p_values(n, least, 4000)
    for level in (0.1, 0.02):
        passed = np.mean([best_place_p_value(p, 1, n, least) <= level for p in smallest])
        assert 0.4 * level < passed <= level


def test_the_correction_is_never_harder_than_that_of_bonferroni() -> None:
    for p_value in (1e-300, 1e-20, 1e-6, 1e-3, 0.2):
        for freedom in (1, 2, 3):
            found = best_place_p_value(p_value, freedom, 30, 5)
            assert p_value < found <= min(1.0, 30 * p_value) * (1 + 1e-12)


def test_of_several_changes_both_ends_of_a_piece_were_searched() -> None:
    assert best_pieces_p_value(1e-6, 64) == pytest.approx(64 * 6 * 1e-6)
    assert best_pieces_p_value(0.5, 64) == 1.0
