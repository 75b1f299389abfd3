"""`crackle ack`: what was acknowledged is told in a line and meets no gate until it changes."""

import json

import pytest
from click.testing import CliRunner
from test_cool import planted

from crackle_stream.cli import main


def run(*arguments, given=None):
    return CliRunner().invoke(main, list(arguments), input=given)


@pytest.fixture(autouse=True)
def step(tmp_path, monkeypatch):
    """Keep planted events in a log; give the id of the step in them."""
    monkeypatch.chdir(tmp_path)
    assert run("fire", "-", "--log", "tasks.log", given=planted()).exit_code == 0
    return next(p["id"] for p in found() if p.get("form") == "level")


def found(*options):
    return [
        json.loads(line)
        for line in run("cool", "tasks.log", "--format", "jsonl", *options).stdout.splitlines()
    ]


def gate():
    return run("cool", "tasks.log", "--fail-on", "phase_transition", "-q").exit_code


def test_an_acknowledged_finding_meets_no_gate_and_is_told_in_a_line(step):
    assert gate() == 1
    done = run("ack", "tasks.log", step[:6], "--reason", "the new parser")
    assert done.exit_code == 0
    assert done.stderr.startswith("tasks.log: acknowledged: latency_ms rose")
    assert gate() == 0
    text = run("cool", "tasks.log").stdout
    assert "\nacknowledged: latency_ms rose" in text
    assert step not in text
    (pattern,) = (p for p in found() if p["id"] == step)
    assert pattern["status"] == "acknowledged"


def test_it_can_be_taken_back(step):
    run("ack", "tasks.log", step, "--reason", "the new parser")
    assert run("ack", "tasks.log", step, "--withdraw").exit_code == 0
    assert gate() == 1
    again = run("ack", "tasks.log", step, "--withdraw")
    assert (again.exit_code, again.stderr) == (
        2,
        f"crackle: {step} is not acknowledged: there is nothing to take back\n",
    )


def test_all_of_a_finding_is_acknowledged_or_one_pattern_alone(step):
    together = {p["id"] for p in found() if p["finding"] == finding_of(step)}
    run("ack", "tasks.log", step, "--reason", "known", "--alone")
    assert acknowledged() == {step}
    run("ack", "tasks.log", step, "--reason", "known")
    assert acknowledged() == together


def finding_of(step):
    return next(p["finding"] for p in found() if p["id"] == step)


def acknowledged():
    return {p["id"] for p in found() if p.get("status") == "acknowledged"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["zzz", "--reason", "x"], "no pattern's id begins with 'zzz': these are there:"),
        (["", "--reason", "x"], "several ids begin with '': give more of it"),
        (["zzz"], "say why with --reason"),
        (["zzz", "--reason", " "], "say why with --reason"),
    ],
)
def test_what_cannot_be_acknowledged_is_said(arguments, said):
    done = run("ack", "tasks.log", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_nothing_to_acknowledge_is_said():
    run("fire", "-", "--log", "empty.log", given="")
    assert "nothing was found" in run("ack", "empty.log", "a", "--reason", "x").stderr
