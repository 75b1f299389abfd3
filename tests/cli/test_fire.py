import json

import pytest
from click.testing import CliRunner

from crackle_stream.cli import main
from crackle_stream.log.disk import OsDisk
from crackle_stream.log.eventlog import EventLog


def lines(count, first=0):
    return [
        json.dumps({"label": f"build-{i}", "metrics": {"s": i}})
        for i in range(first, first + count)
    ]


def run(arguments, given=()):
    return CliRunner().invoke(main, arguments, input="".join(f"{line}\n" for line in given))


@pytest.fixture
def log(tmp_path):
    return tmp_path / "events.log"


def labels(log):
    with EventLog.open(log) as events:
        return events.labels(range(events.count))


def test_a_pipe_goes_into_the_log_and_its_accounts_close(log):
    done = run(["fire", "-", "--log", str(log)], lines(3))
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "read=3 accepted=3 duplicate=0 quarantined=0\n"
    assert labels(log) == ["build-0", "build-1", "build-2"]


def test_an_empty_pipe_is_a_log_without_events(log):
    done = run(["fire", "-", "--log", str(log)])
    assert done.stderr == "read=0 accepted=0 duplicate=0 quarantined=0\n"
    assert labels(log) == []


def test_a_bad_line_is_told_with_its_number_and_stops_nothing(log):
    done = run(["fire", "-", "--log", str(log)], [*lines(2), "no json", *lines(2, 2)])
    assert done.exit_code == 0
    assert done.stderr.startswith("rejected: line 3: ")
    assert done.stderr.endswith("read=5 accepted=4 duplicate=0 quarantined=1\n")
    assert len(labels(log)) == 4


def test_five_bad_lines_are_told_and_the_rest_is_counted(log):
    done = run(["fire", "-", "--log", str(log)], ["no json"] * 8)
    told = done.stderr.splitlines()
    assert [line.split(":")[1] for line in told[:5]] == [f" line {i}" for i in range(1, 6)]
    assert told[5:] == [
        "and 3 more rejected lines",
        "no line was an event: events are JSON objects in UTF-8, one a line",
        "read=8 accepted=0 duplicate=0 quarantined=8",
    ]


def test_where_every_line_is_json_but_no_event_the_options_are_named(log):
    done = run(["fire", "-", "--log", str(log)], ['{"s": 1}'])
    assert "no line was an event: say with --label, --time and --metrics" in done.stderr


def test_a_full_disk_says_what_is_kept_and_the_same_command_goes_on(log, tmp_path, monkeypatch):
    source = tmp_path / "events.jsonl"
    source.write_text("".join(f"{line}\n" for line in lines(3)))
    with monkeypatch.context() as full:
        full.setattr(OsDisk, "free", lambda _: 1 << 20)
        done = run(["fire", str(source), "--log", str(log)])
    assert done.exit_code == 74
    assert "the same command goes on from there" in done.stderr
    assert "1 MiB free and 256 MiB are kept" in done.stderr
    assert run(["fire", str(source), "--log", str(log)]).exit_code == 0
    assert labels(log) == ["build-0", "build-1", "build-2"]


def test_what_is_asked_of_the_log_is_what_it_is_opened_with(log, monkeypatch):
    seen = []
    monkeypatch.setattr(EventLog, "create_or_open", recording(seen, EventLog.create_or_open))
    run(["fire", "-", "--log", str(log), "--accept-loss", "--durability", "sync"], lines(1))
    run(["cool", "-", "--log", str(log), "--accept-loss", "--keep-free", "1MiB"], lines(1))
    run(["fire", "-", "--log", str(log)], lines(1))
    assert seen == [
        ("sync", True, 256 << 20),
        ("group", True, 1 << 20),
        ("group", False, 256 << 20),
    ]


def recording(seen, make):
    def create(path, durability, *, accept_loss, keep_free):
        seen.append((durability, accept_loss, keep_free))
        return make(path, durability, accept_loss=accept_loss, keep_free=keep_free)

    return create


def test_the_free_space_that_is_kept_can_be_set(log, monkeypatch):
    monkeypatch.setattr(OsDisk, "free", lambda _: 2_000)
    codes = [
        run(["fire", "-", "--log", str(log), "--keep-free", size], lines(1)).exit_code
        for size in ("2000", "1999", "1000")
    ]
    assert codes == [74, 74, 0]
    assert run(["fire", "-", "--log", str(log), "--keep-free", "much"], lines(1)).exit_code == 2


def test_quiet_leaves_the_accounts(log):
    done = run(["fire", "-q", "-", "--log", str(log)], ["no json", *lines(1)])
    assert done.stderr == "read=2 accepted=1 duplicate=0 quarantined=1\n"


def test_a_bad_line_cannot_write_to_the_terminal(log):
    done = run(["fire", "-", "--log", str(log)], ['{"metrics": {"\\u001b[2J\\u202e": "x"}}'])
    assert not {"\x1b", "\u202e"} & set(done.stderr)
    assert "quarantined=1" in done.stderr


def test_strict_stops_at_a_bad_line_with_code_3_and_the_accounts(log):
    done = run(["fire", "-", "--log", str(log), "--strict"], [*lines(2), "no json"])
    assert done.exit_code == 3
    assert "crackle: line 3: " in done.stderr
    assert "read=2 accepted=2 duplicate=0 quarantined=0" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("bad", "code"), [(1, 0), (2, 0), (3, 3)])
def test_as_many_bad_lines_as_allowed_are_no_failure(log, bad, code):
    done = run(["fire", "-", "--log", str(log), "--max-rejects", "2"], ["no json"] * bad)
    assert done.exit_code == code
    assert f"quarantined={min(bad, 2)}" in done.stderr


def test_a_file_is_read_on_from_where_it_was_left(log, tmp_path):
    source = tmp_path / "events.jsonl"
    source.write_text("".join(f"{line}\n" for line in lines(3)))
    run(["fire", str(source), "--log", str(log)])
    with source.open("a") as more:
        more.writelines(f"{line}\n" for line in lines(2, 3))
    done = run(["fire", str(source), "--log", str(log)])
    assert "going on after line 3" in done.stderr
    assert "read=2 accepted=2 duplicate=0 quarantined=0" in done.stderr
    assert labels(log) == [f"build-{i}" for i in range(5)]


def test_fields_are_found_where_the_options_say(log):
    record = {"job": {"name": "etl"}, "stats": {"rows": 3}, "at": 1_700_000_000_000}
    mapping = ["--label", ".job.name", "--metrics", ".stats", "--time", ".at", "--time-unit", "ms"]
    run(["fire", "-", "--log", str(log), *mapping], [json.dumps(record)])
    with EventLog.open(log) as events:
        (block,) = events.blocks()
        event = block.batch.event(0)
    assert (event.label, event.metrics) == ("etl", {"rows": 3.0})
    assert event.time == 1_700_000_000_000_000_000


def test_a_log_that_is_written_to_is_locked_for_others(log):
    with EventLog.create_or_open(log):
        done = run(["fire", "-", "--log", str(log)], lines(1))
    assert done.exit_code == 4
    assert "Traceback" not in done.stderr
