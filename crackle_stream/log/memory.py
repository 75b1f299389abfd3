"""A disk in memory: for logs that need not last, and as the ground for worse disks in tests."""

from __future__ import annotations

from collections.abc import Iterable

from crackle_stream.errors import LogLockedError


class MemoryFile:
    """An open file of a `MemoryDisk`."""

    def __init__(self, content: bytearray) -> None:
        self.content = content

    def write(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Write all of the data at an offset."""
        gap = offset - len(self.content)
        if gap > 0:
            self.content.extend(bytes(gap))
        self.content[offset : offset + len(data)] = data

    def pread(self, size: int, offset: int) -> bytes:
        """Read up to `size` bytes from an offset; fewer only at the end of the file."""
        return bytes(self.content[offset : offset + size])

    def size(self) -> int:
        """Give the length of the file."""
        return len(self.content)

    def truncate(self, size: int) -> None:
        """Cut the file."""
        del self.content[size:]

    def fdatasync(self) -> None:
        """Do nothing: memory lasts as long as the process."""

    def close(self) -> None:
        """Do nothing."""


class MemoryLock(MemoryFile):
    """The writer's lock of a `MemoryDisk`, held until it is closed."""

    held = True

    def close(self) -> None:
        """Let another writer in."""
        self.held = False


class MemoryDisk:
    """A directory in memory."""

    def __init__(self) -> None:
        self.path = "the log in memory"
        self.files: dict[str, bytearray] = {}
        self._lock: MemoryLock | None = None

    def make(self) -> None:
        """Do nothing: it is there."""

    def make_directory(self, name: str) -> None:
        """Do nothing: names with a slash need no directory."""

    def names(self, directory: str = "") -> list[str]:
        """List what is in the directory, or in one in it, sorted."""
        return names_in(self.files, directory)

    def create(self, name: str) -> MemoryFile:
        """Open a new or emptied file."""
        self.files[name] = bytearray()
        return MemoryFile(self.files[name])

    def open(self, name: str, *, writing: bool = False) -> MemoryFile:  # noqa: ARG002
        """Open a file that exists."""
        if name not in self.files:
            raise FileNotFoundError(2, "No such file", name)
        return MemoryFile(self.files[name])

    def rename(self, old: str, new: str) -> None:
        """Put a file in the place of another."""
        self.files[new] = self.files.pop(old)

    def unlink(self, name: str) -> None:
        """Remove a file."""
        del self.files[name]

    def fsync_directory(self, name: str = "") -> None:
        """Do nothing: memory lasts as long as the process."""

    def lock(self, name: str) -> MemoryLock:
        """Take the writer's lock."""
        if self._lock is not None and self._lock.held:
            raise LogLockedError(f"{self.path} is being written already; close the other writer")
        self._lock = MemoryLock(self.files.setdefault(name, bytearray()))
        return self._lock

    def free(self) -> int:
        """Give more than any log asks for."""
        return 1 << 62


def names_in(paths: Iterable[str], directory: str) -> list[str]:
    """List what stands in a directory, by the paths of all files."""
    above = f"{directory}/" if directory else ""
    inside = (path.removeprefix(above) for path in paths if path.startswith(above))
    return sorted({path.partition("/")[0] for path in inside})
