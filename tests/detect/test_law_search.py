"""The search for laws against exhaustive search, and its parts against their definitions."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from crackle_stream.detect.conservation.balance import propose_balances, propose_products
from crackle_stream.detect.conservation.chance import concentration, log_tail
from crackle_stream.detect.conservation.confirm import confirm
from crackle_stream.detect.conservation.conversion import propose_conversions
from crackle_stream.detect.conservation.extend import extensions
from crackle_stream.detect.conservation.implied import Implied
from crackle_stream.detect.conservation.law import (
    Columns,
    Law,
    conserved,
    keep,
    level_columns,
    log_columns,
    medians,
    residuals,
)
from crackle_stream.detect.conservation.least_spread import least_spread, robust_std
from crackle_stream.detect.conservation.merit import best_first
from crackle_stream.detect.conservation.null_space import (
    propose_long_balances,
    propose_rounded_balances,
)
from crackle_stream.detect.conservation.pair_sums import close_sums, equal_sums, pair_sums
from crackle_stream.detect.conservation.track import Judged, Track
from crackle_stream.detect.conservation.validity import find_validity
from crackle_stream.detect.resolution import Rounding
from crackle_stream.detect.view import table_of


def on_grid(step):
    return Rounding(step, dict.fromkeys(step, 0.0))


def normal_form(vector):
    vector = np.rint(vector).astype(int)
    vector //= np.gcd.reduce(np.abs(vector))
    return tuple((vector * np.sign(vector[np.flatnonzero(vector)[0]])).tolist())


def all_sums(values, terms=4):
    """Every sum of up to four columns, with coefficients 1 and -1, that is the same in all rows."""
    found = set()
    for size in range(1, terms + 1):
        for places in combinations(range(values.shape[1]), size):
            for signs in product((1, -1), repeat=size):
                sums = values[:, places] @ np.array(signs)
                if np.ptp(sums) == 0:
                    vector = np.zeros(values.shape[1])
                    vector[list(places)] = signs
                    found.add(normal_form(vector))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_hashed_sums_span_exactly_what_exhaustive_search_finds(seed):
    draw = np.random.default_rng(seed)
    free = draw.integers(0, 1000, (30, 5)).astype(float)
    values = np.column_stack(
        [free, free[:, 0] + free[:, 1], free[:, 2] - free[:, 3] + 7, free[:, 4]]
    )
    values = values[:, draw.permutation(8)]
    away = values[1:5] - values[0]
    found = np.vstack(list(equal_sums(away, np.full(away.shape, 1e-9), pair_sums(8, 8))))
    expected = np.array(sorted(all_sums(values)))
    rank = np.linalg.matrix_rank
    assert len(expected) >= 3
    assert rank(found) == rank(expected) == rank(np.vstack([found, expected])) == 3


def test_rounded_sums_are_those_within_the_slack_of_their_terms():
    draw = np.random.default_rng(1)
    parts = draw.uniform(0, 100, (5, 3))
    values = np.round(np.column_stack([parts, parts.sum(axis=1), draw.uniform(0, 100, (5, 2))]), 1)
    away = values[1:] - values[0]
    slack = np.full(away.shape, 0.1)
    found = {normal_form(v) for v in close_sums(away, slack, pair_sums(6, 6)) if v.any()}
    ones = {v for v in found if max(map(abs, v)) == 1}
    expected = set()
    for size in range(1, 5):
        for places in combinations(range(6), size):
            for signs in product((1, -1), repeat=size):
                if np.all(np.abs(away[:, places] @ np.array(signs)) <= 0.1 * size):
                    vector = np.zeros(6)
                    vector[list(places)] = signs
                    expected.add(normal_form(vector))
    assert (1, 1, 1, -1, 0, 0) in ones
    assert expected <= ones


def test_a_law_of_previous_values_is_proposed():
    flow = np.random.default_rng(0).integers(-9, 10, 80).astype(float)
    table = table_of({"flow": flow, "stock": np.cumsum(flow)})
    columns = level_columns(table, ("flow", "stock"), on_grid({"flow": 1.0, "stock": 1.0}))
    assert [1.0, -1.0, 0.0, 1.0] in propose_balances(columns).tolist()


def test_previous_values_are_absent_where_the_row_before_is_not_at_hand():
    table = table_of({"x": np.arange(6.0)}).take(np.array([0, 1, 4, 5]))
    before = level_columns(table, ("x",), on_grid({"x": 1.0})).values[:, 1]
    np.testing.assert_array_equal(before, [np.nan, 0, np.nan, 4])


def test_a_ratio_rounded_to_a_percent_is_proposed_as_a_product():
    draw = np.random.default_rng(2)
    ok, total = draw.integers(1, 900, 60), draw.integers(900, 1800, 60)
    table = table_of({"ok": ok, "pct": np.round(100 * ok / total, 1), "total": total})
    columns = log_columns(table, table.names, on_grid({"ok": 1.0, "pct": 0.1, "total": 1.0}))
    assert [1.0, -1.0, -1.0] in propose_products(columns).tolist()


@pytest.mark.parametrize("terms", [6, 9, 12])
def test_the_null_space_gives_sums_of_many_terms_and_uneven_coefficients(terms):
    draw = np.random.default_rng(terms)
    parts = draw.integers(0, 500, (120, terms)).astype(float)
    weights = draw.integers(1, 4, terms)
    values = np.column_stack([parts, parts @ weights])
    (found,) = {normal_form(v) for v in propose_long_balances(values, np.empty((0, terms + 1)))}
    assert found == normal_form(np.append(weights, -1))


def test_the_null_space_leaves_out_what_is_known():
    parts = np.random.default_rng(0).integers(0, 500, (60, 3)).astype(float)
    values = np.column_stack([parts, parts.sum(axis=1)])
    known = np.array([[1.0, 1, 1, -1]]) / 2
    assert len(propose_long_balances(values, known)) == 0


def test_rare_terms_complete_a_law_one_after_the_other():
    draw = np.random.default_rng(5)
    read = draw.integers(0, 900, 300).astype(float)
    bad, late = (np.where(draw.random(300) < 0.06, draw.integers(1, 9, 300), 0.0) for _ in "ab")
    table = table_of({"bad": bad, "late": late, "out": read, "read": read + bad + late})
    columns = level_columns(table, table.names, on_grid(dict.fromkeys(table.names, 1.0)))
    longest, *_, law = extensions(columns, Law((2, 3), (1.0, -1.0)))
    assert (longest.places, longest.weights) == ((0, 1, 2, 3), (1.0, 1.0, 1.0, -1.0))
    assert set(longest.added) == {0, 1}
    assert law.added == ()
    assert confirm(columns, longest) is not None


def test_a_law_is_not_confirmed_by_terms_that_do_not_move():
    draw = np.random.default_rng(6)
    a = draw.integers(0, 900, 200).astype(float)
    idle = np.zeros(200)
    idle[77] = 3.0
    table = table_of({"a": a, "b": a, "idle": idle})
    columns = level_columns(table, table.names, on_grid(dict.fromkeys(table.names, 1.0)))
    assert confirm(columns, Law((0, 1), (1.0, -1.0))) is not None
    assert confirm(columns, Law((0, 1, 2), (1.0, -1.0, 1.0))) is None


@pytest.mark.parametrize(("noise", "confirmed"), [(0.0, True), (0.008, False)])
def test_noise_wider_than_rounding_is_no_rounding_though_most_rows_are_within(noise, confirmed):
    draw = np.random.default_rng(7)
    parts = draw.normal(50, 10, (3, 400))
    total = parts.sum(axis=0) + noise * draw.normal(size=400)
    columns = {name: np.round(part, 2) for name, part in zip("abct", [*parts, total], strict=True)}
    table = table_of(columns)
    levels = level_columns(table, table.names, on_grid(dict.fromkeys(table.names, 0.01)))
    law = Law((0, 1, 2, 3), (1.0, 1.0, 1.0, -1.0), rounded=True)
    assert keep(levels, law).holds.mean() > 0.9
    assert (confirm(levels, law) is not None) == confirmed


@given(st.integers(0, 10_000), st.floats(0.01, 0.99), st.integers(1, 80))
@settings(max_examples=60, deadline=None)
def test_the_bound_on_agreement_is_never_below_the_binomial_tail(seed, chance, n):
    agree = int(np.random.default_rng(seed).integers(0, n + 1))
    tail = special.bdtrc(agree - 1, n, chance) if agree > 0 else 1.0
    assert log_tail(agree, n, chance) >= np.log(max(tail, 1e-300)) - 1e-9


def test_concentration_is_the_fullest_interval_by_brute_force():
    values = np.random.default_rng(8).normal(size=50)
    fullest = max(((values >= v) & (values <= v + 0.3)).sum() for v in values)
    assert concentration(values, 0.3) == (fullest + 1) / 51


def test_the_conserved_interval_is_where_most_rows_overlap_by_brute_force():
    draw = np.random.default_rng(9)
    table = table_of({"x": np.round(draw.normal(10, 0.2, 80), 1)})
    columns = level_columns(table, ("x",), on_grid({"x": 0.1}))
    found = residuals(columns, Law((0,), (1.0,), rounded=True))
    low, high = conserved(found)

    def agreeing(constant):
        return (np.abs(found.sums - constant) <= found.slack + 1e-12).sum()

    assert agreeing((low + high) / 2) == max(agreeing(c) for c in np.linspace(9, 11, 4001))


@given(st.integers(0, 10_000), st.sampled_from([0.75, 1.0, 4.0]))
@settings(max_examples=150, deadline=None)
def test_a_track_fed_in_pieces_says_what_the_definition_says_of_the_whole(seed, weight):
    draw = np.random.default_rng(seed)
    n = int(draw.integers(1, 150))
    holds = draw.random(n) < draw.choice([0.3, 0.6, 0.9, 0.97])
    holds[draw.integers(0, n) :] ^= bool(draw.integers(2))
    positions = np.cumsum(draw.integers(1, 4, n))
    track, at = Track(weight), 0
    while at < n:
        to = at + int(draw.integers(0, 40))
        track.observe(Judged(positions[at:to], 1.0 * ~holds[at:to], holds[at:to]))
        at = to
    whole, course = find_validity(holds, weight), track.course()
    if whole is None:
        assert course is None
        return
    broken = None if whole.broken is None else positions[whole.broken]
    assert (course.first, course.last) == (positions[whole.first], positions[whole.last])
    assert (course.n, course.broke_at) == (len(whole), broken)
    assert course.exceptions == tuple(positions[whole.exceptions][:100])
    assert course.exception_count == len(whole.exceptions)


def test_the_stretch_is_the_best_of_all_by_brute_force():
    draw = np.random.default_rng(10)
    for _ in range(40):
        holds = np.concatenate(
            [draw.random(20) < 0.2, draw.random(40) < 0.9, draw.random(20) < 0.2]
        )
        score = np.where(holds, 1.0, -4.0)
        best = max(score[a:b].sum() for a in range(80) for b in range(a + 1, 81))
        found = find_validity(holds, 4.0)
        inner = score[found.first : found.last + 1]
        # Up to four rows at an end of the sequence are taken in at their price.
        assert inner.sum() >= best - 2 * 4 * 4.0
        assert found.first in (0, *range(5, 80))


def test_implied_laws_are_those_in_the_span():
    laws = Implied(4)
    laws.add(np.array([1.0, 1, -1, 0]))
    laws.add(np.array([0.0, 0, 1, -1]))
    assert laws.implies(np.array([1.0, 1, 0, -1]))
    assert not laws.implies(np.array([1.0, -1, 0, 0]))
    assert laws.basis.shape == (2, 4)


def test_the_least_spread_is_found_in_spite_of_a_quarter_of_outliers():
    draw = np.random.default_rng(11)
    x, y = draw.normal(size=(2, 400))
    z = 2 * x - y + 0.01 * draw.normal(size=400)
    z[:100] += draw.normal(0, 2, 100)
    cube = np.stack([np.column_stack([x, y, z]), draw.normal(size=(400, 3))])
    cube[0, 7, 1] = np.nan
    directions, noise, spreads = least_spread(cube)
    np.testing.assert_allclose(directions[0] / directions[0, 2], [-2, 1, 1], atol=0.01)
    assert noise[0] < 0.02 < 0.3 < noise[1]
    np.testing.assert_allclose(
        spreads[1], stats.median_abs_deviation(cube[1], scale="normal"), rtol=0.02
    )
    assert robust_std(x) == pytest.approx(stats.median_abs_deviation(x, scale="normal"), rel=1e-4)


def test_whole_numbers_of_a_thousand_columns_collide_only_if_they_are_equal():
    # With weights that are fractions, 4,000 chance hits crowded the one equation out.
    rng = np.random.default_rng(31)
    probes = rng.integers(-400, 400, (4, 1000)).astype(float)
    probes[:, 7] = probes[:, 400] + probes[:, 999]
    found = np.vstack(list(equal_sums(probes, np.full_like(probes, 1e-12), pair_sums(1000, 1000))))
    assert np.all(found @ probes.T == 0)
    assert 0 < len(found) < 100
    assert any((row[[7, 400, 999]] != 0).all() for row in found)


def test_a_law_comes_down_to_fewer_terms_less_those_known_and_ties_join():
    laws = Implied(5)
    laws.add(np.array([1.0, 1, 1, -1, 0]))
    np.testing.assert_array_equal(laws.shortest(np.array([1.0, 1, 0, -1, 1])), [0, 0, -1, 0, 1])
    ties = Implied(4)
    ties.add(np.array([1.0, -1, 0, 0]))
    ties.add(np.array([0.0, 2, -1, 0]))
    assert ties.tied().tolist() == [0, 0, 0, 3]
    np.testing.assert_array_equal(ties.shortest(np.array([2.0, 0, -1, 0])), np.zeros(4))


def test_the_law_that_no_row_breaks_comes_before_a_shorter_one_that_some_do():
    draw = np.random.default_rng(4)
    few = draw.poisson(0.4, 200).astype(float)
    big = draw.integers(0, 900, 200).astype(float)
    columns = {"any": np.minimum(few, 1), "big": big, "few": few, "sum": big + few}
    levels = level_columns(table_of(columns), tuple(columns), on_grid(dict.fromkeys(columns, 1.0)))
    flag, bare, true = np.zeros((3, 8))
    flag[[0, 1, 3]] = true[[1, 2, 3]] = [1, 1, -1]
    bare[[1, 3]] = [1, -1]
    first, *_ = best_first(levels, np.stack([bare, flag, true]))
    assert (first.places, first.rounded) == ((1, 2, 3), False)


def test_conversions_are_proposed_with_the_slope_of_fewest_digits():
    x = np.round(np.random.default_rng(3).normal(20, 6, 120), 1)
    columns = {"c": x, "f": np.round(1.8 * x + 32, 1), "third": np.round(x / 3 - 5, 2)}
    steps = on_grid({"c": 0.1, "f": 0.1, "third": 0.01})
    levels = level_columns(table_of(columns), tuple(columns), steps)
    laws = {law.places: law.weights for law in propose_conversions(levels)}
    assert (laws[0, 1], laws[0, 2]) == ((1.8, -1.0), (1.0, -3.0))


def test_sums_of_many_fractions_are_proposed_though_one_row_in_twenty_breaks_them():
    draw = np.random.default_rng(6)
    parts = np.round(np.exp(draw.normal(2, 0.6, (7, 300))), 1)
    total = parts.sum(axis=0) + 3 * (draw.random(300) < 0.05)
    columns = {f"p{i}": part for i, part in enumerate(parts)} | {"t": total}
    grid = on_grid(dict.fromkeys(columns, 0.1))
    levels = level_columns(table_of(columns), tuple(columns), grid)
    found = {normal_form(v) for v in propose_rounded_balances(levels, np.empty((0, 16)))}
    assert (*[1] * 7, -1, *[0] * 8) in found


def test_medians_pass_absent_values_over():
    values = np.random.default_rng(1).normal(size=(9, 4))
    values[:4, 1] = values[2, 2] = np.nan
    np.testing.assert_allclose(medians(values), np.nanmedian(values, axis=0))
    values[:, 3] = np.nan
    assert np.isnan(medians(values)[3])
    assert np.isnan(medians(values[:0])).all()


@pytest.mark.filterwarnings("error")
def test_a_zero_rounded_relative_to_its_size_settles_what_is_conserved() -> None:
    values = np.array([[0.0, 0.0], [1.0, -1.001], [2.0, -2.001], [3.0, -2.999]])
    columns = Columns(("a", "b"), values, np.zeros(2), np.full(2, 1e-3), False)
    kept = keep(columns, Law((0, 1), (1.0, 1.0), rounded=True))
    assert kept.constant == 0.0
    assert kept.holds.all()
