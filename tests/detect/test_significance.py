"""False discoveries are controlled, sizes gated, and levels held across checkpoints."""

from typing import get_args

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy.stats import false_discovery_control

from crackle_stream.clock import Deadline
from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.confidence import (
    MOST_CONFIDENT,
    WEIGHTS,
    confidence,
    log_digits,
    weighed_as,
)
from crackle_stream.detect.examine import examine
from crackle_stream.detect.online_level import OnlineLevel, weight
from crackle_stream.detect.significance import LITTLE, accept, adjust, as_handful, is_large
from crackle_stream.detect.view import table_of, view_table
from crackle_stream.pattern import (
    KINDS,
    CorrelationPattern,
    Evidence,
    LawForm,
    Pattern,
    PhaseForm,
    Span,
)
from crackle_stream.profile import CoolingRate, ThermalProfile
from tests.bench.mix import draw_window

RATES = [CoolingRate.fast(), CoolingRate.normal(), CoolingRate.slow()]
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def candidate(p_value, size=1.0, gate="correlation"):
    pattern = CorrelationPattern(
        id="x",
        description="",
        confidence=0.0,
        subject=("a", "b"),
        metrics={},
        involved_tasks=(),
        involved_count=0,
        window=Span(0, 9, 10),
        evidence=Evidence(n=10, effect=size, p_value=p_value, q_value=1.0, tested=1),
        form="linear",
        r=size,
        lag=0,
    )
    return Candidate(pattern=pattern, size=size, p_value=p_value, gate=gate)


@pytest.mark.parametrize(("any_dependence", "method"), [(False, "bh"), (True, "by")])
@given(p_values=P_VALUES)
def test_q_values_equal_scipys_when_all_hypotheses_are_given(p_values, any_dependence, method):
    p = np.array(p_values)
    ours = adjust(p, len(p), any_dependence=any_dependence)
    np.testing.assert_allclose(ours, false_discovery_control(p, method=method), 1e-12, 1e-300)


@given(p_values=P_VALUES, untested=st.integers(0, 50))
def test_hypotheses_without_a_candidate_count_as_p_values_of_one(p_values, untested):
    p = np.array(p_values)
    padded = np.concatenate([p, np.ones(untested)])
    expected = false_discovery_control(padded)[: len(p)]
    np.testing.assert_allclose(adjust(p, len(padded)), expected, 1e-12, 1e-300)


DRAFTS = st.builds(
    candidate,
    st.one_of(st.just(0.0), st.floats(0, 0.1), st.floats(-40, 0).map(lambda x: 10.0**x)),
    st.floats(0, 5),
    st.sampled_from(["separation", "correlation", "shift", "variation", "none"]),
)
DETECTIONS = st.builds(
    lambda candidates, more: Detection(tuple(candidates), len(candidates) + more),
    st.lists(DRAFTS, max_size=8),
    st.integers(0, 30),
)


def said(detections, rate, level):
    """Give what is said of each candidate, by its own numbers, and how sure it is."""
    kept = accept(detections, rate, level)
    return {(one.gate, one.p_value, one.size): one.pattern.confidence for one in kept}


@given(st.lists(DETECTIONS, max_size=4))
def test_fast_finds_a_superset_of_normal_and_normal_of_slow_as_sure_of_each(detections):
    fast, normal, slow = (said(detections, rate, rate.false_discovery / 4) for rate in RATES)
    assert fast.items() >= normal.items() >= slow.items()


@given(st.lists(st.lists(DETECTIONS, max_size=2), max_size=12))
def test_the_same_holds_at_every_checkpoint_of_a_stream_whatever_was_found_before(stream):
    levels = [OnlineLevel(rate.false_discovery / 4) for rate in RATES]
    for detections in stream:
        found = [
            said(detections, rate, level.current) for rate, level in zip(RATES, levels, strict=True)
        ]
        assert found[0].items() >= found[1].items() >= found[2].items()
        for level, one in zip(levels, found, strict=True):
            level.next(found=bool(one))


@pytest.mark.parametrize("seed", range(6))
def test_on_planted_streams_each_rate_says_what_the_slower_one_says_word_for_word(seed):
    drawn = draw_window(np.random.default_rng([7, seed]))
    view = view_table(table_of({name: column[:400] for name, column in drawn.columns.items()}))
    rates = []
    for rate in RATES:
        found = examine(view, ThermalProfile(rate=rate), Deadline(None)).detections
        level = rate.false_discovery / len(KINDS)
        kept = [one.pattern for kind in KINDS for one in accept([found[kind]], rate, level)]
        rates.append({without_q_value(pattern) for pattern in kept})
    assert rates[0] >= rates[1] >= rates[2]


def without_q_value(pattern: Pattern) -> bytes:
    """Give the bytes of a pattern, but for its q-value: at slow it allows for any dependence."""
    return msgspec.json.encode(replace(pattern, evidence=replace(pattern.evidence, q_value=0.0)))


@pytest.mark.parametrize(
    ("gate", "size", "passed"),
    [
        ("separation", 2.5, [True, True, False]),
        ("correlation", 0.7, [True, True, False]),
        ("shift", 0.5, [True, True, False]),
        ("variation", 0.005, [True, True, False]),
        ("none", 0.0, [True, True, True]),
    ],
)
def test_each_gate_holds_the_size_against_its_own_threshold(gate, size, passed):
    assert [is_large(candidate(0.0, size, gate), rate) for rate in RATES] == passed


def test_accepted_patterns_carry_their_q_value_and_the_number_tested():
    detections = [Detection((candidate(0.001),), 10), Detection((), 10)]
    (kept,) = accept(detections, CoolingRate.normal(), 0.05)
    assert kept.pattern.evidence.q_value == pytest.approx(0.02)
    assert kept.pattern.evidence.tested == 20
    assert kept.pattern.confidence == confidence(kept.pattern, kept.pattern.evidence.q_value)


def draft(name):
    """Give a pattern that is weighed by that row of the table."""
    if name == "correlation":
        return candidate(0.01).pattern
    laws = dict.fromkeys(get_args(LawForm), "conservation")
    numbers = msgspec.to_builtins(candidate(0.01).pattern) | {
        "kind": {"clustering": "clustering", **laws}.get(name, "phase_transition"),
        "form": name,
        "terms": {},
        "constant": 0.0,
        "residual": 0.0,
        "holds": {"first": 0, "last": 9},
        "size": 3,
        "center": {},
        "spread": {},
        "separation": 0.0,
    }
    return msgspec.convert(numbers, Pattern)


@given(st.sampled_from(sorted(WEIGHTS)), st.floats(0, 1), st.floats(0, 1))
def test_confidence_of_any_form_falls_with_the_q_value_and_is_never_certain(name, a, b):
    pattern = draft(name)
    assert weighed_as(pattern) == name
    low, high = sorted((a, b))
    assert 0 < confidence(pattern, high) <= confidence(pattern, low) <= MOST_CONFIDENT < 1


def test_confidence_is_the_logistic_function_of_the_logarithm_of_the_digits():
    weight = WEIGHTS["correlation"]
    odds = np.exp(weight.base) * 5**weight.digits
    said = confidence(candidate(1e-5).pattern, 1e-5)
    assert said == pytest.approx(min(odds / (1 + odds), MOST_CONFIDENT), abs=1e-4)


@given(st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_near_constant_metric_is_surer_the_less_it_varies(a, b):
    law = draft("constant")
    steady, loose = (
        replace(law, evidence=replace(law.evidence, effect=variation))
        for variation in sorted((a, b))
    )
    assert confidence(steady, 0.01) >= confidence(loose, 0.01)


def test_a_q_value_too_small_for_a_float_counts_as_the_smallest():
    assert log_digits(0.0) == log_digits(1e-300) == pytest.approx(np.log(300))


def test_every_form_of_every_kind_has_a_weight():
    forms = {form for forms in (PhaseForm, LawForm) for form in get_args(forms)}
    assert set(WEIGHTS) == {*forms, "correlation", "clustering"}


def test_the_correction_at_slow_changes_the_q_value_and_not_how_sure_a_pattern_is():
    detection = Detection((candidate(1e-6),), 10)
    normal, slow = (accept([detection], rate, 0.01)[0].pattern for rate in RATES[1:])
    assert slow.evidence.q_value > normal.evidence.q_value
    assert slow.confidence == normal.confidence


@given(st.floats(0, 1))
def test_a_handful_of_tasks_gives_little_confidence_however_small_its_p_value(p_value):
    (few,) = as_handful([candidate(p_value)])
    assert 0 < few.pattern.confidence <= LITTLE


def test_weights_of_the_online_level_add_up_to_one():
    total = sum(weight(step) for step in range(1, 200_000))
    assert 0.995 < total < 1.0


@given(st.lists(st.booleans(), max_size=60))
def test_the_online_level_equals_the_published_formula(outcomes):
    level = 0.05
    levels = OnlineLevel(level)
    given_out = [levels.next(found=found) for found in outcomes]
    found_at = [i + 1 for i, found in enumerate(outcomes) if found]
    for t, ours in enumerate(given_out, 1):
        before = [at for at in found_at if at < t]
        expected = level / 2 * weight(t)
        expected += sum(level / 2 * weight(t - at) for at in before[:1])
        expected += sum(level * weight(t - at) for at in before[1:])
        assert ours == pytest.approx(expected)


def test_without_discoveries_all_checkpoints_together_spend_at_most_half_the_level():
    levels = OnlineLevel(0.05)
    assert sum(levels.next(found=False) for _ in range(1000)) < 0.025
