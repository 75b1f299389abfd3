"""`crackle explain`: as its user gives it, from a file, a pipe or a log."""

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_cool import planted
from test_log import spoil

from crackle_stream.cli import main


def run(*arguments, given=None, **environment):
    return CliRunner(env=environment).invoke(main, list(arguments), input=given)


@pytest.fixture(autouse=True)
def step(tmp_path, monkeypatch):
    """Give the id of the step that is planted in the directory's events."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events.jsonl").write_text(planted())
    lines = run("cool", "events.jsonl", "--format", "jsonl").stdout.splitlines()
    return next(found["id"] for found in map(json.loads, lines) if found.get("form") == "level")


def test_the_id_stands_in_the_text_report_and_its_beginning_is_enough(step):
    assert f"), id {step}\n" in run("cool", "events.jsonl").stdout
    done = run("explain", "events.jsonl", step[:5])
    assert done.exit_code == 0
    assert done.stdout.startswith("latency_ms rose from 29.9")
    assert f"  {step}: phase transition (level), found at normal rate" in done.stdout


def test_every_section_is_there_and_fits_the_width(step):
    text = run("explain", "events.jsonl", step).stdout
    for title in (
        "numbers",
        "evidence",
        "tasks responsible",
        "what else was tested",
        "what would have to differ",
    ):
        assert f"\n{title}\n" in text
    assert max(map(len, text.splitlines())) <= 80
    narrow = run("explain", "events.jsonl", step, "--width", "60").stdout
    assert max(map(len, narrow.splitlines())) <= 60
    assert run("explain", "events.jsonl", step, COLUMNS="60").stdout == narrow


def test_ascii_is_ascii(step):
    text = run("explain", "events.jsonl", step, "--ascii").stdout
    assert text.isascii()
    assert "^" in text


def test_of_a_damaged_log_what_stands_before_the_damage_is_explained(step):
    run("fire", "events.jsonl", "--log", "events.log")
    run("fire", "-", "--log", "events.log", given='{"metrics": {"other": 1}}\n')
    whole = run("explain", "events.jsonl", step)
    spoil(next(Path("events.log").glob("*.seg")), -2)
    done = run("explain", "events.log", step)
    assert (done.exit_code, done.stdout) == (4, whole.stdout)
    assert "is damaged at byte" in done.stderr
    unknown = run("explain", "events.log", "nothing")
    assert (unknown.exit_code, unknown.stdout) == (4, "")
    assert "no pattern's id begins with 'nothing'" in unknown.stderr


def test_a_file_a_pipe_and_a_log_are_explained_alike(step):
    run("fire", "events.jsonl", "--log", "events.log")
    texts = [
        run("explain", "events.jsonl", step).stdout,
        run("explain", "-", step, given=planted()).stdout,
        run("explain", "events.log", step).stdout,
    ]
    assert texts[0] == texts[1] == texts[2]


def test_json_is_one_object_with_numbers_sentences_and_plot(step):
    told = json.loads(run("explain", "events.jsonl", step, "--format", "json").stdout)
    assert told["pattern"]["id"] == step
    assert told["passed"]
    assert [gate["rate"] for gate in told["gates"]] == ["fast", "normal", "slow"]
    assert told["picture"]["at"] == 120
    assert len(told["picture"]["rows"]) == len(told["picture"]["values"]) <= 160
    assert {task["position"] for task in told["tasks"]} >= {119, 120}
    assert told["tasks"][0]["values"].keys() == {"latency_ms"}
    assert any("at every rate" in sentence for sentence in told["what_if"])


def test_a_unit_and_a_direction_of_the_profile_are_told(step, tmp_path):
    profile = '[metrics.latency_ms]\nunit = "ms"\nbetter = "lower"\n'
    (tmp_path / "crackle.toml").write_text(profile)
    text = run("explain", "events.jsonl", step, "-q").stdout
    assert "mean of latency_ms in ms" in text
    assert "ms (+" in text
    assert ": worse\n" in text


def test_an_unknown_id_lists_those_that_are_there(step):
    done = run("explain", "events.jsonl", "zzz", "-q")
    assert done.exit_code == 2
    assert "no pattern's id begins with 'zzz'" in done.stderr
    assert f"\n  {step}  latency_ms rose" in done.stderr


def test_an_ambiguous_id_lists_what_it_may_mean(step):
    run_again = run("explain", "events.jsonl", "", "--rate", "fast", "-q")
    others = run("cool", "events.jsonl", "--format", "jsonl", "--rate", "fast").stdout.splitlines()
    if len(others) > 1:
        assert run_again.exit_code == 2
        assert "several ids begin with ''" in run_again.stderr
    else:
        assert run_again.exit_code == 0


def test_a_candidate_that_did_not_pass_is_explained_with_what_it_lacks():
    # A step of two fifths of a standard deviation is sure in so many tasks, but small.
    draw = random.Random(1)
    values = [draw.gauss(50.0, 1.0) + 0.4 * (i >= 1000) for i in range(2000)]
    given = "".join(f"{json.dumps({'metrics': {'load': value}})}\n" for value in values)
    fast = run("cool", "-", "--rate", "fast", "--format", "jsonl", given=given).stdout
    (small,) = (p for p in map(json.loads, fast.splitlines()) if p.get("form") == "level")
    done = run("explain", "-", small["id"], "--rate", "slow", given=given)
    assert done.exit_code == 0
    text = " ".join(done.stdout.split())
    assert "a candidate that did not pass: it is not in the report" in text
    assert "why it did not pass It is found at fast, not at normal (effect 0." in text
    assert "Its effect would have to grow from 0." in text


def test_a_pattern_is_explained_at_the_checkpoint_that_was_asked_for(step):
    plan = ["--at", "200", "--format", "json"]
    told = json.loads(run("explain", "events.jsonl", step, *plan).stdout)
    assert told["checkpoint"] == 200
    assert told["pattern"]["window"]["n"] == 200


def test_the_last_checkpoint_that_found_it_is_explained(step):
    plan = ["--at", "60", "--at", "200", "--at", "220", "--format", "json"]
    told = json.loads(run("explain", "events.jsonl", step, *plan).stdout)
    assert told["checkpoint"] == 220
    assert told["passed"]


def test_a_pattern_of_a_label_group_and_of_a_window_is_found_by_its_id():
    plan = ["--group-by", "re:(build)-", "--window", "160", "--slide", "80"]
    found = run("cool", "events.jsonl", *plan, "--format", "jsonl").stdout.splitlines()
    level = next(p for p in map(json.loads, found) if p.get("form") == "level")
    told = json.loads(run("explain", "events.jsonl", level["id"], *plan, "--format", "json").stdout)
    assert told["pattern"]["group"] == "build"
    assert told["pattern"]["window"]["n"] == 160
    assert told["places"] == sum(json.loads(line)["id"] == level["id"] for line in found)


def test_a_handful_says_that_size_alone_was_looked_at():
    values = [45.0, 42.0, 48.0, 95.0, 102.0]
    given = "".join(f"{json.dumps({'metrics': {'s': value}})}\n" for value in values)
    found = run("cool", "-", "--rate", "fast", "--format", "jsonl", given=given).stdout
    ids = [json.loads(line)["id"] for line in found.splitlines()]
    assert ids
    for name in ids:
        done = run("explain", "-", name, "--rate", "fast", given=given)
        assert done.exit_code == 0, done.stderr
        assert "judged by size alone" in done.stdout.replace("\n  ", " ")


def test_hostile_names_do_nothing_to_the_terminal():
    hostile = "\x1b[2J\u202elatency"
    given = planted().replace("latency_ms", json.dumps(hostile)[1:-1])
    found = run("cool", "-", "--format", "jsonl", given=given).stdout.splitlines()
    for name in (json.loads(line)["id"] for line in found):
        for form in ("text", "json"):
            done = run("explain", "-", name, "--format", form, given=given)
            assert done.exit_code == 0
            assert "\x1b" not in done.stdout
            assert "\u202e" not in done.stdout


def test_workers_change_no_byte(step):
    plan = ["events.jsonl", step, "--window", "160", "--slide", "80"]
    assert run("explain", *plan, "--workers", "2").stdout == run("explain", *plan).stdout


def test_the_plot_is_of_the_window_that_the_pattern_was_found_in(step):
    plan = ["--window", "90", "--format", "json"]  # The step is in the middle of the second.
    told = json.loads(run("explain", "events.jsonl", step, *plan).stdout)
    window = told["pattern"]["window"]
    assert (window["first"], window["last"], window["n"]) == (90, 179, 90)
    assert told["picture"]["at"] == 30
    assert told["picture"]["positions"]["first"] >= 90
