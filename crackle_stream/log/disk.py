"""The one seam through which the log touches the file system.

Everything the log asks of a disk is here, so that tests can put a disk in its place that loses
what was not synced, runs full or fails.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol

from crackle_stream.errors import LogLockedError, StorageError

_FILE_MODE = 0o600
_DIRECTORY_MODE = 0o700
_NOT_FOLLOWED = "a symbolic link, which is not followed"


class File(Protocol):
    """An open file. Every method may raise OSError."""

    def write(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Write all of the data at an offset."""

    def pread(self, size: int, offset: int) -> bytes:
        """Read up to `size` bytes from an offset; fewer only at the end of the file."""

    def size(self) -> int:
        """Give the length of the file."""

    def truncate(self, size: int) -> None:
        """Cut the file."""

    def fdatasync(self) -> None:
        """Return when the file's bytes and its length are on the disk."""

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""


class Disk(Protocol):
    """A directory for one log. Names are relative to it. Every method may raise OSError."""

    path: str

    def make(self) -> None:
        """Make the directory where it is missing."""

    def make_directory(self, name: str) -> None:
        """Make a directory in it where it is missing."""

    def names(self, directory: str = "") -> list[str]:
        """List what is in the directory, or in one in it, sorted."""

    def create(self, name: str) -> File:
        """Open a new or emptied file."""

    def open(self, name: str, *, writing: bool = False) -> File:
        """Open a file that exists."""

    def rename(self, old: str, new: str) -> None:
        """Put a file in the place of another."""

    def unlink(self, name: str) -> None:
        """Remove a file."""

    def fsync_directory(self, name: str = "") -> None:
        """Return when the names in a directory are on the disk."""

    def lock(self, name: str) -> File:
        """Take the writer's lock, which lasts until the file is closed; or raise LogLockedError."""

    def free(self) -> int:
        """Give the bytes that can still be written."""


class storage_errors:  # noqa: N801
    """Turn an OSError into a StorageError that says what was being done.

    A class, since a context manager made of a generator costs five times as much, and every read
    and write of the log is inside one.
    """

    __slots__ = ("_action",)

    def __init__(self, action: str) -> None:
        self._action = action

    def __enter__(self) -> None:
        """Do nothing yet."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, OSError):
            refused = isinstance(error, PermissionError)
            advice = "ask for access" if refused else "look at the disk, then open the log again"
            raise StorageError(f"{self._action} failed: {error}; {advice}") from error


class OsFile:
    """A file of the operating system."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Write all of the data at an offset; a short write is continued."""
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._descriptor, rest, offset)
            rest, offset = rest[written:], offset + written

    def pread(self, size: int, offset: int) -> bytes:
        """Read up to `size` bytes from an offset; fewer only at the end of the file."""
        data = os.pread(self._descriptor, size, offset)
        while len(data) < size:
            more = os.pread(self._descriptor, size - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def size(self) -> int:
        """Give the length of the file."""
        return os.fstat(self._descriptor).st_size

    def truncate(self, size: int) -> None:
        """Cut the file."""
        os.ftruncate(self._descriptor, size)

    def fdatasync(self) -> None:
        """Return when the file's bytes and its length are on the disk."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        # Who has written closes the file, and is told; of one that was only read nothing is lost.
        with suppress(OSError):
            OsFile.close(self)  # and no unlocking: a forked process lets go of its copies too


class OsLock(OsFile):
    """A file held with flock."""

    def close(self) -> None:
        """Unlock: to close is not enough where a forked process has inherited the descriptor."""
        if self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        super().close()


class OsDisk:
    """A directory of the operating system."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def make(self) -> None:
        """Make the directory where it is missing."""
        if not os.path.isdir(self.path):
            os.makedirs(self.path, _DIRECTORY_MODE, exist_ok=True)  # another may be first
            _fsync_directory(os.path.dirname(os.path.abspath(self.path)))

    def make_directory(self, name: str) -> None:
        """Make a directory in it where it is missing."""
        path = self._within(name)
        if not os.path.isdir(path):
            os.mkdir(path, _DIRECTORY_MODE)

    def names(self, directory: str = "") -> list[str]:
        """List what is in the directory, or in one in it, sorted."""
        return sorted(os.listdir(self._within(directory) if directory else self.path))

    def create(self, name: str) -> OsFile:
        """Open a new or emptied file."""
        return OsFile(self._descriptor(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC))

    def open(self, name: str, *, writing: bool = False) -> OsFile:
        """Open a file that exists."""
        return OsFile(self._descriptor(name, os.O_RDWR if writing else os.O_RDONLY))

    def rename(self, old: str, new: str) -> None:
        """Put a file in the place of another."""
        os.replace(self._at(old), self._at(new))

    def unlink(self, name: str) -> None:
        """Remove a file."""
        os.unlink(self._at(name))

    def fsync_directory(self, name: str = "") -> None:
        """Return when the names in a directory are on the disk."""
        _fsync_directory(self._at(name))

    def lock(self, name: str) -> OsLock:
        """Take the writer's lock with flock, and write into it who holds it."""
        file = OsLock(self._descriptor(name, os.O_RDWR | os.O_CREAT))
        try:
            fcntl.flock(file._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = file.pread(256, 0).decode(errors="replace").strip() or "another process"
            file.close()
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise LogLockedError(
                f"{self.path} is being written by {holder}; wait until it ends, or write elsewhere"
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        return file

    def free(self) -> int:
        """Give the bytes that can still be written."""
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def _at(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _within(self, directory: str) -> str:
        """Give the path of a directory in this one; a link would lead out of it."""
        path = self._at(directory)
        if os.path.islink(path):
            raise OSError(errno.ELOOP, _NOT_FOLLOWED, path)
        return path

    def _descriptor(self, name: str, flags: int) -> int:
        path = self._at(name)
        try:
            # Not to wait for the other end, where somebody made it a pipe.
            flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            descriptor = os.open(path, flags, _FILE_MODE)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OSError(errno.ELOOP, _NOT_FOLLOWED, path) from error
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a regular file", path)
        return descriptor


def _fsync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
