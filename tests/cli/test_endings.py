"""However a run ends: the accounts close, they say what is kept, and nothing is read twice."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from crackle_stream.cli import feed, main
from crackle_stream.ingest.chunks import read_chunks
from crackle_stream.ingest.native import NativeDecoder
from crackle_stream.log.disk import OsDisk
from crackle_stream.log.eventlog import EventLog

FIRE = [sys.executable, "-c", "from crackle_stream.cli import main; main()", "fire"]
ACCOUNTS = re.compile(r"^read=(\d+) accepted=(\d+) duplicate=(\d+) quarantined=(\d+)$", re.M)


class Mixed:
    """Lines of which some are no events, some come again, and some take another's id."""

    def __init__(self, seed: int, count: int) -> None:
        rng = random.Random(seed)
        self.lines: list[str] = []
        self.events: list[str] = []
        self.refused: list[int] = []
        self.repeats = 0
        for number in range(1, count + 1):
            kind = rng.random()
            if kind < 0.1:
                self.lines.append('{"metrics": {"x": NaN}}')
                self.refused.append(number)
            elif kind < 0.2 and self.events:
                self.lines.append(event(rng.choice(self.events[-50:])))
                self.repeats += 1
            elif kind < 0.3 and self.events:
                self.lines.append(event(rng.choice(self.events[-50:]), 1.5))
                self.refused.append(number)
            else:
                self.lines.append(event(str(number)))
                self.events.append(str(number))
        self.text = "".join(f"{line}\n" for line in self.lines).encode()

    def accounts(self) -> tuple[int, int, int, int]:
        return len(self.lines), len(self.events), self.repeats, len(self.refused)


def event(key: str, value: float = 0.5) -> str:
    return json.dumps({"label": key, "id": key, "metrics": {"x": value}})


def kept(log: Path) -> tuple[list[str], list[int]]:
    with EventLog.open(log) as events:
        labels = events.labels(range(events.count))
        return labels, [refused.line for refused in events.rejections()]


def accounts(told: str) -> tuple[int, int, int, int]:
    (found,) = ACCOUNTS.findall(told)
    read, accepted, duplicate, quarantined = map(int, found)
    assert read == accepted + duplicate + quarantined
    return read, accepted, duplicate, quarantined


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events.log"


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_little(*given, **named):
        return read_chunks(*given, **named, chunk_bytes=500)

    monkeypatch.setattr(feed, "read_chunks", read_little)
    monkeypatch.setattr("crackle_stream.ingest.lines._LEAST_READ", 500)


def test_every_line_of_a_file_is_accepted_a_repeat_or_refused(
    log: Path, tmp_path: Path, small_chunks: None
) -> None:
    mixed = Mixed(0, 600)
    source = tmp_path / "mixed.jsonl"
    source.write_bytes(mixed.text)
    done = CliRunner().invoke(main, ["fire", str(source), "--log", str(log)])
    assert accounts(done.stderr) == mixed.accounts()
    assert kept(log) == (mixed.events, mixed.refused)


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_behind_an_ack_that_says_what_is_kept(
    log: Path, ended_by: signal.Signals
) -> None:
    mixed = Mixed(1, 300)
    with subprocess.Popen(
        [*FIRE, "-", "--log", log, "--ack"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as fire:
        assert fire.stdin
        assert fire.stdout
        assert fire.stderr
        fire.stdin.write(mixed.text)
        fire.stdin.flush()
        ack = json.loads(fire.stdout.readline())
        while ack["line"] < 300:
            ack = json.loads(fire.stdout.readline())
        fire.stdin.write(b'{"metrics": {}, "label": "half a li')
        fire.stdin.flush()
        fire.send_signal(ended_by)
        rest, told = fire.stdout.read(), fire.stderr.read().decode()
    assert (fire.returncode, rest) == (130, b"")
    assert accounts(told) == mixed.accounts()
    assert kept(log) == (mixed.events, mixed.refused)
    end = {"source": "-", "line": 300, "offset": len(mixed.text)}
    assert ack == {"acknowledged": len(mixed.events), **end}


def test_a_signal_while_an_append_is_on_its_way_waits_for_its_ack(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = EventLog.append

    def interrupted(*given, **named):
        positions = append(*given, **named)
        signal.raise_signal(signal.SIGINT)
        return positions

    monkeypatch.setattr(EventLog, "append", interrupted)
    text = f"{event('a')}\n"
    done = CliRunner().invoke(main, ["fire", "-", "--log", str(log), "--ack"], input=text)
    assert done.exit_code == 130
    assert json.loads(done.stdout)["acknowledged"] == 1
    assert accounts(done.stderr) == (1, 1, 0, 0)
    assert kept(log) == (["a"], [])


def test_a_full_disk_ends_it_with_what_was_read_and_the_same_command_reads_the_rest(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_chunks: None
) -> None:
    mixed = Mixed(2, 600)
    source = tmp_path / "mixed.jsonl"
    source.write_bytes(mixed.text)
    rooms = iter([1 << 40] * 40)
    with monkeypatch.context() as filling:
        filling.setattr(OsDisk, "free", lambda _: next(rooms, 0))
        done = CliRunner().invoke(main, ["fire", str(source), "--log", str(log), "--ack"])
    assert done.exit_code == 74
    first = accounts(done.stderr)
    assert 0 < first[0] < 600
    assert "free some space" in done.stderr
    labels, refused = kept(log)
    assert (len(labels), len(refused)) == (first[1], first[3])
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["acknowledged"] == len(labels)
    done = CliRunner().invoke(main, ["fire", str(source), "--log", str(log)])
    assert done.exit_code == 0
    both = zip(first, accounts(done.stderr), strict=True)
    assert tuple(a + b for a, b in both) == mixed.accounts()
    assert kept(log) == (mixed.events, mixed.refused)


def test_who_stops_reading_the_acks_ends_it_with_accounts_of_what_is_kept(log: Path) -> None:
    mixed = Mixed(3, 50)
    with subprocess.Popen(
        [*FIRE, "-", "--log", log, "--ack"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as fire:
        assert fire.stdin
        assert fire.stdout
        assert fire.stderr
        fire.stdout.close()
        fire.stdin.write(mixed.text)
        fire.stdin.flush()
        told = fire.stderr.read().decode()
    assert fire.returncode == 141
    assert "Traceback" not in told
    labels, refused = kept(log)
    read = accounts(told)
    assert (read[1], read[3]) == (len(labels), len(refused))
    assert labels == mixed.events[: len(labels)]


def test_a_file_that_is_read_over_many_kills_is_in_the_log_once(log: Path, tmp_path: Path) -> None:
    """Each life is killed a little behind an ack; a reader compares after each."""
    mixed = Mixed(4, 60_000)
    source = tmp_path / "mixed.jsonl"
    source.write_bytes(mixed.text)
    acknowledged = kills = 0
    for life in range(12):
        with subprocess.Popen(
            [*FIRE, str(source), "--log", log, "-q", "--ack"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as fire:
            assert fire.stdout
            first = fire.stdout.readline()
            time.sleep(0.003 * (life % 4))
            fire.send_signal(signal.SIGKILL)
            lines = [first, *fire.stdout]
            acks = [json.loads(line) for line in lines if line.endswith(b"\n")]
        kills += fire.returncode == -signal.SIGKILL
        acknowledged = max([acknowledged, *(ack["acknowledged"] for ack in acks)])
        labels, refused = kept(log)
        assert acknowledged <= len(labels)
        assert labels == mixed.events[: len(labels)]
        assert refused == mixed.refused[: len(refused)]
        if not acks:
            break
    assert kills >= 2
    done = CliRunner().invoke(main, ["fire", str(source), "--log", str(log)])
    assert done.exit_code == 0
    accounts(done.stderr)
    assert kept(log) == (mixed.events, mixed.refused)


def test_accounts_that_do_not_close_are_an_error_of_ours(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if one event of each chunk had been lost on its way into columns."""
    decode = NativeDecoder.decode

    def lose_one(self, text):
        batch, failed = decode(self, text)
        return batch.take(np.arange(1, len(batch))), failed

    monkeypatch.setattr(NativeDecoder, "decode", lose_one)
    text = "".join(f"{event(str(n))}\n" for n in range(5))
    done = CliRunner().invoke(main, ["fire", "-", "--log", str(log)], input=text)
    assert done.exit_code == 70
    assert "the accounts do not close" in done.stderr
