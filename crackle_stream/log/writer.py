"""The one writer of a log: frames in, acknowledged as the durability level says."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from crackle_stream.clock import now
from crackle_stream.errors import DiskFullError, StorageError, UsageError
from crackle_stream.event import EventBatch
from crackle_stream.log.append import encode_append
from crackle_stream.log.block import EncodedBlock
from crackle_stream.log.compaction import compact
from crackle_stream.log.disk import Disk, File, storage_errors
from crackle_stream.log.files import create_segment
from crackle_stream.log.frame import CLOSE, SEAL
from crackle_stream.log.promises import FREE_RESERVE, INTERVAL, Durability
from crackle_stream.log.segment import Segment
from crackle_stream.log.segment_writer import SegmentWriter
from crackle_stream.source import Rejection, SourcePosition

SEGMENT_BYTES: Final = 64 << 20


class LogWriter:
    """Appends to the last segment of a log.

    Appends may come from several threads. In ``group`` one thread syncs for all that have written
    by then, and `append` returns when its bytes are covered; in ``sync`` each append is synced by
    itself. The first failure of a write, a sync or a close stops the writer for good: a sync that
    failed once is known to succeed the next time with the data gone.

    Parameters
    ----------
    disk
        Where the log lives.
    lock
        Its lock, taken; closed with the writer.
    tail
        The last segment, whole.
    durability
        What an acknowledgement means.
    segment_bytes
        Size at which a segment is sealed.
    keep_free
        Bytes of the disk that are left free.
    """

    def __init__(
        self,
        disk: Disk,
        lock: File,
        tail: Segment,
        durability: Durability,
        segment_bytes: int = SEGMENT_BYTES,
        keep_free: int = FREE_RESERVE,
    ) -> None:
        self._keep_free = keep_free
        self._disk = disk
        self._lock = lock
        self._durability = durability
        self._segment_bytes = segment_bytes
        self._monitor = threading.Condition(threading.Lock())
        self._syncing = False
        self._failure: str | None = None
        self._ended = threading.Event()
        self._positions = tail.positions()
        self._end = SegmentWriter(disk, tail)
        self._ends_closed = tail.closed
        self._written = self._durable = 0
        self.count = self.acknowledged = tail.next
        if durability == "interval":
            threading.Thread(target=self._sync_every_interval, daemon=True).start()

    def append(
        self,
        batch: EventBatch,
        rejections: Sequence[Rejection] = (),
        position: SourcePosition | None = None,
        resolved: tuple[str, ...] = (),
    ) -> range:
        """Write events, and return when they are acknowledged; see `EventLog.append`."""
        blocks = encode_append(batch, rejections, position, now(), resolved)
        with self._monitor:
            self._check_usable()
            self._make_room(sum(len(block.data) for block in blocks))
            first = self.count
            with self._guarded("writing"):
                self._write(blocks)
            if position is not None:
                self._positions[position.source] = position
            self._acknowledge()
        return range(first, first + len(batch))

    def sync(self) -> None:
        """Return when everything written so far is durable."""
        with self._monitor:
            self._check_usable()
            self._wait_durable(self._written)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let nothing be appended or sealed while other segments than the last are changed."""
        with self._monitor:
            self._check_usable()
            yield

    def close(self) -> None:
        """Sync, write that the log was closed in order, and let go of it."""
        with self._monitor:
            if self._ended.is_set():
                return
            self._ended.set()
            try:
                if self._failure is None:
                    self._finish()
            finally:
                self._lock.close()

    def last_position(self, source: str) -> SourcePosition | None:
        """Give how far a source was read, by what has been appended."""
        return self._positions.get(source)

    def _write(self, blocks: list[EncodedBlock]) -> None:
        for block in blocks:
            self._end.write(block)
        self._written += 1
        self.count = self._end.next
        self._ends_closed = False

    def _finish(self) -> None:
        self._wait_durable(self._written)
        self._wait_for_sync()
        with self._guarded("closing"):
            if not self._ends_closed:
                self._end.write_last(CLOSE)
            self._end.close()

    def _make_room(self, size: int) -> None:
        """Refuse before the disk's reserve is used, and seal a full segment."""
        with storage_errors(f"asking for the free space of {self._disk.path}"):
            free = self._disk.free()
        if free < self._keep_free + size:
            raise DiskFullError(
                f"{self._disk.path} has {free >> 20} MiB free and {self._keep_free >> 20} MiB are "
                "kept; nothing of this append was written: free some space and append again"
            )
        if self._is_full(size):
            self._wait_for_sync()
            self._check_usable()
        if self._is_full(size):
            with self._guarded("sealing"):
                self._roll()

    def _is_full(self, size: int) -> bool:
        """Whether a segment that holds events would grow too large; one without has no name yet."""
        end = self._end
        return end.offset + size > self._segment_bytes and end.next > end.first

    def _roll(self) -> None:
        """Seal the segment, begin the next one, and compact what was sealed."""
        full = self._end
        full.write_last(SEAL)
        full.close()
        self._durable, self.acknowledged = self._written, full.next
        sealed = Segment(self._disk, full.first, full.log_id)
        create_segment(self._disk, full.next, full.log_id, self._positions)
        fresh = Segment(self._disk, full.next, full.log_id)
        fresh.extend()
        self._end = SegmentWriter(self._disk, fresh)
        sealed.extend()
        compact(self._disk, sealed)

    def _acknowledge(self) -> None:
        if self._durability == "group":
            self._wait_durable(self._written)
        elif self._durability == "sync":
            with self._guarded("syncing"):
                self._end.fdatasync()
            self._settle(self._written, self._end.next, self._end.offset)
        else:
            self.acknowledged = self.count

    def _wait_durable(self, ticket: int) -> None:
        """Wait until a sync covers the append of this number; sync where no other thread does."""
        while self._durable < ticket:
            self._check_sound()
            if self._syncing:
                self._monitor.wait()
            else:
                self._sync_for_all()

    def _wait_for_sync(self) -> None:
        while self._syncing:
            self._monitor.wait()

    def _sync_for_all(self) -> None:
        """Sync what all threads have written, while they may go on writing."""
        ticket, position, offset = self._written, self._end.next, self._end.offset
        failure: BaseException | None = None
        self._syncing = True
        self._monitor.release()
        try:
            self._end.fdatasync()
        except BaseException as error:
            failure = error
        self._monitor.acquire()
        self._syncing = False
        self._monitor.notify_all()
        with self._guarded("syncing"):
            if failure is not None:
                raise failure
        self._settle(ticket, position, offset)

    def _settle(self, ticket: int, position: int, offset: int) -> None:
        """Note what a sync has made durable; where nobody writes on, a mark notes it in the log.

        Without it no later header would say that the last group was synced, and damage to it would
        look like a torn end.
        """
        if ticket < self._durable:
            return
        self._durable, self._end.durable = ticket, offset
        self.acknowledged = position
        if self._written == ticket:
            with self._guarded("writing"):
                self._end.mark()

    def _sync_every_interval(self) -> None:
        while not self._ended.wait(INTERVAL):
            with self._monitor:
                if self._failure is not None or self._ended.is_set():
                    return
                try:
                    self._wait_durable(self._written)
                except StorageError:
                    return  # kept as the writer's failure: the next append raises it

    @contextmanager
    def _guarded(self, action: str) -> Iterator[None]:
        """Stop the writer for good at the first failure of any kind."""
        try:
            with storage_errors(f"{action} {self._end.where}"):
                yield
        except BaseException as error:
            self._failure = str(error) or type(error).__name__
            self._monitor.notify_all()
            raise

    def _check_usable(self) -> None:
        if self._ended.is_set():
            raise UsageError(f"{self._disk.path} was closed: open it again to append")
        self._check_sound()

    def _check_sound(self) -> None:
        if self._failure is not None:
            raise StorageError(
                f"the writer of {self._disk.path} has stopped, and events since are not "
                f"in the log: {self._failure}"
            )
