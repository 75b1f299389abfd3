import pytest
from click.testing import CliRunner

from crackle_stream.cli import main

EVENT = b'{"label": "a", "metrics": {"x": 1}}\n'


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events.jsonl").write_bytes(EVENT)
    return "events.jsonl"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cook"], "No such command 'cook'"),
        (["cool"], "Missing argument 'SOURCE'"),
        (["cool", "nothing.jsonl"], "no file or log directory 'nothing.jsonl'"),
        (["cool", "events.jsonl", "--rate", "tepid"], "'tepid' is not one of"),
        (["cool", "events.jsonl", "--without", "drift"], "'drift' is not one of"),
        (["cool", "events.jsonl", "--window", "an hour"], "'an hour' is no span"),
        (["cool", "events.jsonl", "--slide", "10"], "the whole log cannot slide"),
        (["cool", "events.jsonl", "--every", "0"], "0 events"),
        (["cool", "events.jsonl", "--at", "noon"], "'noon' is no checkpoint"),
        (["cool", "events.jsonl", "--group-by", "re:("], "is no expression"),
        (["cool", "events.jsonl", "--lateness", "soon"], "'soon' is no span"),
        (["cool", "events.jsonl", "--max-duration", "0s"], "empty span"),
        (["cool", "events.jsonl", "--profile", "none.toml"], "profile file none.toml"),
        (["cool", "events.jsonl", "--workers", "0"], "0 is not in the range"),
        (["cool", "events.jsonl", "--max-rejects", "-1"], "-1 is not in the range"),
        (["cool", "events.jsonl", "--format", "xml"], "'xml' is not one of"),
        (["cool", "events.jsonl", "--fail-on", "anything"], "'anything' is not one of"),
        (["fire", "events.jsonl"], "Missing option '--log'"),
        (["replay", "nothing", "--every", "5"], "'nothing' does not exist"),
        (["replay", ".", "--rate", "fast"], "--every SIZE, or --at PLACE"),
        (["schema", "kiln"], "'kiln' is not one of"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_said_and_exits_2(source, arguments, said):
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_log_goes_into_no_other_log(source):
    CliRunner().invoke(main, ["fire", source, "--log", "events.log"])
    done = CliRunner().invoke(main, ["cool", "events.log", "--log", "other.log"])
    assert done.exit_code == 2
    assert "cool it without --log" in done.stderr


@pytest.mark.parametrize("arguments", [["cool", "d"], ["log", "info", "d"], ["log", "cat", "d"]])
def test_a_directory_that_is_no_log_exits_4(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "holiday.jpg").touch()
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 4
    assert done.stdout == ""
