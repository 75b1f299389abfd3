"""False discoveries are controlled, sizes gated, and levels held across checkpoints."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.online_level import OnlineLevel, weight
from crackle_stream.detect.significance import accept, adjust, confidence, is_large
from crackle_stream.pattern import CorrelationPattern, Evidence, Span
from crackle_stream.profile import CoolingRate

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


@given(st.lists(st.tuples(st.floats(0, 0.1), st.floats(0, 1)), max_size=20), st.integers(0, 20))
def test_fast_finds_a_superset_of_normal_and_normal_of_slow(drawn, more):
    candidates = tuple(candidate(p, size) for p, size in drawn)
    detection = Detection(candidates, len(candidates) + more)
    found = [
        {(c.p_value, c.size) for c in accept([detection], rate, rate.false_discovery / 4)}
        for rate in RATES
    ]
    assert found[0] >= found[1] >= found[2]


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
    assert kept.pattern.confidence == confidence(kept.pattern.evidence.q_value)


@given(st.floats(0, 1), st.floats(0, 1))
def test_confidence_falls_with_the_q_value_and_stays_between_a_half_and_one(a, b):
    low, high = sorted((a, b))
    assert 0.5 <= confidence(high) <= confidence(low) < 1.0


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
