"""`--strict` and `--max-rejects`: where reading stops, what is kept, and going on from there."""

import pytest
from click.testing import CliRunner

from crackle_stream.cli import main
from crackle_stream.log.eventlog import EventLog


def good(i):
    return f'{{"label":"{i}","metrics":{{"x":{i}}}}}\n'


BAD = "no json\n"


def run(*arguments, given=None):
    return CliRunner().invoke(main, list(map(str, arguments)), input=given)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def kept(log):
    with EventLog.open(log) as events:
        labels = events.labels(range(events.count))
        return "".join(labels), [rejection.line for rejection in events.rejections()]


def accounts(done):
    return done.stderr.splitlines()[-2 if done.exit_code else -1]


@pytest.mark.parametrize(
    ("bad", "allowed", "code"), [(0, 0, 0), (1, 0, 3), (1, 2, 0), (2, 2, 0), (3, 2, 3), (4, 2, 3)]
)
def test_reading_stops_before_the_line_that_is_one_too_many(log, tmp_path, bad, allowed, code):
    source = tmp_path / "events.jsonl"
    source.write_text("".join(good(i) + (BAD if i < bad else "") for i in range(5)))
    done = run("fire", source, "--log", log, "--max-rejects", allowed)
    assert done.exit_code == code
    if code == 0:
        assert kept(log) == ("01234", [2 * i + 2 for i in range(bad)])
        return
    line = 2 * allowed + 2
    assert f"crackle: line {line}: invalid_json: " in done.stderr
    assert (
        f"stopped before this line, since {'no line' if not allowed else 'at most 2'}"
        in done.stderr
    )
    assert kept(log) == ("012"[: allowed + 1], [2 * i + 2 for i in range(allowed)])
    read = line - 1
    counts = f"read={read} accepted={allowed + 1} duplicate=0 quarantined={allowed}"
    assert accounts(done) == counts


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_corrected_file_is_read_on_from_the_line_that_was_wrong(log, tmp_path, start):
    source = tmp_path / "events.jsonl"
    source.write_text(start + good(0) + good(1) + BAD + good(3))
    assert run("fire", source, "--log", log, "--strict").exit_code == 3
    assert kept(log) == ("01", [])
    source.write_text(start + good(0) + good(1) + good(2) + good(3))
    done = run("fire", source, "--log", log, "--strict")
    assert (done.exit_code, kept(log)) == (0, ("0123", []))
    assert "going on after line 2" in done.stderr


def test_the_same_command_with_more_allowed_goes_on_too(log, tmp_path):
    source = tmp_path / "events.jsonl"
    source.write_text(good(0) + BAD + good(1))
    run("fire", source, "--log", log, "--strict")
    done = run("fire", source, "--log", log)
    assert (done.exit_code, kept(log)) == (0, ("01", [2]))


@pytest.mark.parametrize("before", ["", "\ufeff", good(0)])
def test_a_line_that_is_too_long_is_stopped_before_as_well(log, tmp_path, before):
    source = tmp_path / "events.jsonl"
    source.write_text(before + "x" * 3_000_000 + "\n" + good(1))
    done = run("fire", source, "--log", log, "--strict")
    assert done.exit_code == 3
    line = before.count("\n") + 1
    assert f"crackle: line {line}: line_too_long" in done.stderr
    assert kept(log) == ("0" if before.strip("\ufeff") else "", [])
    source.write_text(before + good(1))
    assert run("fire", source, "--log", log, "--strict").exit_code == 0
    assert kept(log) == (("0" if before.strip("\ufeff") else "") + "1", [])


def test_a_bad_first_line_leaves_an_empty_log_and_the_file_to_be_read_anew(log, tmp_path):
    source = tmp_path / "events.jsonl"
    source.write_text(BAD + good(0))
    done = run("fire", source, "--log", log, "--strict")
    assert accounts(done) == "read=0 accepted=0 duplicate=0 quarantined=0"
    source.write_text(good(0) + good(1))
    assert run("fire", source, "--log", log, "--strict").exit_code == 0
    assert kept(log) == ("01", [])


def test_rejections_are_counted_across_blocks(log, tmp_path):
    """A file of several megabytes is read in blocks, of which each has a bad line."""
    source = tmp_path / "events.jsonl"
    padding = good(0).replace('"label"', '"note":"' + "y" * 500_000 + '","label"')
    source.write_text((padding * 3 + BAD) * 3)
    done = run("fire", source, "--log", log, "--max-rejects", "2")
    assert done.exit_code == 3
    assert "crackle: line 12: " in done.stderr
    assert kept(log) == ("0" * 9, [4, 8])


def test_a_pipe_is_told_to_send_the_rest(log):
    done = run("fire", "-", "--log", log, "--strict", given=good(0) + BAD + good(1))
    assert done.exit_code == 3
    assert "send it and the rest again" in done.stderr
    assert kept(log) == ("0", [])


def test_nothing_is_said_to_be_kept_where_nothing_is():
    done = run("cool", "-", "--strict", given=good(0) + BAD)
    assert done.exit_code == 3
    assert "Correct the input, or allow more with --max-rejects" in done.stderr


def test_the_lines_of_a_run_that_went_on_are_not_counted_again(log, tmp_path):
    source = tmp_path / "events.jsonl"
    source.write_text(BAD * 2 + good(0))
    assert run("fire", source, "--log", log, "--max-rejects", "2").exit_code == 0
    source.write_text(BAD * 2 + good(0) + BAD * 2)
    assert run("fire", source, "--log", log, "--max-rejects", "2").exit_code == 0
    assert kept(log) == ("0", [1, 2, 4, 5])
