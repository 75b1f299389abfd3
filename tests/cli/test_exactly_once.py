"""Every line is in the log once, however often and from where it is sent."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from crackle_stream.cli import main
from crackle_stream.log.eventlog import EventLog

CRACKLE = Path(sys.executable).parent / "crackle"


def line(number, key=None, value=0.5):
    event = {"label": f"build-{number}", "metrics": {"s": value}}
    return json.dumps(event if key is None else {**event, "id": key})


def fire(log, lines, *options, end="\n"):
    text = "\n".join(lines) + end
    return CliRunner().invoke(main, ["fire", "-", "--log", str(log), *options], input=text)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "events.log"


def labels(log):
    with EventLog.open(log) as events:
        return events.labels(range(events.count))


def test_a_line_that_is_sent_again_is_a_duplicate_also_after_a_restart(log):
    sent = [line(n, f"id-{n}") for n in range(3)]
    assert fire(log, [*sent, sent[1]]).stderr == "read=4 accepted=3 duplicate=1 quarantined=0\n"
    done = fire(log, [*sent[1:], line(3, "id-3"), line(4)])
    assert done.stderr == "read=4 accepted=2 duplicate=2 quarantined=0\n"
    assert labels(log) == [f"build-{n}" for n in range(5)]


def test_another_event_with_an_id_that_is_taken_is_refused_with_its_line(log):
    fire(log, [line(0, "a")])
    done = fire(log, ["", line(1, "b"), line(1, "a"), "no json", line(2, "b", 9.0)])
    told = "rejected: line {}: id_conflict at $.id: the event at position {} has this id"
    third, _, fifth, accounts = done.stderr.splitlines()
    assert third.startswith(told.format(3, 0))
    assert fifth.startswith(told.format(5, 1))
    assert accounts == "read=4 accepted=1 duplicate=0 quarantined=3"
    with EventLog.open(log) as events:
        refused = list(events.rejections())
    assert [(one.line, one.reason) for one in refused] == [
        (3, "id_conflict"),
        (4, "invalid_json"),
        (5, "id_conflict"),
    ]
    assert refused[0].excerpt.decode() == line(1, "a")
    assert refused[2].offset == len("\n".join(["", line(1, "b"), line(1, "a"), "no json", ""]))


def test_a_conflict_stops_a_strict_run(log):
    fire(log, [line(0, "a")])
    done = fire(log, [line(1, "a")], "--strict")
    assert done.exit_code == 3
    assert "they are in quarantine" in done.stderr


def test_without_an_id_window_nothing_is_dropped(log):
    done = fire(log, [line(0, "a"), line(0, "a")], "--id-window", "0")
    assert done.stderr == "read=2 accepted=2 duplicate=0 quarantined=0\n"


def test_acks_say_how_far_the_log_has_it(log):
    lines = [line(0), "no json", "", line(1)]
    done = fire(log, lines, "--ack")
    acks = [json.loads(ack) for ack in done.stdout.splitlines()]
    end = {"source": "-", "line": 4, "offset": len("\n".join(lines)) + 1}
    assert acks[-1] == {"acknowledged": 2, **end}


@pytest.mark.parametrize("command", ["fire", "watch"])
def test_where_nothing_new_was_read_the_ack_still_says_where_to_go_on(log, command, tmp_path):
    fire(log, [line(0, "a"), line(1, "b")])

    def acks(source, given=None):
        told = [command, source, "--log", str(log), "--ack"]
        return [
            json.loads(a) for a in CliRunner().invoke(main, told, input=given).stdout.splitlines()
        ]

    nothing = {"acknowledged": 2, "source": "-", "line": 0, "offset": 0}
    assert acks("-", "") == [nothing]
    again = line(0, "a") + "\n"
    assert acks("-", again) == [{**nothing, "line": 1, "offset": len(again)}]
    file = tmp_path / "events.jsonl"
    file.write_text(again)
    first = acks(str(file))
    assert [ack["line"] for ack in first] == [1]
    assert acks(str(file)) == first


def test_a_slow_producer_has_its_ack_before_it_sends_more(log):
    process = subprocess.Popen(
        [CRACKLE, "fire", "-", "--log", log, "--ack"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        for n in range(3):
            process.stdin.write(f"{line(n)}\n".encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["acknowledged"] == n + 1
        process.stdin.close()
    assert process.returncode == 0


def test_who_does_not_read_the_acks_ends_it_quietly_and_what_was_read_stays(log):
    command = f"(echo '{line(0)}'; sleep 1; echo '{line(1)}') | {CRACKLE} fire - --log {log} --ack"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -0; echo ${{PIPESTATUS[1]}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "141\n"
    assert "Traceback" not in done.stderr
    assert labels(log)[0] == "build-0"


def test_a_half_written_last_line_of_a_file_is_left_for_the_next_time(log, tmp_path):
    source = tmp_path / "events.jsonl"
    whole = "\n".join(line(n) for n in range(3)) + "\n"
    source.write_text(whole[:-20])
    done = CliRunner().invoke(main, ["fire", str(source), "--log", str(log)])
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [
        "line 3 has no end yet: left for the next time",
        "read=2 accepted=2 duplicate=0 quarantined=0",
    ]
    source.write_text(whole)
    done = CliRunner().invoke(main, ["fire", str(source), "--log", str(log)])
    assert done.stderr.splitlines()[-1] == "read=1 accepted=1 duplicate=0 quarantined=0"
    assert labels(log) == ["build-0", "build-1", "build-2"]


def test_a_last_line_without_an_end_that_is_an_event_is_read_and_lines_are_counted_on(
    log, tmp_path
):
    source = tmp_path / "events.jsonl"
    source.write_text(line(0) + "\n" + line(1))
    CliRunner().invoke(main, ["fire", str(source), "--log", str(log)])
    assert labels(log) == ["build-0", "build-1"]
    source.write_text(line(0) + "\n" + line(1) + "\nno json\n")
    done = CliRunner().invoke(main, ["fire", str(source), "--log", str(log)])
    assert "rejected: line 3: invalid_json" in done.stderr
    assert done.stderr.splitlines()[-1] == "read=1 accepted=0 duplicate=0 quarantined=1"


def test_the_last_line_of_a_pipe_is_whole_or_it_is_refused(log):
    done = fire(log, [line(0), line(1)[:-5]], end="")
    assert done.stderr.splitlines()[-1] == "read=2 accepted=1 duplicate=0 quarantined=1"


def test_a_producer_that_sends_again_from_the_last_ack_over_kills_has_each_event_once(log):
    count, acknowledged = 4_000, 0
    for life in range(4):
        with subprocess.Popen(
            [CRACKLE, "fire", "-", "-q", "--log", log, "--ack"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            text = "".join(f"{line(n, f'id-{n}')}\n" for n in range(acknowledged, count))
            if life < 3:
                os.write(process.stdin.fileno(), text.encode()[: 30_000 + 7 * life])
                first = json.loads(process.stdout.readline())
                time.sleep(0.02 * life)
                process.send_signal(signal.SIGKILL)
                acks = [json.loads(ack) for ack in process.stdout if ack.endswith(b"\n")]
                # As if some of the acks had been lost on the way.
                acknowledged = [first, *acks][0]["acknowledged"] - 5
            else:
                process.communicate(text.encode())
    assert labels(log) == [f"build-{n}" for n in range(count)]
