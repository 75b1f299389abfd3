"""Golden files: written anew with ``CRACKLE_WRITE_GOLDEN=1 pytest tests/report``, then read."""

import os
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.detect.describe import describe
from crackle_stream.detect.findings import find_findings
from crackle_stream.ingest.accounts import Accounts
from crackle_stream.pattern import Level, Note, Pattern
from crackle_stream.profile import ThermalProfile
from crackle_stream.report.context import Context
from crackle_stream.report.render import FORMATS, rendering
from crackle_stream.report.terminal import Terminal, columns
from crackle_stream.report.text import telling

GOLDEN = Path(__file__).parent / "golden"
BY_HAND = Path(__file__).parents[1] / "detect" / "data" / "patterns.jsonl"
PATTERNS = [
    replace(pattern, description=describe(pattern))
    for pattern in msgspec.json.Decoder(Pattern).decode_lines(BY_HAND.read_bytes())
]
TINY = Level(-1.2345e-105, 1.2345e-105, 1000)
HOSTILE = "a|`b`\x1b[2J\u202e<script>\n# c"


def report_of(patterns, **other):
    marked, findings = find_findings(patterns)
    made = {"checkpoint": 1000, "events": 1000, "metrics": 12, "windows": 1, "tested": 412}
    return CoolingReport(patterns=marked, findings=findings, **{**made, **other})


def context(**other):
    return Context(plan=Plan(), command="crackle cool nightly.jsonl", **other)


def rendered(form, reports, **other):
    shown = rendering(form, context(**other))
    middle = b"".join(shown.checkpoint(report) for report in reports)
    return shown.begin() + middle + shown.end(Accounts(1003, 1000, 1, 2))


def assert_golden(name, text):
    path = GOLDEN / name
    if text.startswith(b'{"plan"'):
        # What a plan holds is the business of the rooms that read it.
        text = text.split(b"\n", 1)[1]
    if os.environ.get("CRACKLE_WRITE_GOLDEN"):
        path.write_bytes(text)
    assert text == path.read_bytes()


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_of_pattern_as_golden(form):
    assert_golden(f"every-form.{form}", rendered(form, [report_of(PATTERNS)]))


@pytest.mark.parametrize("form", FORMATS)
def test_checkpoints_of_a_replay_as_golden(form):
    first, second = (replace(p, life=f"life-{i}") for i, p in enumerate(PATTERNS[:2]))
    appeared = [replace(first, status="appeared"), replace(second, status="appeared")]
    confirmed, gone = replace(first, status="confirmed"), replace(second, status="gone")
    reports = [
        report_of([], checkpoint=500, label="deploy-1", events=500, tested=390, gone=()),
        report_of(appeared, late=3, windows=2, partial=True, unseen=("correlation",), gone=()),
        report_of([confirmed], checkpoint=1500, gone=(gone,)),
    ]
    assert_golden(f"replay.{form}", rendered(form, reports, staged=True))


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_found_as_golden(form):
    assert_golden(f"nothing.{form}", rendered(form, [report_of([])]))


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_hostile_labels_as_golden(form):
    hostile = replace(PATTERNS[0], at_label=HOSTILE, involved_tasks=(HOSTILE,), group=HOSTILE)
    assert_golden(f"hostile.{form}", rendered(form, [report_of([hostile])]))


def named_everywhere(name):
    """Changes and groups in which labels, label groups and metrics have the same name."""
    changes = [replace(p, at_label=name, group=name, subject=(name,)) for p in PATTERNS[:3]]
    groups = [
        replace(p, group=name, subject=(name,), center={name: 1.0 * i}, spread={name: 1.0})
        for i, p in enumerate(PATTERNS[-2:])
    ]
    return [*changes, *groups]


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_no_label_gets_a_control_character_or_a_line_of_its_own_through(form):
    hostile, plain = named_everywhere(HOSTILE), named_everywhere("plain")
    terminal = Terminal(width=10_000)
    text = rendered(form, [report_of(hostile)], terminal=terminal).decode()
    assert len(text.splitlines()) == len(
        rendered(form, [report_of(plain)], terminal=terminal).decode().splitlines()
    )
    assert not {"\x1b", "\u202e"} & set(text)


@pytest.mark.parametrize("width", [72, 80, 200])
def test_no_line_of_text_is_wider_than_the_terminal(width):
    far = [replace(p, at=123_456_789, before=TINY, after=TINY) for p in PATTERNS[:5]]
    patterns = [*PATTERNS[5:], *far]
    text = rendered("text", [report_of(patterns)], terminal=Terminal(width=width)).decode()
    assert max(columns(line) for line in text.splitlines()) <= width


def test_a_terminal_that_cannot_write_a_character_shows_its_number():
    named = replace(PATTERNS[0], at_label="café")
    text = rendered("text", [report_of([named])], terminal=Terminal(encoding="ascii"))
    assert rb"caf\xe9" in text


def test_colour_changes_no_character():
    plain = rendered("text", [report_of(PATTERNS)]).decode()
    coloured = rendered("text", [report_of(PATTERNS)], terminal=Terminal(colour=True)).decode()
    for code in ("0", "1", "2"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain


def test_jsonl_says_nothing_where_nothing_was_found():
    assert rendered("jsonl", [report_of([])]) == b""


def test_lines_of_json_are_the_patterns_themselves():
    report = report_of(PATTERNS)
    lines = rendered("jsonl", [report])
    assert msgspec.json.Decoder(Pattern).decode_lines(lines) == list(report.patterns)


def test_keys_come_in_the_order_of_the_contract():
    line = rendered("jsonl", [report_of(PATTERNS[:1])])
    assert list(msgspec.json.decode(line)) == [
        "kind",
        "id",
        "description",
        "confidence",
        "subject",
        "metrics",
        "involved_tasks",
        "involved_count",
        "window",
        "checkpoint",
        "evidence",
        "finding",
        "form",
        "at",
        "at_label",
        "at_time",
        "at_low",
        "at_high",
        "before",
        "after",
    ]


def test_the_envelope_is_one_document_and_names_each_note_once():
    note = Note("clock", "build counts up evenly: a clock", ("build",))
    report = report_of(PATTERNS, notes=(note,))
    document = msgspec.json.decode(rendered("json", [report, report]))
    assert list(document) == ["plan", "checkpoints", "notes", "accounts"]
    assert len(document["checkpoints"]) == 2
    assert [found["text"] for found in document["notes"]] == [note.text]
    assert document["accounts"]["read"] == 1003


def test_the_envelope_leaves_out_what_is_absent():
    (checkpoint,) = msgspec.json.decode(rendered("json", [report_of([])]))["checkpoints"]
    assert "label" not in checkpoint


def test_kinds_that_are_hidden_are_written_in_one_order():
    profile = ThermalProfile().without_correlations().without_clustering().without_conservation()
    shown = rendering("json", Context(plan=Plan(profile=profile), command="crackle"))
    plan = msgspec.json.decode(shown.begin() + shown.end(Accounts()))["plan"]
    assert plan["profile"]["without"] == ["clustering", "conservation", "correlation"]


def test_positions_that_bound_nothing_are_not_shown():
    # In an export with the newest first, an interval of time is none of positions.
    backward = replace(PATTERNS[0], at=512, at_low=515, at_high=508)
    assert b"between" in rendered("text", [report_of(PATTERNS[:1])])
    assert b"between" not in rendered("text", [report_of([backward])])


def test_a_long_finding_counts_the_rows_it_does_not_show():
    many = [
        replace(
            PATTERNS[0], id=f"{i}", subject=(f"metric_{i:02}",), at=512, at_low=512, at_high=512
        )
        for i in range(30)
    ]
    assert "    and 18 more" in rendered("text", [report_of(many)]).decode().splitlines()


def test_a_text_shows_the_ten_findings_of_a_kind_that_most_patterns_bear_witness_to():
    change, law = PATTERNS[0], PATTERNS[7]
    findings = [[change] * (1 + (i in (3, 14))) for i in range(15)] + [[law]]
    shown = telling(findings)
    assert len(shown) == 11
    assert {3, 14, 15} <= set(shown)
    assert shown == sorted(shown)
