"""Dots on a grid of characters: two by four in one of braille, or one in one of ASCII."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_BRAILLE: Final = 0x2800
_BITS: Final = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_PLAIN_DOTS: Final = ("", ".", ":", "*")
_MANY: Final = 4


class Canvas:
    """A plane from 0 to 1 both ways, drawn with characters.

    Parameters
    ----------
    width, height
        In characters.
    plain
        Whether to keep to ASCII.

    Examples
    --------
    >>> canvas = Canvas(4, 1, plain=True)
    >>> canvas.dots(np.array([0.0, 1.0, 1.0]), np.array([0.5, 0.0, 0.0]))
    >>> canvas.mark(1, 0, "|")
    >>> canvas.lines()
    ['.| :']
    """

    def __init__(self, width: int, height: int, *, plain: bool) -> None:
        self.width, self.height, self._plain = width, height, plain
        self._fine = (1, 1) if plain else (4, 2)
        self._counts = np.zeros((height * self._fine[0], width * self._fine[1]), np.int64)
        self._marks: dict[tuple[int, int], str] = {}

    def dots(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Draw points; those outside are drawn at the edge."""
        rows, columns = self._counts.shape
        np.add.at(self._counts, (rows - 1 - _place(y, rows), _place(x, columns)), 1)

    def column(self, x: float) -> int:
        """Give the column of characters that a place is in."""
        return int(_place(np.array([x]), self.width)[0])

    def row(self, y: float) -> int:
        """Give the row of characters that a height is in, from the top."""
        return self.height - 1 - int(_place(np.array([y]), self.height)[0])

    def mark(self, column: int, row: int, character: str, *, over: bool = True) -> None:
        """Put a character; over what is drawn there, or only where nothing is."""
        if over or (self._empty(column, row) and (row, column) not in self._marks):
            self._marks[row, column] = character

    def lines(self) -> list[str]:
        """Give the rows from the top."""
        every = range(self.width)
        return ["".join(self._cell(c, r) for c in every).rstrip() for r in range(self.height)]

    def _empty(self, column: int, row: int) -> bool:
        return not self._within(column, row).any()

    def _within(self, column: int, row: int) -> NDArray[np.int64]:
        tall, wide = self._fine
        return self._counts[row * tall : (row + 1) * tall, column * wide : (column + 1) * wide]

    def _cell(self, column: int, row: int) -> str:
        if (row, column) in self._marks:
            return self._marks[row, column]
        within = self._within(column, row)
        if not within.any():
            return " "
        if self._plain:
            count = int(within.sum())
            return _PLAIN_DOTS[1 if count == 1 else 2 if count < _MANY else 3]
        return chr(_BRAILLE + int(_BITS[within > 0].sum()))


def _place(share: NDArray[np.float64], cells: int) -> NDArray[np.intp]:
    places: NDArray[np.intp] = np.clip((share * cells).astype(np.intp), 0, cells - 1)
    return places
