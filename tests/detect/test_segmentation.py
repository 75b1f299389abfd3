from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackle_stream.detect.phase.segmentation import (
    LEAST_SLOPED,
    Prices,
    Segmentation,
    Sums,
    fit_piece,
    propose_splits,
    seeded_intervals,
)


def pieces(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def test_a_flat_piece_costs_its_squared_deviations_from_the_mean() -> None:
    values = pieces(30)
    sums = Sums(values)
    for start, stop in combinations(range(31), 2):
        expected = np.sum((values[start:stop] - values[start:stop].mean()) ** 2)
        assert sums.flat(np.array([start]), np.array([stop]))[0] == pytest.approx(
            expected, abs=1e-9
        )


def test_a_sloped_piece_costs_what_polyfit_leaves() -> None:
    values = pieces(30)
    sums = Sums(values)
    for start, stop in combinations(range(31), 2):
        found = sums.line(np.array([start]), np.array([stop]))[0]
        if stop - start < LEAST_SLOPED:
            assert found == np.inf
            continue
        time = np.arange(start, stop)
        error = values[start:stop] - np.polyval(np.polyfit(time, values[start:stop], 1), time)
        assert found == pytest.approx(np.sum(error**2), abs=1e-8)


@pytest.mark.parametrize("seed", range(8))
def test_the_partition_is_the_cheapest_of_all(seed: int) -> None:
    values = pieces(13, seed)
    values[5 + seed % 3 :] += 3
    sums, penalty, slope_penalty, least = Sums(values), 1.5, 0.7, 2

    def price(bounds: tuple[int, ...]) -> float:
        total = 0.0
        for a, b in pairwise(bounds):
            flat = np.sum((values[a:b] - values[a:b].mean()) ** 2)
            line = sums.line(np.array([a]), np.array([b]))[0] + slope_penalty
            total += min(flat, line) + penalty
        return total

    ways = [
        (0, *inner, 13)
        for k in range(6)
        for inner in combinations(range(1, 13), k)
        if all(b - a >= least for a, b in pairwise((0, *inner, 13)))
    ]
    prices = Prices(np.arange(1, 13), 13, sums.flat, sums.line, least)
    (found,) = prices.segment(np.array([penalty]), np.array([slope_penalty]))
    assert found.bounds == min(ways, key=price)


def test_penalties_together_give_what_each_gives_alone() -> None:
    values = np.cumsum(pieces(60))
    sums, penalties = Sums(values), np.array([0.5, 2.0, 8.0, 100.0])
    prices = Prices(np.arange(3, 58, 4), 60, sums.flat, sums.line, 3)
    together = list(prices.segment(penalties, penalties / 3))
    alone = [found for p in penalties for found in prices.segment(np.array([p]), p / 3)]
    assert together == alone
    assert len(set(together)) > 2


def test_the_best_split_of_the_whole_is_proposed() -> None:
    values = pieces(120)
    values[47:] += 4
    sums = Sums(values)
    gains = [
        np.var(values) * 120 - np.var(values[:i]) * i - np.var(values[i:]) * (120 - i)
        for i in range(5, 116)
    ]
    splits = propose_splits((sums.flat,), 120, least=5, most=20, floor=5.0)
    assert 5 + int(np.argmax(gains)) in splits.tolist()


@pytest.mark.parametrize("n", [12, 61, 900])
def test_the_splits_proposed_are_the_best_of_every_interval(n: int) -> None:
    values = pieces(n, 3)
    values[n // 2 :] += 2
    sums, least, gains = Sums(values), 5, np.zeros(n + 1)
    for starts, size in seeded_intervals(n, least):
        for start in starts.tolist():
            splits = np.arange(start + least, start + size - least + 1)
            first, last = np.full_like(splits, start), np.full_like(splits, start + size)
            gain = sums.flat(first, last) - sums.flat(first, splits) - sums.flat(splits, last)
            at = splits[np.argmax(gain)]
            gains[at] = max(gains[at], gain.max())
    strongest = np.sort(np.argsort(-gains, kind="stable")[: min(20, np.sum(gains > 1.0))])
    found = propose_splits((sums.flat,), n, least=least, most=20, floor=1.0)
    assert found.tolist() == strongest.tolist()


def test_seeded_intervals_cover_every_index_and_stay_inside() -> None:
    for starts, size in seeded_intervals(101, 5):
        assert starts[0] == 0
        assert starts[-1] + size == 101
        assert np.diff(starts).max(initial=0) <= size


def test_joining_two_pieces_keeps_the_slope_of_either() -> None:
    pieces_ = Segmentation((0, 5, 12, 20), (False, True, False))
    assert pieces_.without(0) == Segmentation((0, 12, 20), (True, False))
    assert pieces_.without(1) == Segmentation((0, 5, 20), (False, True))


@given(st.lists(st.integers(-99, 99), min_size=2, max_size=40))
def test_a_piece_is_fitted_as_polyfit_does(values: list[int]) -> None:
    time = np.arange(len(values))
    for sloped in (False, True):
        line = np.polyval(np.polyfit(time, values, int(sloped)), time)
        np.testing.assert_allclose(fit_piece(np.array(values, float), sloped), line, atol=1e-9)
