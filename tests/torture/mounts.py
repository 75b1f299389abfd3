"""File systems that are there for a while: in memory, and in a file that can be cut off."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

MAKE: Final = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-J", "size=4"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
}
MEMORY: Final = "/dev/shm"
"""Where an image is quickest; what a cut-off loses is lost before it comes to the image."""
SHUTDOWN: Final = 0x8004587D
CUTS: Final = {"flushed": 0, "journal flushed": 1, "nothing flushed": 2}
"""What the shutdown ioctl writes out before it cuts a file system off."""


def run(*command: str) -> str:
    """Run a command; what it says is in the error when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout.strip()


@contextmanager
def tmpfs(size: str) -> Iterator[Path]:
    """Mount a file system in memory of some size, such as ``8m``."""
    with _directory() as where:
        run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(where))
        try:
            yield where
        finally:
            run("umount", "--lazy", str(where))


class Image:
    """A file system in a file, to be mounted, cut off and mounted again.

    The file is sparse; it is larger than the space that a log keeps free.

    Parameters
    ----------
    kind
        ``ext4`` or ``xfs``.
    directory
        Where the file and the mount point are.
    """

    def __init__(self, kind: str, directory: Path) -> None:
        self.kind = kind
        self.where = directory / "mounted"
        self.where.mkdir()
        self._file = directory / "image"
        with self._file.open("wb") as file:
            file.truncate(700 << 20)
        run(*MAKE[kind], str(self._file))
        self._device = run("losetup", "--find", "--show", str(self._file))

    def mount(self) -> None:
        """Mount it; the journal is replayed where it was cut off."""
        run("mount", "-t", self.kind, self._device, str(self.where))

    def umount(self) -> None:
        """Unmount it."""
        run("umount", str(self.where))

    def cut_off(self, how: int) -> None:
        """Shut the file system down under who uses it: nothing reaches the disk any more."""
        descriptor = os.open(self.where, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", how))
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Leave no mount and no device behind."""
        with suppress(OSError):
            run("umount", "--lazy", str(self.where))
        run("losetup", "--detach", self._device)


@contextmanager
def image(kind: str) -> Iterator[Image]:
    """Make an image, and leave nothing of it behind."""
    with _directory() as directory:
        made = Image(kind, directory)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def _directory() -> Iterator[Path]:
    memory = MEMORY if os.path.isdir(MEMORY) else None
    directory = Path(tempfile.mkdtemp(prefix="crackle-mount-", dir=memory))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
