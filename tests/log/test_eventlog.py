"""The log as its users see it: append, read, reopen, look."""

from __future__ import annotations

import os
import stat
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from crackle_stream.errors import (
    LogLockedError,
    NotALogError,
    StorageError,
    UsageError,
)
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log import writer
from crackle_stream.log.block import COLUMNS
from crackle_stream.log.disk import OsDisk
from crackle_stream.log.eventlog import EventLog, open_for_writing
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.promises import DURABILITIES, Durability
from crackle_stream.log.reader import LogReader
from crackle_stream.log.segment import Segment
from crackle_stream.log.upkeep import forget_labels
from crackle_stream.source import SourcePosition
from tests.torture.lives import event, read, rejection


def filled(path: Path, sizes: list[int], segment_bytes: int = 64 << 20) -> EventLog:
    """Make a log of appends of some sizes, each with a rejection and a source position."""
    log = EventLog.create_or_open(path, segment_bytes=segment_bytes)
    first = 0
    for size in sizes:
        batch = batch_events([event(n) for n in range(first, first + size)])
        log.append(batch, [rejection(first)], SourcePosition("s", first + size, 1, 0))
        first += size
    return log


@pytest.mark.parametrize("durability", DURABILITIES)
def test_events_appended_are_read_back_and_read_again_after_reopening(
    tmp_path: Path, durability: Durability
) -> None:
    path = tmp_path / "a" / "log"
    with EventLog.create_or_open(path, durability) as log:
        assert log.append(batch_events([event(0), event(1)])) == range(2)
        assert log.append(batch_events([])) == range(2, 2)
        assert log.append(batch_events([event(2)])) == range(2, 3)
        assert (log.count, log.acknowledged) == (3, 3)
        assert read(log) == [event(n) for n in range(3)]
    reader = EventLog.open(path)
    assert read(reader) == [event(n) for n in range(3)]
    assert reader.verify().state == "clean"
    with EventLog.create_or_open(path, durability) as log:
        assert log.append(batch_events([event(3)])) == range(3, 4)
    assert reader.refresh() == 4
    assert read(reader) == [event(n) for n in range(4)]


def test_any_stretch_is_read_across_blocks_and_segments(tmp_path: Path) -> None:
    log = filled(tmp_path, [5, 1, 1, 20, 3, 1, 9], segment_bytes=2_000)
    assert log.info().segments > 2
    for first in range(0, 40, 3):
        for stop in range(first, 44, 5):
            blocks = list(log.blocks(first, stop, columns={"labels"}))
            positions = [b.first + row for b in blocks for row in range(len(b.batch))]
            assert positions == list(range(first, min(stop, 40)))
            labels = [label for b in blocks for label in b.batch.labels or []]
            assert labels == [f"task {n}" for n in positions]


def test_columns_not_asked_for_are_absent(tmp_path: Path) -> None:
    log = filled(tmp_path, [3])
    (block,) = log.blocks(columns=())
    assert all(getattr(block.batch, name) is None for name in COLUMNS)
    assert block.batch.times.tolist() == [0, 1, 2]


def test_labels_are_given_in_the_order_asked(tmp_path: Path) -> None:
    log = filled(tmp_path, [5, 1, 1, 20, 3], segment_bytes=2_000)
    assert log.labels([29, 0, 7, 0]) == ["task 29", "task 0", "task 7", "task 0"]
    assert log.labels([]) == []
    with pytest.raises(IndexError, match="position 30"):
        log.labels([30])
    bare = EventLog.in_memory()
    bare.append(batch_events([TaskEvent(metrics={})]))
    assert bare.labels([0]) == ["anonymous task"]


def test_times_that_rise_are_known_without_reading_them() -> None:
    for times, rise_upto in [
        ([[1, 2], [2, 5], [5]], 5),
        ([[1, 2], [1, 5]], 2),
        ([[1, 4, 3, 5]], 2),
        ([[1], [2, None, 3]], 2),
        ([[5], [], [4]], 1),
        ([[None]], 0),
        ([[3], [], [3, 9, 8, 9], [10]], 3),
    ]:
        log = EventLog.in_memory()
        for batch in times:
            log.append(batch_events([TaskEvent(metrics={}, time=time) for time in batch]))
        for stop in range(log.count + 1):
            assert log.times_rise(stop) == (stop <= rise_upto), (times, stop)


def test_times_that_go_back_between_segments_are_noticed(tmp_path: Path) -> None:
    for times, rise in [([1, 2, 3, 4, 5, 6], True), ([4, 5, 6, 1, 2, 3], False)]:
        log = EventLog.create_or_open(tmp_path / str(rise), segment_bytes=710)
        for time in times:
            log.append(batch_events([TaskEvent(metrics={"a": 1.0}, time=time)]))
        assert log.info().segments > 1
        assert log.times_rise(6) == rise
        assert log.times_rise(3)


def test_positions_and_rejections_last_through_rolling_compaction_and_reopening(
    tmp_path: Path,
) -> None:
    log = filled(tmp_path, [1] * 40, segment_bytes=3_000)
    other = SourcePosition("other", 7, 1, 9)
    log.append(batch_events([]), position=other)
    log.close()
    for again in (EventLog.open(tmp_path), EventLog.create_or_open(tmp_path)):
        assert again.info().segments > 3
        assert again.last_position("s") == SourcePosition("s", 40, 1, 0)
        assert again.last_position("other") == other
        assert again.last_position("nobody") is None
        assert [rejected.line for rejected in again.rejections()] == list(range(40))


def test_a_full_segment_of_small_blocks_is_compacted_and_loses_nothing(tmp_path: Path) -> None:
    log = filled(tmp_path, [1] * 60, segment_bytes=10_000)
    reader = EventLog.open(tmp_path)
    blocks = list(reader.blocks())
    assert len(blocks) < 40
    assert len(blocks[0].batch) > 20
    assert read(log) == read(reader) == [event(n) for n in range(60)]


def test_compaction_keeps_when_and_whence_each_append_came(tmp_path: Path) -> None:
    log = filled(tmp_path, [2, 1, 3] * 10, segment_bytes=5_000)
    segment = Segment(OsDisk(tmp_path), 0)
    segment.extend()
    (place,) = segment.places()
    origins = segment.payload(place).origins
    upto = np.cumsum([origin.events for origin in origins]).tolist()
    assert [origin.events for origin in origins[:4]] == [2, 1, 3, 2]
    assert [origin.position for origin in origins] == [SourcePosition("s", n, 1, 0) for n in upto]
    arrivals = [origin.arrival for origin in origins]
    assert arrivals == sorted(set(arrivals))
    assert place.header.arrival == arrivals[0]
    log.close()


def test_blocks_that_merged_would_fill_more_than_a_frame_stay_as_they_are() -> None:
    distinct = [TaskEvent(label=f"{n}", metrics={}) for n in range(257)]
    long = [TaskEvent(label="x" * 1_000_000, metrics={})] * 20
    disk = MemoryDisk()
    log = open_for_writing(disk, "none", segment_bytes=1_100_000)
    for events in (distinct, long, long):
        log.append(batch_events(events))
    assert log.info().segments == 2
    assert [len(block.batch) for block in EventLog(LogReader(disk)).blocks()] == [257, 20, 20]
    assert read(EventLog(LogReader(disk))) == distinct + long + long


def test_a_reader_with_the_old_file_open_goes_on_reading_while_its_segment_is_compacted(
    tmp_path: Path,
) -> None:
    log = filled(tmp_path, [1] * 5, segment_bytes=10_000)
    reader = EventLog.open(tmp_path)
    blocks = reader.blocks()
    first = next(blocks)
    for n in range(5, 60):
        log.append(batch_events([event(n)]))
    assert log.info().segments > 1
    rest = [block.batch.event(0) for block in blocks]
    assert [first.batch.event(0), *rest] == [event(n) for n in range(5)]
    assert reader.refresh() == 60
    assert read(reader) == [event(n) for n in range(60)]


def test_an_append_too_large_for_a_frame_is_split_and_stays_one_append(tmp_path: Path) -> None:
    events = [TaskEvent(metrics={"a": float(n)}, value="x" * 700_000) for n in range(50)]
    position = SourcePosition("s", 5, 5, 5)
    with EventLog.create_or_open(tmp_path) as log:
        log.append(batch_events(events), [rejection(0)] * 3, position)
    log = EventLog.open(tmp_path)
    assert len(list(log.blocks())) > 2
    assert read(log) == events
    assert log.last_position("s") == position
    assert len(list(log.rejections())) == 3


def test_an_append_of_which_only_the_first_blocks_are_there_does_not_count(tmp_path: Path) -> None:
    with EventLog.create_or_open(tmp_path) as log:
        log.append(batch_events([event(0)]))
        log.sync()
        path = tmp_path / f"{0:020d}.seg"
        whole = path.stat().st_size
        log.append(batch_events([event(1)] * 40_000))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 20_000)
    reader = EventLog.open(tmp_path)
    assert reader.count == 1
    assert reader.verify().state == "torn"
    with EventLog.create_or_open(tmp_path) as log:
        assert log.cut is not None
        assert log.cut.offset < whole
        assert read(log) == [event(0)]


def test_an_event_that_fits_into_no_frame_is_refused_and_the_log_goes_on(tmp_path: Path) -> None:
    log = EventLog.create_or_open(tmp_path)
    with pytest.raises(UsageError, match="16 MiB"):
        log.append(batch_events([TaskEvent(metrics={}, value="x" * (17 << 20))]))
    assert log.append(batch_events([event(0)])) == range(1)


def test_a_log_that_lost_its_last_segment_is_not_called_closed_in_order(tmp_path: Path) -> None:
    filled(tmp_path, [1] * 40, segment_bytes=3_000).close()
    assert EventLog.open(tmp_path).verify().state == "clean"
    max(tmp_path.glob("*.seg")).unlink()
    assert EventLog.open(tmp_path).verify().state == "unclosed"


def test_info_describes_what_the_log_holds(tmp_path: Path) -> None:
    log = filled(tmp_path, [4, 3], segment_bytes=700)
    info = log.info()
    assert (info.events, info.rejections, info.labels, info.metrics) == (7, 2, 7, ("a", "b", "c"))
    assert (info.first_time, info.last_time) == (0, 6)
    assert info.bytes == sum(file.stat().st_size for file in tmp_path.glob("*.seg"))
    assert info.sources == (SourcePosition("s", 7, 1, 0),)
    assert not info.closed
    log.close()
    assert EventLog.open(tmp_path).info().closed


def test_threads_that_append_at_once_share_the_log_without_gaps(tmp_path: Path) -> None:
    log = EventLog.create_or_open(tmp_path, segment_bytes=20_000)
    given: list[int] = []

    def work() -> None:
        for _ in range(40):
            given.extend(log.append(batch_events([event(0)])))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given) == list(range(160))
    assert log.acknowledged == 160
    log.close()
    assert EventLog.open(tmp_path).verify().state == "clean"


def test_threads_share_an_fdatasync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog.create_or_open(tmp_path)
    syncs: list[int] = []
    entered, leave = threading.Event(), threading.Event()

    def slow(descriptor: int) -> None:
        syncs.append(descriptor)
        entered.set()
        leave.wait(10)

    monkeypatch.setattr(os, "fdatasync", slow)
    threads = [
        threading.Thread(target=log.append, args=(batch_events([event(n)]),)) for n in range(8)
    ]
    threads[0].start()
    entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    while log.count < 8:
        pass
    assert log.acknowledged == 0
    leave.set()
    for thread in threads:
        thread.join()
    assert log.acknowledged == 8
    assert len(syncs) == 2


def test_a_segment_is_not_sealed_while_another_thread_syncs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = EventLog.create_or_open(tmp_path, segment_bytes=700)
    sync, entered, leave = os.fdatasync, threading.Event(), threading.Event()

    def slow(descriptor: int) -> None:
        if not entered.is_set():
            entered.set()
            leave.wait(10)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    threads = [
        threading.Thread(target=log.append, args=(batch_events([event(0)] * 9),)) for _ in range(2)
    ]
    threads[0].start()
    entered.wait(10)
    threads[1].start()
    threads[1].join(0.1)
    assert log.count == 9
    leave.set()
    for thread in threads:
        thread.join()
    assert log.append(batch_events([event(0)])) == range(18, 19)
    assert log.info().segments == 3


def test_the_interval_level_syncs_without_being_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "INTERVAL", 0.01)
    with EventLog.create_or_open(tmp_path, "interval") as log:
        synced = threading.Event()
        monkeypatch.setattr(os, "fdatasync", lambda descriptor: synced.set())
        log.append(batch_events([event(0)]))
        assert synced.wait(10)


def test_what_is_no_log_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("{}")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "photo.png").write_text("")
    (tmp_path / "empty").mkdir()
    for name in ("file", "full", "empty", "missing"):
        with pytest.raises(NotALogError, match=name):
            EventLog.open(tmp_path / name)
    for name in ("file", "full"):
        with pytest.raises(NotALogError, match=name):
            EventLog.create_or_open(tmp_path / name)
    assert EventLog.create_or_open(tmp_path / "empty").count == 0


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    with (
        EventLog.create_or_open(tmp_path),
        pytest.raises(LogLockedError, match=f"process {os.getpid()} on "),
    ):
        EventLog.create_or_open(tmp_path)
    EventLog.create_or_open(tmp_path).close()


def test_a_forked_process_does_not_keep_the_lock(tmp_path: Path) -> None:
    log = EventLog.create_or_open(tmp_path)
    inherited = os.dup(log._writer._lock._descriptor)
    log.close()
    EventLog.create_or_open(tmp_path).close()
    os.close(inherited)


def test_files_are_private_and_links_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    EventLog.create_or_open(path).close()
    segment = path / f"{0:020d}.seg"
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE(segment.stat().st_mode) == 0o600
    segment.rename(tmp_path / "elsewhere")
    segment.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="symbolic link"):
        EventLog.open(path)


def test_a_directory_of_torn_ends_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "log", tmp_path / "elsewhere"
    EventLog.create_or_open(path).close()
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    (path / "torn").symlink_to(elsewhere)
    with pytest.raises(StorageError, match="symbolic link"):
        forget_labels(path, ["*"])
    with (path / f"{0:020d}.seg").open("ab") as segment:
        segment.write(b"torn")
    with pytest.raises(StorageError, match="symbolic link"):
        EventLog.create_or_open(path)
    assert [file.name for file in elsewhere.iterdir()] == ["precious"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_directory_that_cannot_be_written_to_is_a_storage_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="Permission denied"):
        EventLog.create_or_open(tmp_path / "log")


def test_a_log_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"opening .*file/log for writing failed"):
        EventLog.create_or_open(tmp_path / "file" / "log")


def test_a_closed_log_and_a_reader_take_no_events(tmp_path: Path) -> None:
    with EventLog.create_or_open(tmp_path) as log:
        log.append(batch_events([event(0)]))
    with pytest.raises(UsageError, match="was closed"):
        log.append(batch_events([event(1)]))
    with pytest.raises(UsageError, match="opened for reading"):
        EventLog.open(tmp_path).append(batch_events([event(1)]))
    with pytest.raises(UsageError, match="'always' is unknown"):
        EventLog.create_or_open(tmp_path, "always")  # type: ignore[arg-type]


def test_a_log_inside_a_log_is_another_log(tmp_path: Path) -> None:
    with (
        EventLog.create_or_open(tmp_path) as log,
        EventLog.create_or_open(tmp_path / "decisions") as decisions,
    ):
        log.append(batch_events([event(0)]))
        decisions.append(batch_events([event(7)]))
    assert read(EventLog.open(tmp_path)) == [event(0)]
    assert read(EventLog.open(tmp_path / "decisions")) == [event(7)]


def test_opening_and_closing_again_and_again_does_not_grow_a_log(tmp_path: Path) -> None:
    sizes = []
    for _ in range(3):
        EventLog.create_or_open(tmp_path).close()
        sizes.append(EventLog.open(tmp_path).info().bytes)
    assert all(one == other for one, other in pairwise(sizes))


def test_a_log_that_came_no_further_than_its_lock_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    log = EventLog.open(tmp_path)
    assert (log.count, list(log.blocks()), list(log.rejections())) == (0, [], [])
    assert log.verify().state == "unclosed"
    assert log.info().events == 0
