import json

import pytest
from click.testing import CliRunner

from crackle_stream.cli import main
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog

LINES = [
    '{"metrics":{"s":1.0},"label":"a","time":"2026-03-01T12:00:00Z"}',
    '{"metrics":{"s":2.0,"t":3.5},"label":"b","time":"2026-03-01T12:00:01Z","outcome":"ok"}',
    '{"metrics":{},"label":"\\u001b[2J"}',
]


def run(*arguments, given=None):
    return CliRunner().invoke(main, list(arguments), input=given)


@pytest.fixture
def log(tmp_path):
    path = str(tmp_path / "events.log")
    run("fire", "-", "--log", path, given="\n".join([*LINES, "no json", ""]))
    return path


def test_cat_gives_lines_that_can_be_fired_again(log, tmp_path):
    text = run("log", "cat", log).stdout
    assert text.splitlines() == LINES
    run("fire", "-", "--log", str(tmp_path / "again.log"), given=text)
    assert run("log", "cat", str(tmp_path / "again.log")).stdout == text


def test_cat_as_json_is_one_array(log):
    text = run("log", "cat", log, "--format", "json").stdout
    assert json.loads(text) == [json.loads(line) for line in LINES]


def test_cat_of_an_empty_log_as_json_is_an_empty_array(tmp_path):
    path = str(tmp_path / "empty.log")
    run("fire", "-", "--log", path, given="")
    assert json.loads(run("log", "cat", path, "--format", "json").stdout) == []


def test_info_says_what_a_log_holds(log):
    facts = dict(line.split("  ", 1) for line in run("log", "info", log).stdout.splitlines())
    facts = {name: text.strip() for name, text in facts.items()}
    assert facts["events"] == "3"
    assert facts["rejections"] == "1"
    assert facts["metrics"] == "s, t"
    assert facts["first time"] == "2026-03-01T12:00:00Z"
    assert facts["state"] == "closed in order"


def test_info_can_be_written_where_there_is_no_unicode(tmp_path):
    path = str(tmp_path / "events.log")
    run("fire", "-", "--log", path, given='{"metrics": {"caf\u00e9": 1}}\n')
    runner = CliRunner(charset="ascii")
    assert r"caf\xe9" in runner.invoke(main, ["log", "info", path]).stdout


def test_info_as_json_has_the_same(log):
    told = json.loads(run("log", "info", log, "--format", "json").stdout)
    assert (told["events"], told["labels"], told["metrics"]) == (3, 3, ["s", "t"])


def test_a_whole_log_verifies_with_code_0(log):
    done = run("log", "verify", log)
    assert done.exit_code == 0
    assert done.stdout.startswith("state   clean")


def test_a_log_whose_writer_is_at_work_verifies_with_code_1(log):
    with EventLog.create_or_open(log) as events:
        events.append(batch_events([TaskEvent(metrics={"s": 4.0})]))
        done = run("log", "verify", log, "--format", "json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["state"] == "unclosed"


def test_a_damaged_log_verifies_with_code_4(log, tmp_path):
    segment = max((tmp_path / "events.log").glob("*.seg*"), key=lambda path: path.stat().st_size)
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0x10
    segment.write_bytes(content)
    done = run("log", "verify", log)
    assert done.exit_code == 4
    assert "damaged" in done.stdout


def test_a_marker_is_a_place_to_cool_at(log):
    assert run("log", "mark", log, "release-2").exit_code == 0
    run("fire", "-", "--log", log, given="\n".join(LINES))
    done = run("cool", log, "--at", "marker:release-2", "--format", "json")
    assert [report["checkpoint"] for report in json.loads(done.stdout)["checkpoints"]] == [3]


def test_a_marker_without_a_name_is_refused(log):
    done = run("log", "mark", log, " ")
    assert done.exit_code == 2
    assert "the marker has no name" in done.stderr


def test_a_log_with_a_damaged_end_is_not_cooled_in_silence(log, tmp_path):
    (segment,) = (tmp_path / "events.log").glob("*.seg")
    with segment.open("r+b") as file:
        file.truncate(0)
    done = run("cool", log)
    assert done.exit_code == 4
    assert "is damaged at byte 0" in done.stderr
