"""Numbers beyond the reach of float64 arithmetic are named and left out, not analysed wrongly."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec.structs import replace

from crackle_stream.detect.view import View
from crackle_stream.pattern import Note

LARGEST: Final = 1e60
"""Fourth powers of larger numbers, summed over a window, would overflow."""
SMALLEST: Final = 1e-60
"""And of a metric of which no number is larger than this, they would vanish."""


def within_reach(view: View) -> tuple[View, tuple[Note, ...]]:
    """Leave out metrics with a value beyond 1e60, or without one beyond 1e-60 but for zeros.

    Examples
    --------
    >>> from crackle_stream.detect.view import table_of, view_table
    >>> view, notes = within_reach(view_table(table_of({"x": [1.0, 2.0], "y": [1.0, -1e99]})))
    >>> view.names, [note.text for note in notes]
    (('x',), ['y is left out: it has numbers beyond 1e+60'])
    """
    beyond = {name: why for name in view.names if (why := _beyond(view, name))}
    if not beyond:
        return view, ()
    names = tuple(name for name in view.names if name not in beyond)
    kept = replace(
        view,
        names=names,
        series={name: view.series[name] for name in names},
        sample=view.sample.with_names(names),
    )
    notes = (Note("reach", f"{name} is left out: {why}", (name,)) for name, why in beyond.items())
    return kept, tuple(notes)


def _beyond(view: View, name: str) -> str:
    column = np.abs(view.sample.column(name))
    largest = max(np.nanmax(column, initial=0.0), np.max(np.abs(view.series[name].mean), initial=0))
    if largest > LARGEST:
        return f"it has numbers beyond {LARGEST:g}"
    if 0 < largest < SMALLEST:
        return f"its numbers are all below {SMALLEST:g}"
    return ""
