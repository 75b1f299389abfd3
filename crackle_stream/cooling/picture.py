"""What a plot of a pattern shows, as bounded arrays of numbers."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from crackle_stream.pattern import Stretch


class Segment(Struct, frozen=True):
    """One side of a change: its first and last row, and the ends of the line through it."""

    first: int
    last: int
    begin: float
    end: float


class SeriesPicture(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="series"):
    """A metric over the rows of a window, in bins.

    Parameters
    ----------
    metric
        Its name.
    steps
        Whether its steps from task to task are shown, as those of a counter.
    quantity
        What is shown of each bin.
    rows, values
        First row of each bin, and the quantity in it.
    span, positions
        First and last row that are shown, and their log positions.
    at, low, high
        Row of the first task after the change, and the rows it lies between.
    before, after
        The segments on both sides.
    """

    metric: str
    steps: bool
    quantity: Literal["mean", "standard deviation"]
    rows: tuple[int, ...]
    values: tuple[float, ...]
    span: Stretch
    positions: Stretch
    at: int | None = None
    low: int | None = None
    high: int | None = None
    before: Segment | None = None
    after: Segment | None = None


class ShapePicture(Struct, frozen=True, kw_only=True, tag="shape"):
    """How often values fall between edges, before a change and after it."""

    metric: str
    edges: tuple[float, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


class ScatterPicture(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="scatter"):
    """Tasks in the plane of two metrics.

    Parameters
    ----------
    across, up
        Names of the metrics.
    quantity
        What is shown of both.
    x, y
        One point a task.
    lag
        Tasks by which `across` is earlier.
    members
        Of each point, whether its task is in the group; empty where no group is shown.
    """

    across: str
    up: str
    quantity: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    lag: int = 0
    members: tuple[bool, ...] = ()


class ResidualPicture(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="residual"):
    """How far each stretch of tasks is off a law.

    Parameters
    ----------
    equation
        The law.
    logs
        Whether residuals are of logarithms.
    rows, values
        First row of each stretch, and the residual in it that is furthest from 0.
    span, positions
        First and last row that are shown, and their log positions.
    exceptions, exception_count
        Rows of tasks that break the law, those that are listed; and how many there are.
    first, last
        Rows between which it holds.
    broke
        Row from which it no longer holds.
    """

    equation: str
    logs: bool
    rows: tuple[int, ...]
    values: tuple[float, ...]
    span: Stretch
    positions: Stretch
    exceptions: tuple[int, ...] = ()
    exception_count: int = 0
    first: int
    last: int
    broke: int | None = None


Picture: TypeAlias = SeriesPicture | ShapePicture | ScatterPicture | ResidualPicture
