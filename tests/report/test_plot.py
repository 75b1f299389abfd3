"""Plots in characters: what is where, in any width, in braille and in ASCII."""

import numpy as np
import pytest

from crackle_stream.cooling.picture import (
    ResidualPicture,
    ScatterPicture,
    Segment,
    SeriesPicture,
    ShapePicture,
)
from crackle_stream.pattern import Stretch
from crackle_stream.report.canvas import Canvas
from crackle_stream.report.plot import HEIGHT, LABELS, bars, plot
from crackle_stream.report.terminal import columns

STEP = SeriesPicture(
    metric="load",
    steps=False,
    quantity="mean",
    rows=tuple(range(100)),
    values=tuple(10.0 + 5.0 * (i >= 50) for i in range(100)),
    span=Stretch(0, 99),
    positions=Stretch(1000, 1099),
    at=50,
    low=45,
    high=55,
    before=Segment(0, 49, 10.0, 10.0),
    after=Segment(50, 99, 15.0, 15.0),
)
PAIR = ScatterPicture(
    across="a", up="b", quantity="values", x=(0.0, 1.0, 2.0), y=(0.0, 1.0, 2.0), lag=2
)

EDGE = LABELS + 1
GROUP = ScatterPicture(
    across="a",
    up="b",
    quantity="values",
    x=(0.0, 0.1, 9.0, 9.1),
    y=(0.0, 0.1, 9.0, 9.1),
    members=(True, True, False, False),
)
LAW = ResidualPicture(
    equation="a = b",
    logs=False,
    rows=tuple(range(50)),
    values=tuple(1e6 if i == 20 else 0.001 * (i % 3 - 1) for i in range(50)),
    span=Stretch(0, 49),
    positions=Stretch(0, 49),
    exceptions=(20,),
    exception_count=1,
    first=0,
    last=39,
    broke=40,
)
SHAPE = ShapePicture(
    metric="a", edges=tuple(map(float, range(61))), before=(5,) * 60, after=(9,) * 60
)
ALL = [STEP, PAIR, GROUP, LAW, SHAPE]


@pytest.mark.parametrize("picture", ALL, ids=lambda picture: type(picture).__name__)
@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("plain", [True, False])
def test_a_plot_keeps_to_its_width_and_to_ascii_where_asked(picture, width, plain):
    lines = plot(picture, width, plain=plain)
    # The first line is a title, which whoever shows it breaks.
    assert max(columns(line) for line in lines[1:]) <= width
    assert not plain or "".join(lines).isascii()


def test_a_step_goes_up_at_its_mark_between_levels_that_are_named():
    lines = plot(STEP, 63, plain=True)
    frame = [line[EDGE:] for line in lines[1 : 1 + HEIGHT]]
    mark = next(line for line in lines if "^" in line)[EDGE:].index("^")
    assert all(row[mark] in "|-:*." for row in frame if len(row) > mark)
    dotted = [row for row in frame if set(row) & set(".:*")]
    assert len(dotted) == 2
    assert set(dotted[0][:mark].strip()) <= {"|"}
    assert set(dotted[1][mark + 1 :].strip()) == set()
    assert [line[:EDGE].strip() for line in lines if "1" in line[:EDGE]] == ["15|", "10|"]
    assert lines[-1].split() == ["position", "1000", "position", "1099"]


def test_the_interval_is_drawn_under_the_axis():
    mark = next(line for line in plot(STEP, 111, plain=True) if "^" in line)
    assert mark.index("[") < mark.index("^") < mark.index("]")


def test_members_and_others_stand_apart():
    lines = plot(GROUP, 80, plain=True)
    assert lines[1] == "O members (2 shown), . others (2 shown)"
    frame = [line[EDGE:] for line in lines[2 : 2 + HEIGHT]]
    assert "O" in frame[-1][:8]
    assert "." in frame[0][-8:]


def test_a_task_far_off_a_law_does_not_flatten_the_rest():
    lines = plot(LAW, 80, plain=True)
    assert "on the scale of a logarithm" in lines[0]
    marks = next(line for line in lines if "x breaks it" in line)
    assert "^ no longer holds" in marks
    # Rows of the usual residuals are above and below the line of 0.
    dotted = [i for i, line in enumerate(lines[2 : 2 + HEIGHT]) if set(line[EDGE:]) & set(".:*")]
    assert len(dotted) >= 3


def test_braille_dots_stand_two_by_four_in_a_character():
    canvas = Canvas(1, 1, plain=False)
    x, y = np.meshgrid([0.25, 0.75], [0.1, 0.4, 0.6, 0.9])
    canvas.dots(x.ravel(), y.ravel())
    assert canvas.lines() == ["\u28ff"]
    canvas = Canvas(1, 1, plain=False)
    canvas.dots(np.array([0.0]), np.array([1.0]))
    assert canvas.lines() == ["\u2801"]


def test_a_bar_of_few_is_never_nothing():
    assert bars([0, 1, 1000], 2, " .#") == ["  #", " .#"]
