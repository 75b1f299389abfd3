import json
import struct
import zlib
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from crackle_stream.cli import main
from crackle_stream.cli.size import parse_size
from crackle_stream.cooling.decisions import Amendment, Decisions
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.frame import HEADER_SIZE, unpack


def offset_of(segment, number):
    """Give where a frame begins; from the end, where the number is negative."""
    content, starts = segment.read_bytes(), [0]
    while (header := unpack(content[starts[-1] :][:HEADER_SIZE])) is not None:
        starts.append(starts[-1] + header.size)
    return starts[:-1][number]


def spoil(segment, number):
    """Change a byte of a frame's payload."""
    content = bytearray(segment.read_bytes())
    content[offset_of(segment, number) + HEADER_SIZE + 3] ^= 0x10
    segment.write_bytes(content)


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


def test_verify_lists_every_damage_with_segment_offset_frame_and_positions(tmp_path):
    path = tmp_path / "events.log"
    large(path)
    first, second, third = sorted(path.glob("*.seg"))[:3]
    spoil(first, 1)
    spoil(first, 3)
    second.unlink()
    (path / "stray.txt").write_text("?")
    done = run("log", "verify", str(path), "--format", "json")
    assert done.exit_code == 4
    told = json.loads(done.stdout)
    assert [(d["segment"], d.get("offset"), d.get("sequence")) for d in told["damages"]] == [
        (first.name, offset_of(first, 1), 1),
        (first.name, offset_of(first, 3), 3),
        (second.name, None, None),
    ]
    assert told["damages"][2] == {
        "what": "is missing",
        "segment": second.name,
        "first": int(second.stem),
        "last": int(third.stem) - 1,
    }
    assert told["unknown"] == ["stray.txt"]
    shown = run("log", "verify", str(path)).stdout
    assert shown.count("damage ") == 3
    assert f"{second.name}: is missing; events from" in shown


def test_verify_looks_at_what_was_decided_too(log, tmp_path):
    run("log", "mark", log, "m")
    (segment,) = (tmp_path / "events.log" / "decisions").glob("*.seg")
    with segment.open("r+b") as file:
        file.truncate(0)
    done = run("log", "verify", log)
    assert done.exit_code == 4
    assert "decisions\nstate   damaged" in done.stdout
    told = json.loads(run("log", "verify", log, "--format", "json").stdout)
    assert (told["state"], told["decisions"]["state"]) == ("clean", "damaged")


def test_a_payload_with_the_right_checksum_that_cannot_be_read_is_damage(log, tmp_path):
    (segment,) = (tmp_path / "events.log").glob("*.seg")
    content = bytearray(segment.read_bytes())
    start = offset_of(segment, 1)
    header = unpack(bytes(content[start : start + HEADER_SIZE]))
    payload = bytearray(content[start + HEADER_SIZE : start + header.size])
    payload[1:7] = b"\xa5coun!"
    crc = zlib.crc32(payload)
    content[start : start + HEADER_SIZE] = replace(header, payload_crc=crc).pack()
    content[start + HEADER_SIZE : start + header.size] = payload
    segment.write_bytes(content)
    done = run("log", "verify", log)
    assert done.exit_code == 4
    assert "its payload cannot be read" in done.stdout
    assert f"byte {start}, frame 1" in done.stdout
    done = run("log", "cat", log)
    assert done.exit_code == 4
    assert f"{segment.name}, byte {start}, positions 0 to 2" in done.stderr


def test_cat_and_cool_go_up_to_the_damage_and_then_say_where_it_is(tmp_path):
    path = tmp_path / "events.log"
    large(path)
    segment = min(path.glob("*.seg"))
    spoil(segment, -2)
    (damage,) = json.loads(run("log", "verify", str(path), "--format", "json").stdout)["damages"]
    where = f"{segment.name} is damaged at byte {damage['offset']}"
    done = run("log", "cat", str(path))
    assert done.exit_code == 4
    assert len(done.stdout.splitlines()) == damage["first"] > 0
    assert where in done.stderr
    done = run("cool", str(path), "--format", "json")
    assert done.exit_code == 4
    (report,) = json.loads(done.stdout)["checkpoints"]
    assert report["checkpoint"] == damage["first"]
    assert where in done.stderr


def test_cat_gives_a_stretch(log):
    assert run("log", "cat", log, "--first", "1", "--stop", "2").stdout.splitlines() == LINES[1:2]
    assert run("log", "cat", log, "--first", "2").stdout.splitlines() == LINES[2:]


def test_what_is_forgotten_is_gone_with_what_was_amended_of_it(log):
    kiln = Decisions.of(EventLog.open(log))
    kiln.amend([Amendment(0, 3, {"s": 7.75}), Amendment(1, 3, {"s": 8.25})])
    told = run("log", "forget", log, "--label", "a", "--dry-run")
    assert "1 event to be forgotten" in told.stderr
    assert "1 amendments go" in told.stderr
    done = run("log", "forget", log, "--label", "a")
    assert done.exit_code == 0
    assert "1 event forgotten, in 1 segment" in done.stderr
    assert run("log", "cat", log).stdout.splitlines() == LINES[1:]
    facts = run("log", "info", log).stdout
    assert "forgotten   1 events in 1 gaps" in facts
    assert "next        position 3" in facts
    for file in Path(log).rglob("*"):
        if file.is_file():
            assert struct.pack("<d", 7.75) not in file.read_bytes()
    assert set(Decisions.of(EventLog.open(log)).amendments(3)._metrics) == {1}
    assert run("log", "verify", log).exit_code == 0
    again = run("log", "forget", log, "--label", "a").stderr
    assert "0 events forgotten" in again


def test_forgetting_waits_for_nobody(log):
    with EventLog.create_or_open(log):
        done = run("log", "forget", log, "--label", "a")
    assert done.exit_code == 4
    assert "is being written by" in done.stderr


def test_markers_stay_where_they_were_when_tasks_are_forgotten(log):
    run("log", "mark", log, "release-2")
    run("fire", "-", "--log", log, given="\n".join(LINES))
    run("log", "forget", log, "--label", "b")
    done = run("cool", log, "--at", "marker:release-2", "--format", "json")
    (report,) = json.loads(done.stdout)["checkpoints"]
    assert (report["checkpoint"], report["events"]) == (3, 2)


def large(path):
    """Make a log whose blocks are too large to be merged."""
    tasks = [TaskEvent(metrics={"s": float(i % 7), "t": 2.0 * (i % 7)}) for i in range(5_000)]
    batch = batch_events(tasks)
    with EventLog.create_or_open(path, segment_bytes=400_000) as events:
        for _ in range(12):
            events.append(batch)


def many(path):
    with EventLog.create_or_open(path, segment_bytes=2_000) as events:
        for n in range(40):
            events.append(batch_events([TaskEvent(metrics={"s": float(n)}, time=n)]))


def test_retention_says_what_went_and_what_held_it_back(tmp_path):
    path = tmp_path / "events.log"
    many(path)
    assert run("log", "retain", str(path)).exit_code == 2
    Decisions.of(EventLog.open(path)).mark("m", 10)
    held = run("log", "retain", str(path), "--max-events", "5", "--dry-run")
    assert "everything from position 10 on is needed, as the last marker, 'm'" in held.stderr
    done = run("log", "retain", str(path), "--max-events", "5")
    first = EventLog.open(path).first
    assert 0 < first <= 10
    assert f"{first} events in" in done.stderr
    assert f"the log begins at position {first}" in done.stderr
    assert len(run("log", "cat", str(path)).stdout.splitlines()) == 40 - first
    assert f"at position {first}; {first} events before it were removed" in (
        run("log", "info", str(path)).stdout
    )
    assert "ages were told by the events' times" in (
        run("log", "retain", str(path), "--max-age", "90d", "--dry-run").stderr
    )
    report = json.loads(run("cool", str(path), "--format", "json").stdout)["checkpoints"][0]
    assert (report["checkpoint"], report["events"]) == (40, 40 - first)


@pytest.mark.parametrize(
    ("text", "size"),
    [("500", 500), ("10GB", 10**10), ("1.5k", 1500), ("512MiB", 512 << 20), ("2 TB", 2 * 10**12)],
)
def test_sizes_are_read_as_people_write_them(text, size):
    assert parse_size(text) == size


def test_what_is_no_size_is_refused(log):
    done = run("log", "retain", log, "--max-bytes", "much")
    assert done.exit_code == 2
    assert "'much' is no size" in done.stderr


def test_compacting_says_how_many_blocks_became_how_many(tmp_path):
    path = tmp_path / "events.log"
    many(path)
    before = run("log", "cat", str(path)).stdout
    done = run("log", "compact", str(path))
    assert done.exit_code == 0
    assert "blocks of" in done.stderr
    assert run("log", "cat", str(path)).stdout == before


def test_salvage_copies_what_is_whole_and_says_what_is_not(tmp_path):
    path, copy = tmp_path / "events.log", tmp_path / "copy.log"
    many(path)
    run("log", "mark", str(path), "m")
    whole = run("log", "salvage", str(path), str(copy))
    assert whole.exit_code == 0
    assert run("log", "cat", str(copy)).stdout == run("log", "cat", str(path)).stdout
    segment = sorted(path.glob("*.seg"))[1]
    spoil(segment, 1)
    taken = run("log", "salvage", str(path), str(copy))
    assert taken.exit_code == 2
    assert "is there already" in taken.stderr
    done = run("log", "salvage", str(path), str(tmp_path / "second.log"))
    assert done.exit_code == 1
    assert f"{segment.name}, bytes {offset_of(segment, 1)} to" in done.stderr
    assert run("log", "verify", str(tmp_path / "second.log")).exit_code == 0
    assert "damaged" in run("log", "info", str(tmp_path / "second.log")).stdout
    cooled = run("cool", str(tmp_path / "second.log"), "--at", "marker:m", "--format", "json")
    assert json.loads(cooled.stdout)["checkpoints"][0]["checkpoint"] == 40


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
