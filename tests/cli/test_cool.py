import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager

import msgspec
import pytest
from click.testing import CliRunner

from crackle_stream.cli import main
from crackle_stream.pattern import Pattern

CRACKLE = [sys.executable, "-c", "from crackle_stream.cli import main; main(prog_name='crackle')"]


def planted(count=240, step_at=120):
    """Latency steps by ten of its standard deviations; errors have nothing in them."""
    draw = random.Random(20260301)
    lines = []
    for i in range(count):
        latency = draw.gauss(30.0, 1.0) + (10.0 if i >= step_at else 0.0)
        metrics = {"latency_ms": latency, "errors": draw.gauss(5.0, 1.0)}
        lines.append(json.dumps({"label": f"build-{i}", "metrics": metrics, "time": 60 * i}))
    return "".join(f"{line}\n" for line in lines)


def run(*arguments, given=None):
    return CliRunner().invoke(main, list(arguments), input=given)


def patterns(text):
    return msgspec.json.Decoder(Pattern).decode_lines(text)


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events.jsonl").write_text(planted())
    return tmp_path


def test_a_file_with_a_step_is_a_finding_that_says_where():
    done = run("cool", "events.jsonl")
    assert done.exit_code == 0
    assert "latency_ms rose from 29.9" in done.stdout
    assert "build-120 (1970-01-01T02:00:00Z), position 120" in done.stdout
    assert done.stdout.endswith("more: crackle cool events.jsonl --format json\n")
    assert done.stderr.endswith("read=240 accepted=240 duplicate=0 quarantined=0\n")


def test_in_a_log_that_runs_backwards_stretches_are_told_by_time():
    draw, lines = random.Random(1), []
    for i in range(200):
        bad, rows = draw.randrange(9), draw.randrange(900, 1100)
        metrics = {"in": rows, "bad": bad, "out": rows - bad - (i >= 150)}
        line = {"label": f"batch-{i}", "metrics": metrics, "time": 60 * i}
        lines.insert(0, json.dumps(line))
    done = run("cool", "-", given="\n".join(lines))
    assert "bad + out = in held until batch-150 (1970-01-01T02:30:00Z), and" in done.stdout
    assert "where      batch-150 (1970-01-01T02:30:00Z), position 49\n" in done.stdout
    assert "held       1970-01-01T00:00:00Z to 1970-01-01T02:29:00Z\n" in done.stdout
    assert "positions" not in done.stdout


def test_a_file_a_pipe_and_a_log_give_the_same_bytes():
    run("fire", "events.jsonl", "--log", "events.log")
    ways = [("events.jsonl", None), ("-", planted()), ("events.log", None)]
    texts = {run("cool", way, "--format", "jsonl", given=given).stdout for way, given in ways}
    assert len(texts) == 1
    assert 120 in [p.at for p in patterns(texts.pop()) if p.kind == "phase_transition"]


def test_what_was_cooled_on_the_way_is_what_a_replay_gives():
    plan = ["--every", "80", "--at", "end", "--format", "jsonl"]
    live = run("cool", "-", "--log", "events.log", *plan, given=planted(250))
    again = run("replay", "events.log", *plan)
    assert again.stdout == live.stdout
    assert {p.checkpoint for p in patterns(live.stdout)} <= {80, 160, 240, 250}


def test_workers_change_no_byte():
    plan = ["events.jsonl", "--window", "80", "--format", "json"]
    assert run("cool", *plan, "--workers", "2").stdout == run("cool", *plan).stdout


def test_a_replay_heads_each_checkpoint_with_what_it_saw():
    run("fire", "events.jsonl", "--log", "events.log")
    text = run("replay", "events.log", "--at", "label:build-9?", "--at", "end").stdout
    heads = [line for line in text.splitlines() if line.startswith("checkpoint ")]
    assert len(heads) == 11
    assert heads[0].startswith("checkpoint 91 (build-90): ")
    assert heads[-1].startswith("checkpoint 240: ")
    assert " in 240 tasks and 2 metrics" in heads[-1]


@pytest.mark.parametrize(("gate", "code"), [("phase_transition", 1), ("conservation", 0)])
def test_a_gate_exits_1_when_such_a_pattern_is_found(gate, code):
    done = run("cool", "events.jsonl", "--fail-on", gate)
    assert done.exit_code == code
    assert (f"--fail-on {gate}" in done.stderr) is bool(code)


def test_a_hidden_kind_opens_its_gate_and_changes_no_other():
    every = run("cool", "events.jsonl", "--format", "jsonl").stdout
    hidden = ["--without", "phase_transition", "--fail-on", "phase_transition"]
    done = run("cool", "events.jsonl", "--format", "jsonl", *hidden)
    assert done.exit_code == 0
    others = [p.id for p in patterns(every) if p.kind != "phase_transition"]
    assert [p.id for p in patterns(done.stdout)] == others


def test_where_nothing_is_found_it_says_what_was_looked_at():
    lines = planted(100, step_at=1_000)
    done = run("cool", "-", "--rate", "slow", given=lines)
    assert done.stdout.startswith("nothing found in 100 tasks and 2 metrics\n")
    assert "at a false discovery level of 0.01 (slow rate)" in done.stdout
    assert run("cool", "-", "--rate", "slow", "--format", "jsonl", given=lines).stdout == ""


def test_an_empty_pipe_is_said_to_hold_nothing():
    done = run("cool", "-", given="")
    assert (done.exit_code, done.stdout) == (
        0,
        "no checkpoint was reached: there are no events, or none where --every or --at asks\n",
    )


def test_an_envelope_is_whole_whatever_the_number_of_checkpoints():
    for source, number in ((planted(), 4), ("", 0)):
        done = run("cool", "-", "--every", "60", "--format", "json", given=source)
        document = json.loads(done.stdout)
        assert len(document["checkpoints"]) == number
        assert document["accounts"]["read"] == number * 60


def test_a_failure_before_the_first_checkpoint_leaves_stdout_empty():
    done = run("cool", "-", "--strict", "--format", "json", given="no json\n")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "read=0 accepted=0 duplicate=0 quarantined=0" in done.stderr


def test_the_temporary_log_is_gone_afterwards(directory, monkeypatch):
    place = directory / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    run("cool", "events.jsonl")
    run("cool", "-", "--strict", given="no json\n")
    assert list(place.iterdir()) == []


def test_a_log_that_is_named_is_kept_and_named_in_the_report():
    done = run("cool", "events.jsonl", "--log", "kept.log")
    assert "more: crackle cool kept.log --format json" in done.stdout
    assert json.loads(run("log", "info", "kept.log", "--format", "json").stdout)["events"] == 240


def test_checkpoints_are_shown_while_the_producer_still_runs():
    with started("cool", "-", "--every", "60", "-q") as cool:
        cool.stdin.write("".join(planted().splitlines(keepends=True)[:70]).encode())
        cool.stdin.flush()
        assert cool.stdout.readline().startswith(b"checkpoint 60: ")
        assert cool.poll() is None
        cool.send_signal(signal.SIGINT)
        told = cool.stderr.read()
    assert cool.returncode == 130
    assert b"nothing is kept, since no --log was named" in told
    assert b"read=70 accepted=70 duplicate=0 quarantined=0" in told
    assert b"Traceback" not in told


@contextmanager
def started(*arguments):
    """Run a command beside the test; one that hangs is killed, so that the test fails."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*CRACKLE, *arguments], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        watch = threading.Timer(30, process.kill)
        watch.start()
        yield process
        process.stdin.close()
        process.wait()
        watch.cancel()


def test_what_is_noted_at_every_checkpoint_is_told_once():
    lines = "".join(f'{{"metrics": {{"x": {i % 7}}}}}\n' for i in range(40))
    told = run("cool", "-", "--every", "10", given=lines).stderr
    assert told.count("have no time") == 1
