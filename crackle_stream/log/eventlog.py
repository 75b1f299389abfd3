"""The log: task events appended to a directory of segments, and read back from any position."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from crackle_stream.clock import now
from crackle_stream.errors import UsageError
from crackle_stream.event import EventBatch
from crackle_stream.log.block import Block
from crackle_stream.log.directory import LOCK, check_is_log, check_may_become_log
from crackle_stream.log.disk import Disk, OsDisk, storage_errors
from crackle_stream.log.gap import Gap
from crackle_stream.log.info import LogInfo, log_info
from crackle_stream.log.memory import MemoryDisk
from crackle_stream.log.promises import DURABILITIES, FREE_RESERVE, Durability
from crackle_stream.log.quarantine import Quarantined, quarantined
from crackle_stream.log.reader import LogReader
from crackle_stream.log.recovery import Cut, recover
from crackle_stream.log.retention import Retained, Retention, finish_removal, retain
from crackle_stream.log.verify import Verdict, verify_log
from crackle_stream.log.writer import SEGMENT_BYTES, LogWriter
from crackle_stream.source import Rejection, SourcePosition


class EventLog:
    """An append-only log of task events.

    Made by `create_or_open`, `open` or `in_memory`.

    Attributes
    ----------
    path
        The log's directory; None in memory.
    cut
        What opening cut off the end, where a crash had left part of a write.

    Examples
    --------
    >>> from crackle_stream.event import TaskEvent, batch_events
    >>> with EventLog.in_memory() as log:
    ...     log.append(batch_events([TaskEvent(label="build", metrics={"seconds": 42.5})]))
    ...     log.labels([0])
    range(0, 1)
    ['build']
    """

    def __init__(
        self,
        reader: LogReader,
        writer: LogWriter | None = None,
        *,
        path: Path | None = None,
        cut: Cut | None = None,
    ) -> None:
        self.path = path
        self.cut = cut
        self._reader = reader
        self._writer = writer

    @classmethod
    def create_or_open(
        cls,
        path: Path,
        durability: Durability = "group",
        *,
        accept_loss: bool = False,
        segment_bytes: int = SEGMENT_BYTES,
        keep_free: int = FREE_RESERVE,
    ) -> EventLog:
        """Open a log for appending, and make it where there is none.

        Parameters
        ----------
        path
            The log's directory.
        durability
            What it means that `append` returns: ``sync``, its own fdatasync returned; ``group``,
            an fdatasync that may serve several threads returned; ``interval``, written to the
            operating system, synced every second; ``none``, written to the operating system.
        accept_loss
            Cut an uncertain end, which may hold acknowledged events: see the last section
            of ``schemas/log-format.md``.
        segment_bytes
            Size at which a segment is sealed and the next one begun.
        keep_free
            Bytes of the disk that are left free: an append that would use them is refused.

        Raises
        ------
        LogLockedError
            When another writer has the log open.
        NotALogError
            When the path holds something else.
        LogDamagedError
            When the last segment is damaged, or its end is uncertain.
        LogFormatError
            When a newer version wrote it.
        StorageError
            When the file system refuses.
        """
        if durability not in DURABILITIES:
            raise UsageError(
                f"durability {durability!r} is unknown: give {', '.join(DURABILITIES)}"
            )
        path = Path(path)
        check_may_become_log(path)
        return open_for_writing(
            OsDisk(path),
            durability,
            path=path,
            accept_loss=accept_loss,
            segment_bytes=segment_bytes,
            keep_free=keep_free,
        )

    @classmethod
    def open(cls, path: Path) -> EventLog:
        """Open a log for reading; a writer may be at work on it.

        Raises
        ------
        NotALogError
            When the path holds no log.
        LogFormatError
            When a newer version wrote it.
        StorageError
            When the file system refuses.
        """
        path = Path(path)
        check_is_log(path)
        return cls(LogReader(OsDisk(path)), path=path)

    @classmethod
    def in_memory(cls) -> EventLog:
        """Make a log that lasts as long as the process."""
        return open_for_writing(MemoryDisk(), "none")

    @property
    def count(self) -> int:
        """Position behind the last event that can be read now.

        Without gaps and removed segments it is the number of events. A reader learns of new ones
        by `refresh`.
        """
        return self._reader.count if self._writer is None else self._writer.count

    @property
    def acknowledged(self) -> int:
        """Position below which events are as durable as was asked for."""
        return self._reader.count if self._writer is None else self._writer.acknowledged

    @property
    def first(self) -> int:
        """Position at which the log begins: above 0 once old segments were removed."""
        return self._reader.first

    def append(
        self,
        batch: EventBatch,
        rejections: Sequence[Rejection] = (),
        position: SourcePosition | None = None,
        resolved: tuple[str, ...] = (),
    ) -> range:
        """Append events, all or none; may be called from several threads.

        Parameters
        ----------
        batch
            The events; may be empty.
        rejections
            Lines that were refused on the way to them.
        position
            How far the source was read: kept together with the events.
        resolved
            Keys of the quarantined lines that these events take the place of.

        Returns
        -------
        range
            The log positions given. Returning is the acknowledgement: it means what the durability
            level says.

        Raises
        ------
        StorageError
            When writing or syncing failed, now or before: this log takes no more events.
        DiskFullError
            When the free space that is kept would have been used: nothing was written, and the
            append may be tried again.
        """
        return self._writing().append(batch, rejections, position, resolved)

    def sync(self) -> None:
        """Return when all events appended so far are on the disk, whatever the durability."""
        self._writing().sync()

    def close(self) -> None:
        """Sync and let another writer in; what was recorded stays."""
        if self._writer is not None:
            self._writer.close()

    def refresh(self) -> int:
        """Look for events that were written since; give how many can be read now."""
        self._reader.refresh()
        return self._reader.count

    def blocks(
        self, first: int = 0, stop: int | None = None, columns: Collection[str] | None = None
    ) -> Iterator[Block]:
        """Read events in log order.

        Parameters
        ----------
        first, stop
            From which position, and below which; None: to the end. Where positions in between
            have no event, the next block begins behind them.
        columns
            Which of ``labels``, ``ids``, ``durations``, ``outcomes``, ``errors``, ``attributes``
            and ``values`` to decode; None: all. Metrics and times are always there.

        Raises
        ------
        LogDamagedError
            On reaching bytes that are not those that were written.
        """
        self._refresh_own()
        return self._reader.blocks(first, stop, columns)

    def labels(self, positions: Sequence[int]) -> list[str]:
        """Give the labels of the events at some positions, in the order asked.

        Raises
        ------
        IndexError
            When there is no event at a position, or not any more.
        """
        self._refresh_own()
        return self._reader.labels(positions)

    def gaps(self, first: int = 0, stop: int | None = None) -> Iterator[Gap]:
        """Give where positions of a range have no event, because it was forgotten or lost.

        Raises
        ------
        LogDamagedError
            On reaching bytes that are not those that were written.
        """
        self._refresh_own()
        stop = self._reader.count if stop is None else stop
        for gap in self._reader.gaps(first, stop):
            start, end = max(gap.start, first), min(gap.stop, stop)
            if start < end:
                yield replace(gap, start=start, count=end - start)

    def times_rise(self, stop: int) -> bool:
        """Whether every event below a position has a time, and times never go back.

        Answered from frame headers; at most one block's times are decoded.
        """
        self._refresh_own()
        return self._reader.times_rise(stop)

    def rejections(self) -> Iterator[Rejection]:
        """Give the lines that were refused, in the order in which they were met."""
        self._refresh_own()
        return self._reader.rejections()

    def quarantined(self) -> Iterator[Quarantined]:
        """Give the same lines, each with its key and whether a later append resolved it."""
        self._refresh_own()
        return quarantined(self._reader)

    def last_position(self, source: str) -> SourcePosition | None:
        """Give how far a source was read into this log; None where it never was."""
        if self._writer is not None:
            return self._writer.last_position(source)
        tail = self._reader.tail
        return None if tail is None else tail.positions().get(source)

    def info(self) -> LogInfo:
        """Count and describe what the log holds; reads all of it.

        Raises
        ------
        LogDamagedError
            When some of it cannot be read.
        """
        self._refresh_own()
        return log_info(self._reader)

    def below(self, position: int) -> EventLog:
        """Give the same log for reading, as if it ended before a position.

        What stands behind it is not looked at: so a damaged log can be read up to the damage.
        """
        return EventLog(LogReader(self._reader.disk, position), path=self.path)

    def retain(
        self, rule: Retention, needed_from: int | None = None, *, dry_run: bool = False
    ) -> Retained:
        """Remove whole leading segments that a rule lets go; positions stay what they are.

        Appending may go on in other threads; it waits meanwhile.

        Parameters
        ----------
        rule
            How old, how large or of how many events a log may be.
        needed_from
            Nothing at or above this position is removed.
        dry_run
            Only tell what would be removed.

        Raises
        ------
        LogDamagedError
            When what there is cannot be read: nothing was removed.
        """
        with self._writing().paused():
            self._reader.refresh()
            self._reader.look_again()
            return retain(self._reader, rule, needed_from, now(), dry_run=dry_run)

    def check_end(self) -> None:
        """Raise when the log's end is damaged or uncertain; a torn end is no damage.

        Raises
        ------
        LogDamagedError
            Saying where.
        """
        self._reader.check_tail()

    def verify(self) -> Verdict:
        """Check every byte, and say in what state the log is."""
        self._refresh_own()
        return verify_log(self._reader)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _refresh_own(self) -> None:
        if self._writer is not None:
            self._reader.refresh()

    def _writing(self) -> LogWriter:
        if self._writer is None:
            raise UsageError(
                "the log was opened for reading: use EventLog.create_or_open to append"
            )
        return self._writer


def open_for_writing(
    disk: Disk,
    durability: Durability,
    *,
    path: Path | None = None,
    accept_loss: bool = False,
    segment_bytes: int = SEGMENT_BYTES,
    keep_free: int = FREE_RESERVE,
) -> EventLog:
    """Lock a disk, bring its log to a whole state, and give the log; see `create_or_open`."""
    with storage_errors(f"opening {disk.path} for writing"):
        disk.make()
        lock = disk.lock(LOCK)
    try:
        removed = recover(disk, accept_loss)
        finish_removal(disk)
        reader = LogReader(disk)
        writer = LogWriter(disk, lock, reader.last_segment(), durability, segment_bytes, keep_free)
    except BaseException:
        lock.close()
        raise
    return EventLog(reader, writer, path=path, cut=removed)
