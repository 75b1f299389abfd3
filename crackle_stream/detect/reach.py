"""Numbers beyond the reach of float64 arithmetic are named, not analysed wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from crackle_stream.detect.view import View
from crackle_stream.pattern import Note
from crackle_stream.table import Table

LARGEST: Final = 1e60
"""Fourth powers of larger numbers, summed over a window, would overflow."""
SMALLEST: Final = 1e-60
"""And those of smaller numbers would vanish."""


def within_reach(view: View) -> tuple[View, tuple[Note, ...]]:
    """Leave out metrics with a value beyond 1e60, or without one beyond 1e-60 but for zeros.

    In the others, what is smaller than 1e-60 counts as zero: beside it, numbers differ by no more
    orders of magnitude than products of their ratios have room for.

    Examples
    --------
    >>> from crackle_stream.detect.view import table_of, view_table
    >>> view, notes = within_reach(view_table(table_of({"x": [1.0, 2.0], "y": [1.0, -1e99]})))
    >>> view.names, [note.text for note in notes]
    (('x',), ['y is left out: it has numbers beyond 1e+60'])
    """
    beyond = {name: why for name in view.names if (why := _beyond(view, name))}
    if beyond:
        names = tuple(name for name in view.names if name not in beyond)
        series = {name: view.series[name] for name in names}
        view = replace(view, names=names, series=series, sample=view.sample.with_names(names))
    notes = [Note("reach", f"{name} is left out: {why}", (name,)) for name, why in beyond.items()]
    specks = tuple(name for name in view.names if _is_speck(view.sample.column(name)).any())
    if specks:
        view = _without_specks(view)
        text = f"numbers below {SMALLEST:g} count as zero: {', '.join(specks)}"
        notes.append(Note("reach", text, specks))
    return view, tuple(notes)


def _without_specks(view: View) -> View:
    def scan(start: int, stop: int) -> Iterator[Table]:
        for table in view.scan(start, stop):
            yield replace(table, values=_swept(table.values))

    series = {name: replace(one, mean=_swept(one.mean)) for name, one in view.series.items()}
    sample = replace(view.sample, values=_swept(view.sample.values))
    return replace(view, series=series, sample=sample, scan=scan)


def _is_speck(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    size = np.abs(values)
    return np.asarray((size < SMALLEST) & (size > 0))


def _swept(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(_is_speck(values), 0.0, values)


def _beyond(view: View, name: str) -> str:
    column = np.abs(view.sample.column(name))
    largest = max(np.nanmax(column, initial=0.0), np.max(np.abs(view.series[name].mean), initial=0))
    if largest > LARGEST:
        return f"it has numbers beyond {LARGEST:g}"
    if 0 < largest < SMALLEST:
        return f"its numbers are all below {SMALLEST:g}"
    return ""
