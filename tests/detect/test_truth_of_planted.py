"""What the benchmark calls true of a planted window: its definitions, sentence by sentence."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from crackle_stream.pattern import (
    ClusteringPattern,
    ConservationPattern,
    CorrelationPattern,
    Evidence,
    LawForm,
    PhaseForm,
    PhaseTransitionPattern,
    Span,
    Stretch,
)
from tests.bench.mix import Change, Mixed, Relation
from tests.bench.truth import is_true

ROWS = 400
SOURCES = {"x": {("a", 0)}, "y": {("b", 0)}, "late": {("a", 4)}, "sum": {("a", 0), ("b", 0)}}
SAID: dict[str, Any] = {
    "id": "",
    "description": "",
    "confidence": 1.0,
    "metrics": {},
    "involved_tasks": (),
    "involved_count": 0,
    "window": Span(0, ROWS - 1, ROWS),
    "evidence": Evidence(n=ROWS, effect=1.0, p_value=0.0, q_value=0.0, tested=1),
}


def window(rows: int = ROWS, **planted: Any) -> Mixed:
    columns = {name: np.zeros(rows) for name in SOURCES}
    none = Mixed(columns, {}, SOURCES, [], [], set(), set(), set(), [])
    return replace(none, **planted)


def change(form: PhaseForm, at: int | None, low: int = 0, high: int = 0) -> PhaseTransitionPattern:
    return PhaseTransitionPattern(
        **SAID, subject=("x",), form=form, at=at, at_low=low or at, at_high=high or at
    )


def correlation(first: str, second: str, lag: int = 0) -> CorrelationPattern:
    return CorrelationPattern(**SAID, subject=(first, second), form="linear", r=1.0, lag=lag)


def law(form: LawForm, broke_at: int | None = None, **terms: float) -> ConservationPattern:
    return ConservationPattern(
        **SAID,
        subject=tuple(terms),
        form=form,
        terms={name.replace("_before", "[-1]"): weight for name, weight in terms.items()},
        constant=0.0,
        residual=0.0,
        holds=Stretch(0, (broke_at or ROWS) - 1),
        broke_at=broke_at,
    )


def group(members: set[int]) -> ClusteringPattern:
    return ClusteringPattern(
        **SAID,
        subject=("x",),
        members=tuple(sorted(members)),
        size=len(members),
        center={},
        spread={},
        separation=9.0,
    )


@pytest.mark.parametrize("rows", [100, 400])
@pytest.mark.parametrize("margins", [(0, 0), (0, 9), (9, 0), (2, 12)])
def test_a_change_is_true_where_the_interval_has_it_or_the_place_is_near(
    rows: int, margins: tuple[int, int]
) -> None:
    truth = window(rows=rows, changes=[Change("x", 50, ("level",))])
    for said in range(30, 70):
        interval = range(said - margins[0], said + margins[1] + 1)
        near = 50 in range(said - 5, said + 6) or abs(said - 50) * 50 <= rows
        found = is_true(change("level", said, interval[0], interval[-1]), truth)
        assert found is (50 in interval or near)


def test_a_change_is_true_of_its_metric_in_any_form_that_it_also_shows_in() -> None:
    truth = window(
        changes=[Change("x", 50, ("level", "distribution")), Change("y", 50, ("spread",))]
    )
    assert is_true(change("level", 50), truth)
    assert is_true(change("distribution", 50), truth)
    assert not is_true(change("spread", 50), truth)


def test_drift_is_true_of_what_wanders_wherever_it_changed() -> None:
    drift = change("drift", None)
    assert is_true(drift, window(wanders={"x"}))
    assert not is_true(drift, window(wanders={"y"}, changes=[Change("x", 50, ("level",))]))


@pytest.mark.parametrize(
    ("first", "second", "lag", "expected"),
    [
        ("x", "sum", 0, True),
        ("x", "y", 0, False),
        *(("x", "late", lag, 3 <= lag <= 5) for lag in range(8)),
        ("late", "x", 4, False),
        ("sum", "late", 4, True),
        ("sum", "late", 0, False),
    ],
)
def test_a_correlation_is_true_of_metrics_of_one_source_at_its_lag_to_one_row(
    first: str, second: str, lag: int, expected: bool
) -> None:
    assert is_true(correlation(first, second, lag), window()) is expected


WEIGHTS = st.integers(-3, 3).map(float)


@settings(max_examples=150)
@given(multiples=st.tuples(WEIGHTS, WEIGHTS), astray=st.sampled_from([0.0, 0.0, 1.0]))
def test_a_balance_is_true_if_its_coefficients_are_a_combination_of_planted_ones(
    multiples: tuple[float, float], astray: float
) -> None:
    planted = [{"sum": 1.0, "x": -1.0, "y": -1.0}, {"late": 1.0, "x": -2.0}]
    truth = window(relations=[Relation("linear", terms) for terms in planted])
    said = {
        name: sum(
            multiple * terms.get(name, 0.0)
            for multiple, terms in zip(multiples, planted, strict=True)
        )
        for name in SOURCES
    }
    said["y"] += astray
    terms = {name: weight for name, weight in said.items() if weight}
    if terms:
        assert is_true(law("linear", **terms), truth) is (astray == 0)


@pytest.mark.parametrize(
    ("exponent", "expected"), [(1.5, True), (1.51, True), (1.6, False), (-1.5, False)]
)
def test_exponents_are_true_to_two_percent_of_their_length(exponent: float, expected: bool) -> None:
    truth = window(relations=[Relation("power", {"x": 1.0, "y": -1.5})])
    assert is_true(law("power", x=2.0, y=-2 * exponent), truth) is expected
    assert not is_true(law("linear", x=2.0, y=-2 * exponent), truth)


@pytest.mark.parametrize(
    ("planted", "said", "expected"),
    [
        (None, None, True),
        (None, 200, False),
        (200, None, False),
        (200, 208, True),
        (200, 192, True),
        (200, 209, False),
    ],
)
def test_where_a_law_broke_for_good_must_be_said_within_two_percent(
    planted: int | None, said: int | None, expected: bool
) -> None:
    truth = window(relations=[Relation("linear", {"x": 1.0, "y[-1]": -1.0}, planted)])
    assert is_true(law("linear", said, x=1.0, y_before=-1.0), truth) is expected


def test_no_law_is_true_where_none_was_planted_nor_one_with_a_metric_of_its_own() -> None:
    balance = law("linear", x=1.0, y=-1.0)
    assert not is_true(balance, window())
    assert not is_true(balance, window(relations=[Relation("linear", {"x": 1.0, "late": -1.0})]))


def test_a_constant_is_true_of_what_was_made_steady() -> None:
    assert is_true(law("constant", x=1.0), window(steady={"x"}))
    assert not is_true(law("constant", x=1.0), window(steady={"y"}))


def belongs(members: set[int], divisions: list[list[set[int]]]) -> bool:
    """Eight in ten of its tasks are of some groups, not all, and at least half of each."""
    return any(
        all(2 * len(members & one) >= len(one) for one in some)
        and 10 * len(members & set().union(*some)) >= 8 * len(members)
        for groups in divisions
        for count in range(1, len(groups))
        for some in combinations(groups, count)
    )


@settings(max_examples=300)
@given(
    labels=st.lists(st.integers(0, 1), min_size=24, max_size=24),
    step=st.integers(8, 16),
    about=st.integers(0, 7),
    part=st.sampled_from([0.4, 0.5, 0.6, 1.0]),
    strangers=st.integers(0, 2),
)
def test_a_cluster_is_true_of_a_group_a_side_of_a_step_or_a_group_on_one_side(
    labels: list[int], step: int, about: int, part: float, strangers: int
) -> None:
    truth = window(rows=24, partitions=[np.array(labels), (np.arange(24) >= step).astype(int)])
    groups = [{row for row in range(24) if labels[row] == label} for label in (0, 1)]
    sides = [set(range(step)), set(range(step, 24))]
    crossed = [one & side for one in groups for side in sides]
    one = sorted([*groups, *sides, *crossed][about])
    others = sorted(set(range(24)) - set(one))
    members = {*one[: round(part * len(one))], *others[:strangers]}
    if members:
        divisions = [[each for each in some if each] for some in (groups, sides, crossed)]
        assert is_true(group(members), truth) is belongs(members, divisions)


def test_a_group_stays_true_with_half_of_a_much_smaller_one_beside_it() -> None:
    truth = window(rows=24, partitions=[np.array([0] * 22 + [1] * 2)])
    assert is_true(group(set(range(23))), truth)
    assert not is_true(group({*range(11), 22, 23, *range(11, 15)}), window(rows=24, partitions=[]))
