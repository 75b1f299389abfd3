import json
import re

import pytest
from click.testing import CliRunner

from crackle_stream.cli import main
from crackle_stream.cli import retry as retrying
from crackle_stream.event import batch_events
from crackle_stream.log.eventlog import EventLog

LINES = [
    b'{"label":"good","metrics":{"x":1}}',
    b'{"label":"' + b"y" * 300 + b'","metrics":{"x":2}}',
    b'{"label":"nan","metrics":{"wait s":NaN}}',
    b'{"label":"flat","wall":3}',
    b'{"label":"open","metrics":{"x":1},}',
    b'{"label":"long","metrics":{"x":4},"value":"' + b"z" * 5_000 + b'","time":"noon"}',
]


def run(*arguments, given=b""):
    return CliRunner().invoke(main, list(map(str, arguments)), input=given)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in LINES))
    return path


@pytest.fixture
def log(tmp_path, source):
    assert run("fire", source, "--log", tmp_path / "events.log").exit_code == 0
    return tmp_path / "events.log"


def listed(log, *options):
    done = run("quarantine", "list", log, "--format", "jsonl", *options)
    assert done.exit_code == 0
    return [json.loads(line) for line in done.stdout.splitlines()]


def key_of(log, reason):
    (key,) = (line["key"] for line in listed(log, "--all") if line["reason"] == reason)
    return key


def labels(log):
    with EventLog.open(log) as events:
        return events.labels(range(events.count))


def accounts(done):
    return done.stderr.splitlines()[-1]


def test_the_list_begins_with_counts_and_has_a_short_key_for_each_line(log):
    done = run("quarantine", "list", log)
    first, second, *rows = done.stdout.splitlines()
    assert first.startswith("5 in quarantine: label_too_long=1 not_finite=1 missing_metrics=1")
    assert second == "bad_time=1"
    assert [re.match(r"[0-9a-f]{10}  \S+:(\d)  ", row)[1] for row in rows] == list("23456")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_an_empty_quarantine_says_so(tmp_path):
    run("fire", "-", "--log", tmp_path / "log", given=LINES[0])
    done = run("quarantine", "list", tmp_path / "log")
    assert (done.exit_code, done.stdout) == (0, "no lines are in quarantine\n")
    done = run("quarantine", "retry", tmp_path / "log")
    assert done.exit_code == 0
    assert done.stderr.startswith("no such lines are in quarantine\nread=0 ")


def test_json_is_an_array_also_of_nothing(log):
    several = run("quarantine", "list", log, "--format", "json")
    none = run("quarantine", "list", log, "--format", "json", "--reason", "too_deep")
    assert [line["line"] for line in json.loads(several.stdout)] == [2, 3, 4, 5, 6]
    assert json.loads(none.stdout) == []


def test_one_reason_is_picked_out(log):
    assert [line["line"] for line in listed(log, "--reason", "not_finite")] == [3]


def test_show_tells_everything_and_puts_a_caret_under_the_place(log):
    done = run("quarantine", "show", log, key_of(log, "not_finite")[:8])
    assert done.exit_code == 0
    *rows, text, caret = done.stdout.splitlines()
    assert text[caret.index("^") :].startswith('"wait s":NaN')
    told = {row[:10].strip(): row[10:] for row in rows}
    assert told["reason"] == "not_finite"
    assert told["place"] == '$.metrics["wait s"]'
    assert len(told["sha256"]) == 64


def test_a_caret_stands_under_the_byte_that_is_no_json(log):
    *_, text, caret = run(
        "quarantine", "show", log, key_of(log, "invalid_json")
    ).stdout.splitlines()
    assert text[caret.index("^") :] == "}"


def test_a_key_that_is_none_or_several_is_a_mistake_that_is_named(log):
    none = run("quarantine", "show", log, "zz")
    several = run("quarantine", "show", log, "")
    assert (none.exit_code, several.exit_code) == (2, 2)
    assert "no refused line has a key that begins with 'zz'" in none.stderr
    assert "5 keys begin with ''" in several.stderr


def test_what_is_an_event_now_is_appended_and_resolved_and_the_others_stay(log):
    done = run("quarantine", "retry", log, "--limit", "label=300")
    assert done.exit_code == 1
    assert accounts(done) == "read=5 accepted=1 duplicate=0 quarantined=4"
    assert labels(log) == ["good", "y" * 300]
    assert [line["line"] for line in listed(log)] == [3, 4, 5, 6]
    assert [line["resolved"] for line in listed(log, "--all")] == [True] + [False] * 4
    assert "line 3): not_finite at " in done.stderr


def test_all_that_were_asked_for_accepted_is_a_success(log):
    key = key_of(log, "missing_metrics")
    done = run("quarantine", "retry", log, key[:9], "--metrics", "auto")
    assert (done.exit_code, accounts(done)) == (0, "read=1 accepted=1 duplicate=0 quarantined=0")
    again = run("quarantine", "retry", log, key[:9], "--metrics", "auto")
    assert (again.exit_code, accounts(again)) == (0, "read=0 accepted=0 duplicate=0 quarantined=0")
    assert labels(log) == ["good", "flat"]


def test_a_retry_by_reason_leaves_the_other_reasons_alone(log):
    done = run("quarantine", "retry", log, "--reason", "label_too_long", "--limit", "label=1KiB")
    assert (done.exit_code, accounts(done)) == (0, "read=1 accepted=1 duplicate=0 quarantined=0")


def test_the_new_reason_is_told_where_it_is_another(log):
    done = run("quarantine", "retry", log, "--limit", "label=300", "--limit", "nesting=2")
    assert done.exit_code == 1
    short = run("quarantine", "retry", log, "--limit", "line=20", key_of(log, "not_finite"))
    assert "stays" in short.stderr
    assert "line_too_long" in short.stderr


def test_a_dry_run_writes_nothing_and_needs_no_lock(log):
    with EventLog.create_or_open(log):
        done = run("quarantine", "retry", log, "--limit", "label=300", "--dry-run")
    assert accounts(done) == "read=5 accepted=1 duplicate=0 quarantined=4"
    assert "dry run" in done.stderr
    assert labels(log) == ["good"]
    assert len(listed(log)) == 5


def test_a_writer_at_work_is_named_and_only_retry_waits_for_it(log):
    with EventLog.create_or_open(log):
        assert run("quarantine", "list", log).exit_code == 0
        assert run("quarantine", "show", log, key_of(log, "not_finite")).exit_code == 0
        done = run("quarantine", "retry", log)
    assert done.exit_code == 4
    assert "process" in done.stderr


def test_a_retry_that_dies_between_appends_takes_no_line_twice(tmp_path, monkeypatch):
    log = tmp_path / "log"
    bad = b"".join(b'{"label":"%s-%d","metrics":{}}\n' % (b"y" * 300, i) for i in range(10))
    run("fire", "-", "--log", log, given=bad)
    monkeypatch.setattr(retrying, "LINES", 3)
    append, appends = EventLog.append, []

    def dying(self, *arguments, **named):
        appended = append(self, *arguments, **named)
        appends.append(appended)
        if len(appends) == 2:
            raise RuntimeError("killed")
        return appended

    with monkeypatch.context() as once:
        once.setattr(EventLog, "append", dying)
        assert run("quarantine", "retry", log, "--limit", "label=400").exit_code == 70
    assert len(labels(log)) == 6
    done = run("quarantine", "retry", log, "--limit", "label=400")
    assert (done.exit_code, accounts(done)) == (0, "read=4 accepted=4 duplicate=0 quarantined=0")
    assert [label.rpartition("-")[2] for label in labels(log)] == list("0123456789")


def test_a_line_kept_in_part_is_read_again_from_its_source(log, source):
    key = key_of(log, "bad_time")
    done = run("quarantine", "retry", log, key, "--time", ".when")
    assert "bad_time" in done.stderr
    source.write_bytes(source.read_bytes().replace(b'"noon"', b'"then"'))
    changed = run("quarantine", "retry", log, key)
    assert (changed.exit_code, "not_kept" in changed.stderr) == (1, True)
    assert "other bytes" in changed.stderr
    source.unlink()
    gone = run("quarantine", "retry", log, key)
    assert "no such file" in gone.stderr
    assert accounts(gone) == "read=1 accepted=0 duplicate=0 quarantined=1"


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_a_long_line_is_taken_from_its_source_with_a_wider_limit(tmp_path, start):
    source, log = tmp_path / "long.jsonl", tmp_path / "log"
    line = b'{"label":"long","metrics":{"x":4},"value":"' + b"z" * 2_000_000 + b'"}'
    source.write_bytes(start + line + b"\n")
    run("fire", source, "--log", log)
    assert run("quarantine", "retry", log).exit_code == 1
    done = run("quarantine", "retry", log, "--limit", "line=3MiB")
    assert (done.exit_code, labels(log)) == (0, ["long"])


def test_lines_of_several_shapes_are_each_read_by_their_own(tmp_path):
    """Each is told by itself: no first line of another source says how it is meant."""
    log = tmp_path / "log"
    lines = b'nonsense\n{"ts":1,"name":"%s","metrics":{}}\n{"time":2,"label":"%s","metrics":{}}\n'
    run("fire", "-", "--log", log, given=lines % (b"a" * 300, b"b" * 300))
    run("quarantine", "retry", log, "--limit", "label=300")
    with EventLog.open(log) as events:
        found = [block.batch.event(i) for block in events.blocks() for i in range(len(block.batch))]
    assert {(event.label[0], event.time) for event in found} == {("a", 10**9), ("b", 2 * 10**9)}


def test_a_limit_that_cannot_be_meant_is_named(log):
    for given in [
        "label",
        "label=",
        "labels=3",
        "label=-1",
        "line=3GB",
        "nesting=1",
        "frame=17MiB",
    ]:
        done = run("quarantine", "retry", log, "--limit", given)
        assert done.exit_code == 2
        assert "limit" in done.stderr


def test_a_directory_that_is_no_log_is_not_made_one(tmp_path):
    done = run("quarantine", "retry", tmp_path)
    assert done.exit_code == 4
    assert list(tmp_path.iterdir()) == []


def test_lines_of_a_log_written_before_sources_were_kept_are_shown(tmp_path):
    from crackle_stream.source import Rejection

    old = Rejection(1, 0, "invalid_json", "no", None, b"no json", "00")
    with EventLog.create_or_open(tmp_path / "log") as log:
        log.append(batch_events([]), [old])
    assert "?:1" in run("quarantine", "list", tmp_path / "log").stdout
    assert (
        "unknown"
        in run(
            "quarantine", "show", tmp_path / "log", key_of(tmp_path / "log", "invalid_json")
        ).stdout
    )


def test_a_retried_line_whose_id_the_log_has_is_a_duplicate_or_stays(tmp_path):
    log = str(tmp_path / "log")
    good = {"label": "a", "metrics": {"s": 1}, "id": "x"}
    other = {**good, "metrics": {"s": 2}}
    sent = [json.dumps(event) for event in (good, {**good, "label": "b" * 300})]
    CliRunner().invoke(main, ["fire", "-", "--log", log], input="\n".join(sent))
    done = CliRunner().invoke(main, ["quarantine", "retry", log, "--limit", "label=300"])
    assert done.exit_code == 1
    assert "id_conflict" in done.stderr
    assert done.stderr.endswith("read=1 accepted=0 duplicate=0 quarantined=1\n")
    sent = [json.dumps({**event, "label": "b" * 300, "id": "y"}) for event in (good, good, other)]
    CliRunner().invoke(main, ["fire", "-", "--log", log], input="\n".join(sent))
    for options in (["--dry-run"], []):
        done = CliRunner().invoke(
            main, ["quarantine", "retry", log, "--limit", "label=300", *options]
        )
        assert done.exit_code == 1
        assert done.stderr.endswith("read=4 accepted=1 duplicate=1 quarantined=2\n")
