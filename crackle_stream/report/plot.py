"""Plots of patterns in characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.cooling.picture import (
    Picture,
    ResidualPicture,
    ScatterPicture,
    Segment,
    SeriesPicture,
    ShapePicture,
)
from crackle_stream.detect.describe import figure
from crackle_stream.report.canvas import Canvas
from crackle_stream.report.terminal import shorten

HEIGHT: Final = 12
WIDEST: Final = 100
LABELS: Final = 12
"""Columns for the numbers beside the vertical axis."""
BARS: Final = 4
"""Rows of a distribution."""
OUTSIDE: Final = 0.02
"""Share of the values at either end that is drawn at the edge."""
FAR: Final = 100.0
"""How many times larger than the usual ones residuals are before they are drawn by logarithm."""

Floats = NDArray[np.float64]


Units: TypeAlias = Mapping[str, str]
NO_UNITS: Final[Units] = MappingProxyType({})


class Style(Struct, frozen=True):
    """What plots are drawn with."""

    dash: str
    bar: str
    cross: str
    mark: str
    low: str
    high: str
    corner: str
    edge: str
    floor: str
    member: str
    other: str
    blocks: str


FINE: Final = Style("─", "│", "×", "▲", "├", "┤", "└", "│", "─", "●", "·", " ▁▂▃▄▅▆▇█")
PLAIN: Final = Style("-", "|", "x", "^", "[", "]", "+", "|", "-", "O", ".", " .:#")


def plot(picture: Picture, width: int, *, plain: bool, units: Units = NO_UNITS) -> list[str]:
    """Draw a picture.

    Parameters
    ----------
    picture
        What to show. Names in it are hostile text: escape the lines.
    width
        Columns, at most.
    plain
        Whether to keep to ASCII.
    units
        Of metrics.
    """
    style = PLAIN if plain else FINE
    wide = min(width, WIDEST) - LABELS - 1
    if isinstance(picture, SeriesPicture):
        return list(_series(picture, Canvas(wide, HEIGHT, plain=plain), style, units))
    if isinstance(picture, ResidualPicture):
        return list(_residual(picture, Canvas(wide, HEIGHT, plain=plain), style))
    if isinstance(picture, ShapePicture):
        return list(_shape(picture, style, wide, units))
    return list(_scatter(picture, Canvas(wide, HEIGHT, plain=plain), style, units))


class _Range(Struct, frozen=True):
    """From where to where an axis goes."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Floats, *also: float) -> _Range:
        """Cover nearly all values, and some others for certain; with a little room."""
        low, high = np.quantile(values, (OUTSIDE, 1 - OUTSIDE)).tolist()
        low, high = min([low, *also]), max([high, *also])
        room = 0.04 * (high - low) or 0.5 * abs(low) or 0.5
        return cls(low - room, high + room)

    def misses(self, values: Floats) -> NDArray[np.bool_]:
        """Tell which values lie beyond the ends, at which they are drawn."""
        return np.asarray((values < self.low) | (values > self.high))

    def share(self, values: Floats | float) -> Floats:
        """Give how far along values are, from 0 to 1."""
        return (np.asarray(values, np.float64) - self.low) / (self.high - self.low)


def _series(picture: SeriesPicture, canvas: Canvas, style: Style, units: Units) -> Iterator[str]:
    sides = [side for side in (picture.before, picture.after) if side is not None]
    up = _Range.of(np.array(picture.values), *(x for s in sides for x in (s.begin, s.end)))
    first, last = picture.span.first, picture.span.last
    across = _Range(first - 0.5, last + 0.5)
    rows = np.array(picture.rows, np.float64)
    canvas.dots(across.share(rows), up.share(np.array(picture.values)))
    for side in sides:
        _level(canvas, side, across, up, style.dash)
    if picture.at is not None:
        column = canvas.column(float(across.share(picture.at)))
        for row in range(canvas.height):
            canvas.mark(column, row, style.bar, over=False)
    levels = {
        canvas.row(float(up.share(side.begin))): figure(side.begin)
        for side in sides
        if side.begin == side.end
    }
    each = "" if len(rows) < 2 else _each(int(np.median(np.diff(rows))))
    steps = "steps of " if picture.steps else ""
    beyond = _beyond(up.misses(np.array(picture.values)))
    yield f"{picture.quantity} of {steps}{_named(picture.metric, units)}{each}{beyond}"
    yield from _framed(canvas, up, levels, style)
    if picture.at is None:
        yield _ends(canvas.width, picture.positions.first, picture.positions.last)
        return
    yield _interval(picture, canvas, across, style)
    yield _ends(canvas.width, picture.positions.first, picture.positions.last)


def _named(metric: str, units: Units) -> str:
    return f"{metric} in {units[metric]}" if metric in units else metric


def _beyond(out: NDArray[np.bool_]) -> str:
    return f", {int(out.sum()):,} beyond the edge" if out.any() else ""


def _each(width: int) -> str:
    return "" if width <= 1 else f", {width:,} tasks a dot"


def _level(canvas: Canvas, side: Segment, across: _Range, up: _Range, dash: str) -> None:
    begin, end = (canvas.column(float(across.share(row))) for row in (side.first, side.last))
    heights = np.linspace(side.begin, side.end, end + 1 - begin)
    for column, height in zip(range(begin, end + 1), heights.tolist(), strict=True):
        canvas.mark(column, canvas.row(float(up.share(height))), dash, over=False)


def _interval(picture: SeriesPicture, canvas: Canvas, across: _Range, style: Style) -> str:
    """Mark the change under the axis, between the ends of its interval."""
    at, low, high = picture.at or 0, picture.low, picture.high
    cells = [" "] * canvas.width
    middle = canvas.column(float(across.share(at)))
    if low is not None and high is not None and low <= at <= high:
        begin, end = (canvas.column(float(across.share(row))) for row in (low, high))
        cells[begin : end + 1] = style.dash * (end + 1 - begin)
        cells[begin], cells[end] = style.low, style.high
    cells[middle] = style.mark
    return " " * (LABELS + 1) + "".join(cells).rstrip()


def _framed(canvas: Canvas, up: _Range, levels: dict[int, str], style: Style) -> Iterator[str]:
    labels = {0: figure(up.high), canvas.height - 1: figure(up.low)} | levels
    for row, line in enumerate(canvas.lines()):
        yield f"{shorten(labels.get(row, ''), LABELS - 1):>{LABELS}}{style.edge}{line}"
    yield " " * LABELS + style.corner + style.floor * canvas.width


def _ends(width: int, first: int | float, last: int | float, unit: str = "position ") -> str:
    left, right = f"{unit}{first}", f"{unit}{last}"
    return " " * (LABELS + 1) + left + right.rjust(max(width - len(left), len(right) + 1))


def _scatter(picture: ScatterPicture, canvas: Canvas, style: Style, units: Units) -> Iterator[str]:
    x, y = np.array(picture.x), np.array(picture.y)
    mine = np.array(picture.members, bool)
    # A small group may lie outside of nearly all values.
    corners = [] if not mine.any() else [[v[mine].min(), v[mine].max()] for v in (x, y)]
    across, up = (_Range.of(v, *(corners[i] if corners else [])) for i, v in enumerate((x, y)))
    places = across.share(x), up.share(y)
    if picture.members:
        for char, which in ((style.other, ~mine), (style.member, mine)):
            for one, other in zip(places[0][which], places[1][which], strict=True):
                canvas.mark(canvas.column(float(one)), canvas.row(float(other)), char)
    else:
        canvas.dots(*places)
    known = {} if picture.quantity.startswith("ranks") else units
    up_name, across_name = (_named(name, known) for name in (picture.up, picture.across))
    beyond = _beyond(across.misses(x) | up.misses(y))
    yield f"{up_name} (up) against {across_name} (across): {picture.quantity}{beyond}"
    if picture.members:
        members = int(mine.sum())
        told = f"{style.member} members ({members:,} shown), {style.other} others"
        yield f"{told} ({len(mine) - members:,} shown)"
    if picture.lag:
        later = "task" if picture.lag == 1 else "tasks"
        yield f"{picture.across} is {picture.lag} {later} earlier"
    yield from _framed(canvas, up, {}, style)
    yield _ends_of(canvas.width, across)


def _ends_of(width: int, across: _Range) -> str:
    left, right = figure(across.low), figure(across.high)
    return " " * (LABELS + 1) + left + right.rjust(max(width - len(left), len(right) + 1))


def _residual(picture: ResidualPicture, canvas: Canvas, style: Style) -> Iterator[str]:
    off = np.array(picture.values)
    usual = float(np.median(np.abs(off)))
    unit = usual or float(np.abs(off[off != 0]).min(initial=np.inf))
    far = bool(np.abs(off).max(initial=0.0) > FAR * unit)
    drawn = np.arcsinh(off / unit) if far else off
    most = float(np.abs(drawn).max(initial=0.0)) or 1.0
    up, across = _Range(-1.05 * most, 1.05 * most), _Range(-0.5, picture.span.last + 0.5)
    canvas.dots(across.share(np.array(picture.rows, np.float64)), up.share(drawn))
    zero = canvas.row(0.5)
    for column in range(canvas.width):
        canvas.mark(column, zero, style.dash, over=False)
    if picture.broke is not None:
        column = canvas.column(float(across.share(picture.broke)))
        for row in range(canvas.height):
            canvas.mark(column, row, style.bar)
    scale = ", on the scale of a logarithm" if far else ""
    share = " (of the logarithm)" if picture.logs else ""
    yield f"how far tasks are off {picture.equation}{share}{scale}"
    yield from _legend(picture, style)
    extreme = float(np.abs(off).max(initial=0.0))
    labels = {0: figure(extreme), zero: "0", canvas.height - 1: figure(-extreme)}
    for row, line in enumerate(canvas.lines()):
        yield f"{shorten(labels.get(row, ''), LABELS - 1):>{LABELS}}{style.edge}{line}"
    yield " " * LABELS + style.corner + style.floor * canvas.width
    if picture.exceptions or picture.broke is not None:
        yield _beneath(picture, canvas, across, style)
    yield _ends(canvas.width, picture.positions.first, picture.positions.last)


def _legend(picture: ResidualPicture, style: Style) -> Iterator[str]:
    shown, count = len(picture.exceptions), picture.exception_count
    first = f" (the first {shown:,} of {count:,})" if count > shown else ""
    told = [f"{style.cross} breaks it{first}"] if picture.exceptions else []
    told += [] if picture.broke is None else [f"{style.mark} no longer holds"]
    if told:
        yield ", ".join(told)


def _beneath(picture: ResidualPicture, canvas: Canvas, across: _Range, style: Style) -> str:
    """Mark the tasks that break a law, and where it ends."""
    cells = [" "] * canvas.width
    for row in picture.exceptions:
        cells[canvas.column(float(across.share(row)))] = style.cross
    if picture.broke is not None:
        cells[canvas.column(float(across.share(picture.broke)))] = style.mark
    return (" " * (LABELS + 1) + "".join(cells)).rstrip()


def _shape(picture: ShapePicture, style: Style, width: int, units: Units) -> Iterator[str]:
    yield f"how often {_named(picture.metric, units)} has which value"
    each = -(-len(picture.before) // width)
    bins = -(-len(picture.before) // each)
    for name, counts in (("before", picture.before), ("after", picture.after)):
        joined = [sum(counts[i : i + each]) for i in range(0, len(counts), each)]
        rows = bars(joined, BARS, style.blocks)
        for row, line in enumerate(rows):
            label = name if row == len(rows) - 1 else ""
            yield f"{label:>{LABELS}}{style.edge}{line}"
    yield " " * LABELS + style.corner + style.floor * bins
    yield _ends_of(bins, _Range(picture.edges[0], picture.edges[-1]))


def bars(counts: Sequence[int], height: int, blocks: str) -> list[str]:
    """Draw upright bars, in rows from the top.

    Examples
    --------
    >>> bars([0, 2, 4], 2, " .#")
    ['  #', ' ##']
    """
    full = len(blocks) - 1
    most = max(max(counts), 1)
    sizes = [round(count / most * height * full) for count in counts]
    sizes = [max(size, 1) if count else 0 for size, count in zip(sizes, counts, strict=True)]
    lines = []
    for row in range(height - 1, -1, -1):
        cells = (blocks[min(max(size - row * full, 0), full)] for size in sizes)
        lines.append("".join(cells).rstrip())
    return lines
