"""A disk that forgets what was not synced, in every way a real one may.

Names and bytes have two states: as processes see them, and as the disk holds them. A sync makes
the second like the first. A crash gives a disk on which any part of what was not synced is there.
"""

from __future__ import annotations

import errno
import random

from crackle_stream.log.memory import MemoryDisk, MemoryFile, names_in

SECTOR = 64  # smaller than any real one, so that headers are torn too


class Crash(BaseException):
    """The power went, or the process was killed."""


class Inode:
    """A file: its bytes as processes see them, those on the disk, and what is not synced."""

    def __init__(self, content: bytes = b"") -> None:
        self.seen = bytearray(content)
        self.kept = bytearray(content)
        self.unsynced: list[tuple[int, bytes | None]] = []

    def sync(self) -> None:
        """Make durable what is still to be written; a sync that failed has forgotten it."""
        kept = MemoryFile(self.kept)
        for offset, data in self.unsynced:
            if data is None:
                kept.truncate(offset)
            else:
                kept.write(data, offset)
        self.unsynced = []

    def survivor(self, rng: random.Random) -> Inode:
        content = MemoryFile(bytearray(self.kept))
        for offset, data in self.unsynced:
            if rng.random() < 0.5:
                continue
            if data is None:
                content.truncate(offset)
            else:
                _write_some_sectors(content, offset, data, rng)
        return Inode(bytes(content.content))


class SimulatedFile:
    """An open file of a simulated disk."""

    def __init__(self, disk: SimulatedDisk, inode: Inode) -> None:
        self._disk, self._inode = disk, inode

    def write(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        failure = self._disk.step()
        written = bytes(data)
        if failure is not None:
            written = written[: self._disk.rng.randrange(len(written) + 1)]
        MemoryFile(self._inode.seen).write(written, offset)
        self._inode.unsynced.append((offset, written))
        if failure is not None:
            raise failure

    def pread(self, size: int, offset: int) -> bytes:
        return bytes(self._inode.seen[offset : offset + size])

    def size(self) -> int:
        return len(self._inode.seen)

    def truncate(self, size: int) -> None:
        self._disk.check()
        del self._inode.seen[size:]
        self._inode.unsynced.append((size, None))

    def fdatasync(self) -> None:
        failure = self._disk.step()
        if isinstance(failure, OSError):
            self._inode.unsynced = []  # gone, while processes go on seeing it
        if failure is not None:
            raise failure
        self._inode.sync()

    def close(self) -> None:
        self._disk.check()


class SimulatedDisk(MemoryDisk):
    """A directory that can crash, fail and run full."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.rng = rng
        self.inodes: dict[str, Inode] = {}
        self.unsynced: list[tuple[str, str | None, Inode | None]] = []
        self.kept: dict[str, Inode] = {}
        self.steps = 0
        self.stop_at: int | None = None
        self.failure: BaseException | None = None
        self.room = 1 << 40

    def step(self) -> BaseException | None:
        """Count an operation; give the failure that is due at it."""
        self.steps += 1
        return self.failure if self.steps == self.stop_at else None

    def check(self) -> None:
        failure = self.step()
        if failure is not None:
            raise failure

    def names(self, directory: str = "") -> list[str]:
        return names_in(self.inodes, directory)

    def create(self, name: str) -> SimulatedFile:
        self.check()
        inode = Inode()
        self._link(name, inode)
        return SimulatedFile(self, inode)

    def open(self, name: str, *, writing: bool = False) -> SimulatedFile:
        if name not in self.inodes:
            raise FileNotFoundError(errno.ENOENT, "no such file", name)
        return SimulatedFile(self, self.inodes[name])

    def rename(self, old: str, new: str) -> None:
        self.check()
        self._link(new, self.inodes[old])
        self._unlink(old)

    def unlink(self, name: str) -> None:
        self.check()
        self._unlink(name)

    def fsync_directory(self, name: str = "") -> None:
        failure = self.step()
        if isinstance(failure, Crash):
            raise failure
        mine = [change for change in self.unsynced if change[0].rpartition("/")[0] == name]
        self.unsynced = [change for change in self.unsynced if change not in mine]
        if failure is not None:
            raise failure  # the changes are gone, while processes go on seeing them
        _apply(self.kept, mine)

    def free(self) -> int:
        return self.room

    def after_crash(self) -> SimulatedDisk:
        """Give the disk as it may be after the power went."""
        after = SimulatedDisk(self.rng)
        names = dict(self.kept)
        _apply(names, self.unsynced[: self.rng.randrange(len(self.unsynced) + 1)])
        survivors = {id(inode): inode.survivor(self.rng) for inode in names.values()}
        after.inodes = {name: survivors[id(inode)] for name, inode in names.items()}
        after.kept = dict(after.inodes)
        return after

    def after_kill(self) -> SimulatedDisk:
        """Give the disk as it is after the process was killed: what it saw is what is there."""
        after = SimulatedDisk(self.rng)
        after.inodes, after.kept, after.unsynced = self.inodes, self.kept, self.unsynced
        return after

    def _link(self, name: str, inode: Inode) -> None:
        self.inodes[name] = inode
        self.unsynced.append((name, None, inode))

    def _unlink(self, name: str) -> None:
        del self.inodes[name]
        self.unsynced.append((name, "gone", None))


def _apply(names: dict[str, Inode], changes: list[tuple[str, str | None, Inode | None]]) -> None:
    for name, _, inode in changes:
        if inode is None:
            names.pop(name, None)
        else:
            names[name] = inode


def _write_some_sectors(file: MemoryFile, offset: int, data: bytes, rng: random.Random) -> None:
    """Write a random choice of the sectors that a write touches; mostly all, or a first part."""
    kind, end = rng.random(), offset + len(data)
    upto = rng.randrange(offset, end + 1)
    for sector in range(offset - offset % SECTOR, end, SECTOR):
        start, stop = max(sector, offset), min(sector + SECTOR, end)
        if kind < 0.4 or (stop <= upto if kind < 0.8 else rng.random() < 0.5):
            file.write(data[start - offset : stop - offset], start)
