"""Which findings are new: those of which nothing was there at an earlier checkpoint."""

from msgspec.structs import replace

from crackle_stream import Kiln, TaskEvent
from crackle_stream.cooling.news import News
from crackle_stream.detect.findings import Finding


def report_of(count=300, at=200):
    kiln = Kiln()
    rows = [(i * 7919 % 101) / 10 + (40 if i >= at else 0) for i in range(count)]
    kiln.add_entries(TaskEvent(metrics={"rows": number}) for number in rows)
    return kiln.report()


def test_a_finding_is_new_once():
    news, report = News(), report_of()
    assert news.of(report) == list(report.findings) != []
    assert news.of(report) == []


def test_a_change_that_moved_by_a_few_tasks_is_no_other():
    news, report = News(), report_of()
    news.of(report)
    moved = [_moved(pattern, 3) for pattern in report.patterns]
    again = replace(report, patterns=tuple(moved), findings=tuple(map(_alone, moved)))
    assert news.of(again) == []
    far = [_moved(pattern, 60) for pattern in report.patterns if pattern.kind == "phase_transition"]
    again = replace(report, patterns=tuple(far), findings=tuple(map(_alone, far)))
    assert news.of(again) == list(again.findings) != []


def _moved(pattern, by):
    if pattern.kind != "phase_transition":
        return pattern
    places = {name: getattr(pattern, name) + by for name in ("at", "at_low", "at_high")}
    return replace(pattern, id=f"{pattern.id}+{by}", **places)


def _alone(pattern):
    return Finding(pattern.id, "", (pattern.id,))
