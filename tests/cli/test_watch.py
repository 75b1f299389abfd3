"""`crackle watch`: what is told when, of a pipe, a file and a log that somebody else writes."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from crackle_stream.cli import main
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog

CRACKLE = [sys.executable, "-c", "from crackle_stream.cli import main; main()"]


def lines(count=500, at=300, name="load"):
    rng = random.Random(1)
    numbers = [rng.gauss(100 + (40 if i >= at else 0), 8) for i in range(count)]
    return [json.dumps({"label": f"job-{i}", "metrics": {name: x}}) for i, x in enumerate(numbers)]


def text(some):
    return "".join(f"{line}\n" for line in some)


def run(*arguments, given=None):
    return CliRunner().invoke(main, ["watch", *map(str, arguments)], input=given)


def fill(log, some):
    events = [TaskEvent(**json.loads(line)) for line in some]
    with EventLog.create_or_open(log) as into:
        into.append(batch_events(events))


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.fixture
def source(tmp_path):
    source = tmp_path / "events.jsonl"
    source.write_text(text(lines()))
    return source


def test_it_tells_of_an_alarm_its_confirmation_and_the_finding_a_line_each():
    done = run("-", given=text(lines()))
    words = [line.split()[0] for line in done.stdout.splitlines()]
    assert (done.exit_code, words[:3]) == (0, ["raised", "confirmed", "found"])
    raised, confirmed, found = done.stdout.splitlines()[:3]
    assert raised.startswith(
        "raised         304  load rose from 100.9 to 144.2 since job-300, position 300 "
    )
    assert confirmed.startswith("confirmed      304  load: pattern ")
    assert found.startswith("found          500  load rose from ")
    assert done.stderr.splitlines()[-1] == "read=500 accepted=500 duplicate=0 quarantined=0"


def test_lines_of_json_say_the_same_and_name_the_pattern_that_cooling_gives(log, source):
    done = run(source, "--log", log, "--every", 200, "--format", "jsonl")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    statuses = [line["status"] for line in told]
    assert statuses[:3] == ["raised", "confirmed", "found"]
    assert (told[0]["metric"], told[0]["onset"], told[1]["checkpoint"]) == ("load", 300, 400)
    cooled = CliRunner().invoke(main, ["cool", str(log), "--at", "400", "--format", "jsonl"])
    ids = {json.loads(line)["id"] for line in cooled.stdout.splitlines()}
    assert told[1]["pattern"] in ids
    assert set(told[2]["patterns"]) <= ids


def test_findings_are_told_once_though_every_checkpoint_finds_them(source):
    done = run(source, "--every", 50, "--format", "jsonl", "-q")
    found = [line for line in map(json.loads, done.stdout.splitlines()) if "headline" in line]
    headlines = [line["headline"].split(" at ")[0].split(" from ")[0] for line in found]
    assert len(headlines) == len(set(headlines)) > 0


@pytest.mark.parametrize("every", ["100", "1000", "77"])
def test_a_log_that_is_there_tells_what_was_told_while_it_was_written(log, source, every):
    live = run(source, "--log", log, "--every", every)
    again = run(log, "--until-end", "--every", every)
    assert again.stdout == live.stdout
    assert again.stderr.splitlines()[-1] == "read=0 accepted=0 duplicate=0 quarantined=0"


def test_from_now_on_what_stood_in_the_log_is_reference_only(log, tmp_path):
    some = lines(count=900, at=300)
    fill(log, some[:500])
    more = [line.replace('"load": ', '"load": 9') for line in some[500:]]
    done = run(
        "-", "--log", log, "--from-now", "--every", 200, "--format", "jsonl", given=text(more)
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["onset"] for line in told if line["status"] == "raised"] == [500]
    assert {line["checkpoint"] for line in told if "checkpoint" in line} <= {600, 800, 900}


def test_bad_lines_are_told_and_closed_in_the_accounts():
    done = run("-", given=text(["oops", *lines(), "{}}"]))
    assert done.stdout.startswith("raised         304")
    assert "rejected: line 1: invalid_json" in done.stderr
    assert done.stderr.splitlines()[-1] == "read=502 accepted=500 duplicate=0 quarantined=2"


def test_nothing_is_told_of_nothing():
    done = run("-", given="")
    assert (done.exit_code, done.stdout) == (0, "")


@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_a_hostile_name_is_shown_and_does_nothing(form):
    done = run("-", "--format", form, given=text(lines(name="x\x1b[2J\x9b\u202e\n")))
    assert not set("\x1b\x9b\u202e") & set(done.stdout)
    assert all(
        line.startswith(("raised", "conf", "found", "{")) for line in done.stdout.splitlines()
    )


def test_a_line_comes_before_the_pipe_ends_and_an_interrupt_says_what_is_kept(log):
    with subprocess.Popen(
        [*CRACKLE, "watch", "-", "--log", log],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watch:
        watch.stdin.write(text(lines()))
        watch.stdin.flush()
        first = watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        assert watch.wait(60) == 130
        said = watch.stderr.read()
    assert first.startswith("raised         304")
    assert "1 alarm not confirmed or withdrawn yet" in said
    assert f"the 500 events read are kept in {log}" in said
    assert "read=500 accepted=500 duplicate=0 quarantined=0" in said
    assert "Traceback" not in said


def test_a_log_that_somebody_else_writes_is_followed_until_an_interrupt(log):
    some = lines()
    fill(log, some[:200])
    with subprocess.Popen(
        [*CRACKLE, "watch", log], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watch:
        time.sleep(0.5)
        fill(log, some[200:450])
        first = watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        assert watch.wait(60) == 130
        said = watch.stderr.read()
    assert first.startswith("raised         304")
    assert "looked at up to position 450; the log is as it was" in said
    assert "Traceback" not in said


def test_of_a_damaged_log_what_stands_before_the_damage_is_told(log):
    some = lines(count=900, at=300)
    for start in range(0, 900, 100):
        fill(log, some[start : start + 100])
    (segment,) = log.glob("*.seg")
    content = bytearray(segment.read_bytes())
    content[int(len(content) * 0.9)] ^= 255
    segment.write_bytes(content)
    done = run(log, "--until-end")
    assert done.exit_code == 4
    assert [line.split()[0] for line in done.stdout.splitlines()[:2]] == ["raised", "confirmed"]
    assert "is damaged at byte" in done.stderr


def test_when_the_reader_has_gone_it_ends_quietly(source):
    with (
        subprocess.Popen(
            [*CRACKLE, "watch", source, "-q"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as watch,
    ):
        watch.stdout.close()
        said = watch.stderr.read()
        assert watch.wait(60) == 141
    assert said == b"read=500 accepted=500 duplicate=0 quarantined=0\n"


def test_a_log_into_a_log_is_refused(log, tmp_path):
    fill(log, lines(10))
    assert run(log, "--log", tmp_path / "other").exit_code == 2
    assert run(tmp_path / "none").exit_code == 2
