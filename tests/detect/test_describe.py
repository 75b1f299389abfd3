from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crackle_stream.detect.describe import describe, figure, law, listed
from crackle_stream.pattern import Pattern, PhaseTransitionPattern

BY_HAND = Path(__file__).parent / "data" / "patterns.jsonl"
PATTERNS = msgspec.json.Decoder(Pattern).decode_lines(BY_HAND.read_bytes())

SENTENCES = """\
latency_ms rose from 12.31 to 45.62 (+271%) at build-512 (2026-03-01T12:00:00Z)
errors rose from 0.1 to 2 at build-512 (2026-03-01T12:00:00Z)
queue scatters more (standard deviation from 1.2 to 3.6) at build-512 (2026-03-01T12:00:00Z)
memory_mb changed its trend (from 0.02 to 0.85 a task) at 2026-03-01T12:00:00Z
rows changed the shape of its distribution (mean from 1000000 to 1100000) at etl-700
price wanders like a random walk, with no single change to point at
width = 80 (within 0.004) holds over 1,000 tasks
rows_in = rows_bad + rows_out holds over 1,000 tasks, but for 1 task
mass^0.5 * period = 365.3 * axis^1.5 (within 0.012) holds over 1,000 tasks
cached + loaded = 100 held until position 512, and no longer
cpu and heat move together (r = 0.93)
fan and heat move against each other (rank r = -0.81, fan 3 tasks ahead)
load and watts depend on each other along a curve (xi = 0.77)
in etl: queue is stuck at 5 for 30 tasks at etl-700
640 of 1,000 tasks form a group: duration_s about 12.25 and tests about 812
300 of 1,000 tasks form a group: duration_s about 400 and tests about 9120
""".splitlines()


def forms(patterns):
    return {(pattern.kind, getattr(pattern, "form", None)) for pattern in patterns}


@pytest.mark.parametrize(("pattern", "sentence"), [*zip(PATTERNS, SENTENCES, strict=True)])
def test_each_kind_and_form_has_its_sentence(pattern, sentence):
    assert describe(pattern) == sentence


def test_the_patterns_by_hand_have_every_form_of_the_contract():
    assert {form for kind, form in forms(PATTERNS) if kind == "phase_transition"} == {
        "level",
        "spread",
        "trend",
        "distribution",
        "drift",
    }
    assert {form for kind, form in forms(PATTERNS) if kind == "conservation"} == {
        "constant",
        "linear",
        "power",
    }
    assert {form for kind, form in forms(PATTERNS) if kind == "correlation"} == {
        "linear",
        "monotone",
        "nonlinear",
    }


def test_a_label_group_comes_first():
    assert describe(replace(PATTERNS[0], group="etl")).startswith("in etl: latency_ms rose")


def test_a_fall_is_no_rise():
    fallen = replace(PATTERNS[0], before=PATTERNS[0].after, after=PATTERNS[0].before)
    assert "latency_ms fell from 45.62 to 12.31" in describe(fallen)


@pytest.mark.parametrize(("change", "said"), [(-0.12, "(-12%)"), (0.001, "2 at"), (1e9, "2 at")])
def test_a_relative_change_is_told_where_it_says_something(change, said):
    assert said in describe(replace(PATTERNS[0], metrics={"relative_change": change}))


@pytest.mark.parametrize(
    ("label", "time", "said"),
    [
        ("build-512", "2026-03-01T12:00:00Z", "at build-512 (2026-03-01T12:00:00Z)"),
        ("build-512", None, "at build-512"),
        ("anonymous task", "2026-03-01T12:00:00Z", "at 2026-03-01T12:00:00Z"),
        (None, None, "at position 512"),
    ],
)
def test_a_change_is_told_by_label_and_time_as_far_as_it_has_them(label, time, said):
    change = replace(PATTERNS[0], at_label=label, at_time=time)
    assert isinstance(change, PhaseTransitionPattern)
    assert describe(change).endswith(said)


def test_a_time_is_told_to_the_millisecond():
    change = replace(PATTERNS[0], at_label=None, at_time="2026-03-01T12:00:00.123456789Z")
    assert describe(change).endswith("at 2026-03-01T12:00:00.123Z")


@pytest.mark.parametrize(
    ("terms", "constant", "equation"),
    [
        ({"a": 1.0, "b": 1.0, "c": -1.0}, 0.0, "a + b = c"),
        ({"a": 1.0, "b": -2.0}, 5.0, "a = 2 b + 5"),
        ({"a": 1.0, "b": -2.0}, -5.0, "a + 5 = 2 b"),
        ({"a": 1.0, "b": 1.0}, 0.0, "a + b = 0"),
        ({"a": -1.0, "b": -1.0}, -7.0, "7 = a + b"),
        ({"a": -1.0, "b": -1.0}, 0.0, "0 = a + b"),
        ({"x": 1.0, "x[-1]": -1.0, "y": -1.0}, 0.0, "x = x[-1] + y"),
        ({"c": 1.8, "f": -1.0}, -32.0, "f = 1.8 c + 32"),
        ({"c": -1.8, "f": 1.0}, 32.0, "f = 1.8 c + 32"),
    ],
)
def test_a_linear_law_reads_as_a_balance(terms, constant, equation):
    linear = next(p for p in PATTERNS if getattr(p, "form", "") == "linear")
    assert law(replace(linear, terms=terms, constant=constant)) == equation


def test_a_conversion_is_told_by_the_factor_above_one():
    power = next(p for p in PATTERNS if getattr(p, "form", None) == "power")
    told = replace(power, terms={"s": 1.0, "us": -1.0}, constant=1e-6)
    assert law(told) == "us = 1000000 * s"


def test_a_law_says_of_how_many_tasks_it_tells():
    found = next(p for p in PATTERNS if p.kind == "conservation" and p.exceptions)
    part = replace(found, metrics={**found.metrics, "rows": 162.0})
    assert describe(part).endswith(" holds over 162 tasks, but for 1 task")


def test_a_product_is_written_without_a_factor_of_one():
    power = next(p for p in PATTERNS if getattr(p, "form", "") == "power")
    terms = {"rate": 1.0, "rows": -1.0, "seconds": 1.0}
    assert law(replace(power, terms=terms, constant=1.0)) == "rate * seconds = rows"
    assert law(replace(power, terms=terms, constant=1000.0)) == "rate * seconds = 1000 * rows"
    assert law(replace(power, terms={"p": 1.0, "v": 1.0}, constant=1.0)) == "p * v = 1"


@given(st.floats(-1e300, 1e300, allow_subnormal=False))
def test_a_figure_is_within_a_thousandth_of_its_number(number):
    assert float(figure(number)) == pytest.approx(number, rel=1e-3)


@given(st.integers(-(10**14), 10**14))
def test_a_whole_figure_is_exact(number):
    assert figure(float(number)) == str(number)


def test_no_zero_has_a_sign():
    assert figure(-0.0) == "0"


def test_a_list_of_nothing_is_nothing():
    assert listed([]) == ""
