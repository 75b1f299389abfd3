"""Metrics that end or begin within a window."""

import numpy as np
import pytest

from crackle_stream.detect.coverage import LONG, find_coverage
from crackle_stream.detect.view import table_of, view_table
from crackle_stream.event import TaskEvent
from crackle_stream.kiln import Kiln

ROWS = np.arange(200.0)


def noted(group=None, **columns):
    return find_coverage(view_table(table_of(columns), group))


def test_a_metric_that_goes_on_under_another_name_is_told_once():
    old, new = np.where(ROWS < 120, ROWS, np.nan), np.where(ROWS < 120, np.nan, ROWS)
    (note,) = noted(old=old, new=new, always=ROWS)
    assert (note.text, note.at) == ("old is reported no more, and new instead,", 120)
    assert note.subject == ("new", "old")


def test_metrics_that_end_or_begin_alone_are_told_with_their_group():
    gone, new = np.where(ROWS < 120, ROWS, np.nan), np.where(ROWS < 60, np.nan, ROWS)
    begins, ends = noted("web", gone=gone, gone2=gone, new=new)
    assert (begins.text, begins.at) == ("in web: new is reported", 60)
    assert (ends.text, ends.at) == ("in web: gone and gone2 are reported no more", 120)


@pytest.mark.parametrize("last", [LONG - 1, 200 - LONG + 1])
def test_what_is_absent_for_a_few_tasks_or_was_there_for_a_few_is_not_told(last):
    assert noted(x=np.where(last > ROWS, ROWS, np.nan), always=ROWS) == ()


def test_what_is_reported_now_and_then_is_not_missed():
    assert noted(x=np.where((ROWS < 120) & (ROWS % 3 == 0), ROWS, np.nan), always=ROWS) == ()


def test_a_note_names_the_task_from_which_on_it_is_so():
    kiln = Kiln()
    kiln.add_entries(
        TaskEvent(label=f"build-{i}", metrics={"old" if i < 70 else "new": float(i % 7)})
        for i in range(140)
    )
    (note,) = (note for note in kiln.report().notes if note.topic == "coverage")
    assert note.text == "old is reported no more, and new instead, from build-70 on"
