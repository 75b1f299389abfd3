"""Rows on disk: columns in files of their own, appended to and read by place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.errors import StorageError
from crackle_stream.table import Table


class Rows(Struct, frozen=True):
    """Rows in analysis order with the group each belongs to.

    Parameters
    ----------
    table
        The rows.
    groups
        int32 group numbers; None when rows are not grouped.
    """

    table: Table
    groups: NDArray[np.int32] | None = None

    def take(self, which: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Rows:
        """Give some of the rows."""
        groups = None if self.groups is None else self.groups[which]
        return Rows(self.table.take(which), groups)


class RowFile:
    """A temporary file of rows, removed with the directory it lies in.

    Parameters
    ----------
    directory
        Where; made if it is not there.
    names
        Metric names of all rows.
    grouped
        Whether rows carry a group.
    """

    def __init__(self, directory: Path, names: tuple[str, ...], grouped: bool) -> None:
        self.directory = directory
        self.names = names
        self.grouped = grouped
        self.n = 0
        directory.mkdir(mode=0o700, exist_ok=True)

    def append(self, rows: Rows) -> None:
        """Write rows after those that are there.

        Raises
        ------
        StorageError
            When the disk does not take them.
        """
        table = rows.table.with_names(self.names)
        self._write("times", table.times)
        self._write("positions", table.positions)
        self._write("values", np.ascontiguousarray(table.values))
        if rows.groups is not None:
            self._write("groups", rows.groups)
        self.n += len(table)

    def read(self, first: int, stop: int) -> Rows:
        """Give a range of rows, numbered by their place."""
        stop = min(stop, self.n)
        width = len(self.names)
        values = self._read("values", np.float64, first * width, stop * width)
        table = Table(
            self.names,
            np.arange(first, stop, dtype=np.int64),
            self._read("positions", np.int64, first, stop),
            self._read("times", np.int64, first, stop),
            values.reshape(stop - first, width),
        )
        return Rows(table, self._read("groups", np.int32, first, stop) if self.grouped else None)

    def remove(self) -> None:
        """Give the disk its space back."""
        for path in self.directory.iterdir():
            path.unlink()
        self.directory.rmdir()

    def _write(self, column: str, values: NDArray[np.generic]) -> None:
        path = self.directory / column
        try:
            with path.open("ab") as file:
                values.tofile(file)
        except OSError as error:
            raise StorageError(
                f"putting events in order of time: {path}: {error.strerror}; "
                "free space there, point TMPDIR elsewhere, or use --order log"
            ) from error

    def _read(self, column: str, dtype: type[np.generic], first: int, stop: int) -> NDArray:  # type: ignore[type-arg]
        count, size = stop - first, np.dtype(dtype).itemsize
        if not count:
            return np.empty(0, dtype)
        return np.fromfile(self.directory / column, dtype, count, offset=first * size)
