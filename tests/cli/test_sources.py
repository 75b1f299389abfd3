"""Files that grow, move or change between two readings, and the names the log knows them by."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crackle_stream.cli import main
from crackle_stream.log.eventlog import EventLog


def line(number: int) -> str:
    return f'{{"label":"{number}","metrics":{{"x":{number}}}}}'


def lines(*numbers: int) -> str:
    return "".join(f"{line(number)}\n" for number in numbers)


def fire(source: Path | str, log: Path, *options: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, ["fire", str(source), "--log", str(log), *options], input=given)


def kept(log: Path) -> tuple[str, list[tuple[int, str]]]:
    with EventLog.open(log) as events:
        labels = "".join(events.labels(range(events.count)))
        return labels, [(refused.line, refused.reason) for refused in events.rejections()]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events.log"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_nothing_new_is_nothing_read(log: Path, source: Path) -> None:
    source.write_text(lines(0, 1))
    fire(source, log)
    done = fire(source, log)
    assert done.exit_code == 0
    assert done.stderr.endswith("read=0 accepted=0 duplicate=0 quarantined=0\n")
    assert kept(log) == ("01", [])


def test_what_a_whole_event_goes_on_with_on_its_line_is_a_line_of_its_own(
    log: Path, source: Path
) -> None:
    source.write_text(lines(0) + line(1))
    fire(source, log)
    source.write_text(lines(0) + line(1) + "oops\n" + lines(2))
    done = fire(source, log)
    assert "rejected: line 2: invalid_json" in done.stderr
    assert done.stderr.endswith("read=2 accepted=1 duplicate=0 quarantined=1\n")
    assert kept(log) == ("012", [(2, "invalid_json")])


def test_a_half_line_that_is_too_long_is_left_as_well(log: Path, source: Path) -> None:
    half = '{"label": "' + "y" * 2_000_000
    source.write_text(lines(0) + half)
    done = fire(source, log)
    assert "line 2 has no end yet" in done.stderr
    assert done.stderr.endswith("read=1 accepted=1 duplicate=0 quarantined=0\n")
    source.write_text(lines(0) + half + '", "metrics": {}}\n' + lines(1))
    done = fire(source, log)
    assert done.stderr.endswith("read=2 accepted=1 duplicate=0 quarantined=1\n")
    assert kept(log) == ("01", [(2, "line_too_long")])


def test_a_half_line_is_no_reason_to_stop_where_every_line_must_be_an_event(
    log: Path, source: Path
) -> None:
    source.write_text(lines(0) + line(1)[:9])
    assert fire(source, log, "--strict").exit_code == 0


def test_a_half_line_is_refused_where_no_log_is_kept_for_a_next_time(source: Path) -> None:
    source.write_text(lines(0) + line(1)[:9])
    done = CliRunner().invoke(main, ["cool", str(source)])
    assert "left for the next time" not in done.stderr
    assert done.stderr.endswith("read=2 accepted=1 duplicate=0 quarantined=1\n")


@pytest.mark.parametrize("now", [lines(0), lines(7, 1, 2), ""], ids=["shorter", "other", "empty"])
def test_a_file_that_changed_before_the_place_is_an_error_that_says_what_to_do(
    log: Path, source: Path, now: str
) -> None:
    source.write_text(lines(0, 1))
    fire(source, log)
    source.write_text(now)
    done = fire(source, log)
    assert done.exit_code == 3
    assert "changed: its first" in done.stderr
    assert "name it anew with --source" in done.stderr
    assert kept(log) == ("01", [])


def test_a_file_that_moved_is_read_on_under_the_name_it_was_given(log: Path, source: Path) -> None:
    source.write_text(lines(0, 1))
    fire(source, log, "--source", "app 1")
    moved = source.rename(source.with_suffix(".old"))
    with moved.open("a") as more:
        more.write("bad\n" + lines(2))
    done = fire(moved, log, "--source", "app 1", "--ack")
    end = {"source": "app 1", "line": 4, "offset": len(lines(0, 1, 2)) + 4}
    assert json.loads(done.stdout) == {"acknowledged": 3, **end}
    source.write_text(lines(3))
    assert fire(source, log).exit_code == 0
    assert kept(log) == ("0123", [(3, "invalid_json")])
    with EventLog.open(log) as events:
        assert [refused.source for refused in events.rejections()] == ["app 1"]


@pytest.mark.parametrize("options", [[], ["--source", os.fsdecode(b"name-\xff")]])
def test_a_name_that_is_no_text_is_kept_as_text(
    log: Path, tmp_path: Path, options: list[str]
) -> None:
    source = tmp_path / os.fsdecode(b"name-\xff")
    source.write_text(lines(0) + "bad\n")
    assert fire(source, log, *options).exit_code == 0
    assert "read=0" in fire(source, log, *options).stderr
    with EventLog.open(log) as events:
        (refused,) = events.rejections()
    assert refused.source.endswith("name-\\xff")


def test_an_empty_name_is_a_usage_error(log: Path) -> None:
    assert fire("-", log, "--source", "", given=lines(0)).exit_code == 2


def test_a_pipe_can_be_named_too_and_begins_anew_all_the_same(log: Path) -> None:
    for number in (0, 1):
        done = fire("-", log, "--source", "sensor", "--ack", given=lines(number))
        assert json.loads(done.stdout)["source"] == "sensor"
    assert kept(log) == ("01", [])
