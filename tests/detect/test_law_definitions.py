"""What the search for laws rests on, against slow and obvious versions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from crackle_stream.detect.conservation.balance import plainest, simplest_first
from crackle_stream.detect.conservation.chance import log_choices
from crackle_stream.detect.conservation.law import Columns, Values, rounding_errors, slack_of
from crackle_stream.detect.conservation.null_space import propose_long_balances
from crackle_stream.detect.conservation.power_law import propose_power_laws
from crackle_stream.detect.conservation.probe import PROBES, draw_probes


def logs_of(columns: dict[str, Values]) -> Columns:
    values = np.column_stack(list(columns.values()))
    nothing = np.zeros(len(columns))
    return Columns(tuple(columns), np.log(values), nothing, nothing, True)


def by_hand(logs: Values) -> set[tuple[tuple[int, ...], tuple[float, ...]]]:
    """Regress each log on each set of one to three others; small fractions with little noise."""
    found: set[tuple[tuple[int, ...], tuple[float, ...]]] = set()
    for size in (2, 3, 4):
        for places in combinations(range(logs.shape[1]), size):
            if any(set(law) <= set(places) for law, _ in found):
                continue
            terms = logs[:, places] - logs[:, places].mean(axis=0)
            slopes, *_ = np.linalg.lstsq(terms[:, 1:], terms[:, 0], rcond=None)
            noise = (terms[:, 0] - terms[:, 1:] @ slopes).std()
            for whole in (1, 2, 3, 4):
                near = np.rint(slopes * whole)
                if np.abs(slopes - near / whole).max() < 0.01 and near.all():
                    if noise < 0.02 * terms.std(axis=0).min() and np.abs(near).max() <= 6:
                        found.add((places, (float(whole), *(-near).tolist())))
                    break
    return found


@pytest.mark.parametrize("seed", range(6))
def test_power_laws_are_those_of_regressions_of_every_metric_on_every_few_others(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    a, b, c, d = np.exp(rng.normal(size=(4, 300)))
    noise = np.exp(0.001 * rng.normal(size=(2, 300)))
    made = [a**1.5 * noise[0], a * b * noise[0], a**2 / b * noise[0]][seed % 3]
    other = [c * d * noise[1], c**0.5 * noise[1]][seed % 2]
    columns = logs_of({"a": a, "b": b, "c": c, "d": d, "made": made, "other": other})
    expected = by_hand(columns.values)
    assert len(expected) == 2
    found = {
        (law.places, tuple(weight / law.weights[0] for weight in law.weights))
        for law in propose_power_laws(columns)
    }
    assert found == {
        (places, tuple(weight / weights[0] for weight in weights)) for places, weights in expected
    }


@pytest.mark.parametrize("wild", [0, 20])
def test_power_laws_outlive_outliers_and_noise_alone_is_none(wild: int) -> None:
    rng = np.random.default_rng(3)
    a, b = np.exp(rng.normal(size=(2, 200)))
    made = a**-0.5 * np.exp(0.002 * rng.normal(size=200))
    made[:wild] = 77.0
    (law,) = propose_power_laws(logs_of({"a": a, "b": b, "made": made}))
    assert (law.places, law.weights) == ((0, 2), (1.0, 2.0))
    assert propose_power_laws(logs_of({"a": a, "b": b, "made": rng.permutation(made)})) == []


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 999), rows=st.integers(0, 60), rare=st.floats(0.3, 1.0))
def test_probes_are_different_rows_and_cover_what_is_there_often_enough(
    seed: int, rows: int, rare: float
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 4))
    values[rng.random(rows) > rare, 0] = np.nan
    columns = Columns(tuple("abcd"), values, np.zeros(4), np.zeros(4), True)
    probes = list(draw_probes(columns))
    again = list(draw_probes(columns))
    assert [(one.reference, one.rows.tolist()) for one in probes] == [
        (one.reference, one.rows.tolist()) for one in again
    ]
    covered = np.zeros(4)
    for one in probes:
        looked_at = [one.reference, *one.rows.tolist()]
        assert len(set(looked_at)) == PROBES + 1
        assert not set(looked_at) & set(one.check.tolist())
        covered += ~np.isnan(values[looked_at]).any(axis=0)
    often = (~np.isnan(values)).sum(axis=0) >= PROBES + 2
    assert np.all(covered[often] >= 2)
    if rows >= 2 * (PROBES + 2):
        halves = [set(range(rows // 2 + 1)), set(range(rows // 2, rows))]
        assert all(any(set(one.rows.tolist()) <= half for one in probes) for half in halves)


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.integers(-6, 6), min_size=4, max_size=4), min_size=1, max_size=12).map(
        lambda rows: np.array(rows, float)
    )
)
def test_vectors_are_brought_to_one_form_each_and_ordered_by_how_simple_they_are(
    vectors: Values,
) -> None:
    expected = set()
    for vector in vectors.astype(int).tolist():
        if any(vector):
            sign = 1 if next(filter(None, vector)) > 0 else -1
            expected.add(tuple(sign * weight // int(np.gcd.reduce(vector)) for weight in vector))
    found = [tuple(vector) for vector in simplest_first(vectors).astype(int).tolist()]
    assert len(found) == len(expected)
    assert set(found) == expected
    sizes = [(sum(map(bool, vector)), sum(map(abs, vector))) for vector in found]
    assert sizes == sorted(sizes)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 9_999), laws=st.integers(0, 2), columns=st.integers(4, 9))
def test_long_balances_span_the_null_space_of_the_steps(seed: int, laws: int, columns: int) -> None:
    # The reduced form has minors of those planted as coefficients: of three laws some pass 12.
    rng = np.random.default_rng(seed)
    free = rng.integers(-500, 500, (60, columns - laws)).astype(float)
    made = free @ rng.integers(-2, 3, (columns - laws, laws)).astype(float)
    metrics = np.hstack([free, made])[:, rng.permutation(columns)]
    values = np.hstack([metrics, np.full_like(metrics, np.nan)])
    found = propose_long_balances(values, np.empty((0, 2 * columns)))
    moving = np.ptp(metrics, axis=0) > 0
    null = linalg.null_space(np.diff(metrics[:, moving], axis=0))
    rank = np.linalg.matrix_rank(found) if len(found) else 0
    assert rank == null.shape[1]
    assert not np.diff(metrics @ found[:, :columns].T, axis=0).any()


@pytest.mark.parametrize(("columns", "terms"), [(5, 2), (11, 4), (30, 3)])
def test_choices_are_counted_as_sets_of_columns_and_factors(columns: int, terms: int) -> None:
    sets = sum(1 for _ in combinations(range(columns), terms))
    assert log_choices(columns, terms, 6.0) == pytest.approx(np.log(sets * 6.0 ** (terms - 1)))


@pytest.mark.parametrize(("spread", "found"), [(0.1, []), (0.5, [(0, 1, 2)])])
def test_a_term_that_hardly_lessens_the_noise_of_the_others_makes_no_law(
    spread: float, found: list[tuple[int, ...]]
) -> None:
    rng = np.random.default_rng(5)
    b, c, noise = np.exp(rng.normal(size=(3, 400)) * [[1.0], [spread], [0.015]])
    laws = propose_power_laws(logs_of({"a": b * c * noise, "b": b, "c": c}))
    assert [law.places for law in laws] == found


def test_of_a_law_and_a_tighter_one_with_one_term_more_the_shorter_is_proposed() -> None:
    rng = np.random.default_rng(5)
    b, c, noise = np.exp(rng.normal(size=(3, 400)) * [[1.0], [0.005], [0.0003]])
    laws = propose_power_laws(logs_of({"a": b * c * noise, "b": b, "c": c}))
    assert [law.places for law in laws] == [(0, 1)]


@given(st.lists(st.lists(st.integers(-2, 2), min_size=6, max_size=6), min_size=1, max_size=9))
def test_what_is_about_previous_values_alone_or_about_both_alike_is_said_of_the_metrics(
    vectors: list[list[int]],
) -> None:
    for vector, found in zip(vectors, plainest(np.array(vectors, float)).tolist(), strict=True):
        level, before = vector[:3], vector[3:]
        if np.linalg.matrix_rank([level, before]) < 2:
            level, before = level if any(level) else before, [0, 0, 0]
        assert found == level + before


@given(
    value=st.integers(1, 10**6),
    half=st.sampled_from([0.0, 2.0**-8, 0.375]),
    share=st.sampled_from([0.0, 2.0**-8]),
    rounded=st.booleans(),
    logs=st.booleans(),
)
def test_the_slack_of_a_term_is_how_far_off_the_true_value_may_be_at_most(
    value: int, half: float, share: float, rounded: bool, logs: bool
) -> None:
    unit = np.log if logs else float
    columns = Columns(("x",), np.empty((0, 1)), np.array([half]), np.array([share]), logs)
    term, place = np.array([[unit(value)]]), np.zeros(1, np.intp)
    error = half + share * value
    (found,) = rounding_errors(columns, place, term)[0]
    assert found == pytest.approx(error / value if logs else error)
    farthest = max(abs(unit(max(value + off, 0.1 * value)) - term[0, 0]) for off in (-error, error))
    ulps = 4 * np.spacing(1.0) * (1 + abs(term[0, 0]) if logs else value)
    (slack,) = slack_of(columns, place, term, rounded=rounded)[0]
    assert slack == pytest.approx((farthest if rounded else 0.0) + ulps, abs=1e-12)
