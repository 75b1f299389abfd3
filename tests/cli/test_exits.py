import errno
import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from crackle_stream.cli import exits, main
from crackle_stream.errors import InputRejectedError, LogLockedError, StorageError, UsageError
from crackle_stream.log.eventlog import EventLog

CRACKLE = [sys.executable, "-c", "from crackle_stream.cli import main; main(prog_name='crackle')"]
EVENT = b'{"label": "a", "metrics": {"x": 1}}\n'


def failing(monkeypatch, error):
    def fail(path):
        raise error

    monkeypatch.setattr(EventLog, "open", fail)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("meant nothing"), 2, "crackle: meant nothing"),
        (InputRejectedError("too bad"), 3, "crackle: too bad"),
        (LogLockedError("held by 17"), 4, "crackle: held by 17"),
        (StorageError("disk gone"), 74, "crackle: disk gone"),
        (OSError(errno.EIO, "Input/output error", "x.seg"), 74, "x.seg: Input/output error"),
        (RuntimeError("boom"), 70, "internal error: RuntimeError: boom"),
        (KeyboardInterrupt(), 130, "crackle: interrupted"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_error_has_its_message_and_code(monkeypatch, tmp_path, error, code, said):
    failing(monkeypatch, error)
    done = CliRunner().invoke(main, ["log", "info", str(tmp_path)])
    assert done.exit_code == code
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_an_internal_error_says_how_to_report_it(monkeypatch, tmp_path):
    failing(monkeypatch, ZeroDivisionError("division by zero"))
    done = CliRunner().invoke(main, ["log", "info", str(tmp_path)])
    assert "Please report it" in done.stderr
    assert "crackle version" in done.stderr


def test_a_traceback_is_shown_when_asked_for(monkeypatch, tmp_path):
    failing(monkeypatch, ZeroDivisionError("division by zero"))
    done = CliRunner().invoke(main, ["log", "info", "-v", str(tmp_path)])
    assert done.exit_code == 70
    assert "Traceback" in done.stderr


def test_an_error_cannot_write_to_the_terminal(monkeypatch, tmp_path):
    failing(monkeypatch, UsageError("no \x1b[2J\u202e"))
    done = CliRunner().invoke(main, ["log", "info", str(tmp_path)])
    assert r"no \x1b[2J\u202e" in done.stderr


def test_a_reader_that_has_gone_is_no_traceback(tmp_path):
    log = tmp_path / "events.log"
    with EventLog.create_or_open(log):
        pass
    subprocess.run([*CRACKLE, "fire", "-q", "-", "--log", log], input=EVENT * 50_000, check=True)
    with subprocess.Popen(
        [*CRACKLE, "log", "cat", log], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as cat:
        cat.stdout.readline()
        cat.stdout.close()
        assert cat.stderr.read() == b""
    assert cat.returncode == exits.READER_GONE


def test_a_reader_that_was_never_there_is_no_traceback():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*CRACKLE, "version"], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (exits.READER_GONE, b"")


def test_an_interrupt_keeps_what_was_read(tmp_path):
    log = tmp_path / "events.log"
    with subprocess.Popen(
        [*CRACKLE, "fire", "-", "--log", log], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as fire:
        fire.stdin.write(EVENT * 1_000)
        fire.stdin.flush()
        wait_for_events(log, 1_000, fire)
        fire.send_signal(signal.SIGINT)
        told = fire.stderr.read().decode()
    assert fire.returncode == 130
    assert f"the 1,000 events read are kept in {log}" in told
    assert "read=1000 accepted=1000 duplicate=0 quarantined=0" in told
    assert "Traceback" not in told
    with EventLog.open(log) as events:
        assert events.verify().state == "clean"


def wait_for_events(log, count, process):
    while process.poll() is None and not (log.is_dir() and any(log.glob("*.seg*"))):
        os.sched_yield()
    with EventLog.open(log) as events:
        while process.poll() is None and events.refresh() < count:
            os.sched_yield()


@pytest.mark.parametrize(
    ("stream", "arguments"),
    [("stdin", ["fire", "-", "--log", "events.log"]), ("stdout", ["cool", "/dev/null"])],
)
def test_a_stream_that_is_closed_is_said_so(tmp_path, stream, arguments):
    closed = "<&-" if stream == "stdin" else ">&-"
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *CRACKLE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == StorageError.exit_code
    assert f"crackle: {stream} is closed" in done.stderr


def test_a_help_that_cannot_be_written_is_no_traceback():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*CRACKLE, "--help"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == StorageError.exit_code
    assert b"Traceback" not in done.stderr
