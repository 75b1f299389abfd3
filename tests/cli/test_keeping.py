"""`crackle fire --keep-...`: old segments go while new events come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crackle_stream.cli import keeping, main
from crackle_stream.cooling.decisions import Decisions
from crackle_stream.log.eventlog import EventLog

Fire = Callable[..., Result]


def lines(first: int, count: int) -> str:
    return "".join(
        f'{{"id":"{n}","label":"{n}","time":{n},"metrics":{{}}}}\n'
        for n in range(first, first + count)
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events.log"


@pytest.fixture
def fire(log: Path, monkeypatch: pytest.MonkeyPatch) -> Fire:
    """Fire into a log of small segments, a few lines with each append."""
    create_or_open = EventLog.create_or_open

    def small(*given, **named):
        return create_or_open(*given, **named, segment_bytes=2_000)

    monkeypatch.setattr(EventLog, "create_or_open", small)

    def run(text: str, *options: str) -> Result:
        return CliRunner().invoke(main, ["fire", "-", "--log", str(log), *options], input=text)

    for first in range(0, 100, 5):
        run(lines(first, 5))
    return run


def begins(log: Path) -> tuple[int, int]:
    with EventLog.open(log) as events:
        return events.first, events.count


@pytest.mark.parametrize(
    "rule", [["--keep-events", "20"], ["--keep-bytes", "1k"], ["--keep-age", "1d"]]
)
def test_old_segments_go_and_positions_stay(log: Path, fire: Fire, rule: list[str]) -> None:
    assert begins(log) == (0, 100)
    done = fire(lines(100, 2), *rule)
    first, count = begins(log)
    assert 20 < first < count == 102
    assert "old events removed, in " in done.stderr
    assert f"begins at position {first}\n" in done.stderr
    assert done.stderr.endswith("read=2 accepted=2 duplicate=0 quarantined=0\n")


def test_without_a_rule_nothing_goes(log: Path, fire: Fire) -> None:
    assert "removed" not in fire(lines(100, 2)).stderr
    assert begins(log) == (0, 102)


def test_what_a_marker_needs_stays(log: Path, fire: Fire) -> None:
    with EventLog.open(log) as events:
        Decisions.of(events).mark("release", 3)
    fire(lines(100, 2), "--keep-events", "0")
    assert begins(log) == (0, 102)


def test_ids_of_what_went_while_reading_are_forgotten_with_it(
    log: Path, fire: Fire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two chunks the log lets go of what the window of ids still has."""
    monkeypatch.setattr(keeping, "PATIENCE", 0.0)
    padding = '{"metrics":{}}\n' + " " * 900_000 + "\n"
    done = fire(padding * 3 + lines(0, 2), "--keep-events", "1")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.endswith("read=5 accepted=5 duplicate=0 quarantined=0\n")


def test_watch_lets_old_events_go_and_goes_on(
    log: Path, fire: Fire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "PATIENCE", 0.0)
    told = "".join(
        f'{{"time":{n},"metrics":{{"ms":{n % 7 + 40 * (n >= 700)}}}}}\n' for n in range(100, 900)
    )
    given = ["watch", "-", "--log", str(log), "--keep-events", "300", "--every", "200"]
    done = CliRunner().invoke(main, given, input=told)
    assert done.exit_code == 0, done.output
    assert "confirmed" in done.stdout
    assert begins(log)[0] > 20


def test_watch_refuses_to_keep_less_of_a_log_that_it_does_not_write(log: Path, fire: Fire) -> None:
    for given in (["watch", str(log)], ["watch", "-"]):
        for rule in (["--keep-events", "3"], ["--ack"]):
            done = CliRunner().invoke(main, [*given, *rule], input="")
            assert done.exit_code == 2
            assert f"{rule[0]} is for a log that is written to" in done.stderr


def test_a_rule_that_cannot_be_meant_is_a_usage_error(log: Path, fire: Fire) -> None:
    assert fire(lines(100, 2), "--keep-age", "long").exit_code == 2
    assert begins(log) == (0, 100)
