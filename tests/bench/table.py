"""Tables as text: one printer for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Cell: TypeAlias = float | int | str | None
Row: TypeAlias = tuple[str, Sequence[Cell]]


def print_table(title: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Print rows as they come: a name, then a cell for each column; None is a dash."""
    widths = [max(8, len(column)) for column in columns]
    print(f"\n{title}")
    print(f"  {'':36}" + _line(columns, widths), flush=True)
    for name, cells in rows:
        print(f"  {name:36}" + _line([_text(cell) for cell in cells], widths), flush=True)


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f"  {text:>{width}}" for text, width in zip(texts, widths, strict=False))


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
