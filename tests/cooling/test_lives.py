"""What becomes of a pattern from one checkpoint to the next."""

import numpy as np
import pytest
from msgspec.structs import replace

from crackle_stream import Kiln, TaskEvent
from crackle_stream.cooling import lives
from crackle_stream.cooling.lives import Lives, new_findings
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.replay import replay
from crackle_stream.window.checkpoints import CheckpointSpec
from crackle_stream.window.spec import WindowSpec

EVERYTHING = {None: 0}


RNG = np.random.default_rng(5)
NOISE = RNG.normal(10, 1, (2, 900))
ROWS, BAD = RNG.integers(100, 900, 900), RNG.integers(0, 50, 900)


def staged(kiln, *stops, **plan):
    checkpoints = CheckpointSpec(positions=stops)
    return list(replay(kiln.log, Plan(checkpoints=checkpoints, **plan)))


def kiln_of(metrics, count):
    kiln = Kiln()
    kiln.add_entries(TaskEvent(metrics=metrics(i)) for i in range(count))
    return kiln


def step(i):
    return {"rows": NOISE[0][i] + (40 if i >= 200 else 0)}


def report_of(count=300):
    return kiln_of(step, count).report()


def statuses(report):
    return {pattern.status for pattern in report.patterns}


def moved(report, by):
    """Give the changes of a report at another place, and nothing else."""
    patterns = [
        replace(p, id=f"{p.id}{by}", at=p.at + by, at_low=p.at_low + by, at_high=p.at_high + by)
        for p in report.patterns
        if p.kind == "phase_transition"
    ]
    return replace(report, patterns=tuple(patterns), findings=())


def test_a_pattern_appears_once_and_is_confirmed_from_then_on():
    follow = Lives().follow
    first, second = follow(report_of(), EVERYTHING), follow(report_of(), EVERYTHING)
    assert statuses(first) == {"appeared"}
    assert statuses(second) == {"confirmed"}
    assert [p.life for p in first.patterns] == [p.life for p in second.patterns]
    assert (first.gone, second.gone) == ((), ())
    assert new_findings(first) == list(first.findings) != []
    assert new_findings(second) == []


@pytest.mark.parametrize(("by", "status"), [(3, "confirmed"), (-3, "confirmed"), (60, "appeared")])
def test_a_change_is_the_same_where_its_bounds_meet(by, status):
    report, follow = moved(report_of(), 0), Lives().follow
    (before,) = follow(report, EVERYTHING).patterns
    (after,) = follow(moved(report, by), EVERYTHING).patterns
    assert after.status == status
    assert (after.life == before.life) == (status == "confirmed")


def test_of_two_changes_nearby_the_nearer_one_goes_on():
    report, follow = moved(report_of(), 0), Lives().follow
    both = replace(report, patterns=report.patterns + moved(report, 8).patterns)
    first, second = follow(both, EVERYTHING).patterns
    (again,) = follow(moved(report, 6), EVERYTHING).patterns
    assert first.life != again.life == second.life


def test_what_is_not_found_any_more_is_gone_once_and_appears_again_in_its_old_life():
    report, follow = moved(report_of(), 0), Lives().follow
    nothing = replace(report, patterns=(), checkpoint=400)
    (before,) = follow(report, EVERYTHING).patterns
    (gone,) = follow(nothing, EVERYTHING).gone
    assert (gone.life, gone.status, gone.checkpoint) == (before.life, "gone", 400)
    assert follow(nothing, EVERYTHING).gone == ()
    (again,) = follow(report, EVERYTHING).patterns
    assert (again.life, again.status) == (before.life, "appeared")
    assert statuses(follow(report, EVERYTHING)) == {"confirmed"}


@pytest.mark.parametrize(("looked", "count"), [({None: 100}, 1), ({None: 250}, 0), ({"a": 0}, 0)])
def test_what_was_not_looked_at_is_not_gone(looked, count):
    report, follow = moved(report_of(), 0), Lives().follow
    follow(report, EVERYTHING)
    assert len(follow(replace(report, patterns=()), looked).gone) == count


def test_nothing_is_gone_at_a_partial_checkpoint():
    report, follow = moved(report_of(), 0), Lives().follow
    follow(report, EVERYTHING)
    assert follow(replace(report, patterns=(), partial=True), EVERYTHING).gone == ()
    assert len(follow(replace(report, patterns=()), EVERYTHING).gone) == 1


def test_a_pattern_weakens_once_when_it_lost_confidence_against_the_most_it_had():
    report, follow = moved(report_of(), 0), Lives().follow
    (pattern,) = report.patterns
    said = []
    for confidence in (0.9, 0.95, 0.9, 0.8, 0.78, 0.6, 0.97):
        report = replace(report, patterns=(replace(pattern, confidence=confidence),))
        said += [p.status for p in follow(report, EVERYTHING).patterns]
    weaker = ["weakened", "confirmed", "weakened"]
    assert said == ["appeared", "confirmed", "confirmed", *weaker, "confirmed"]


def test_a_law_that_breaks_has_changed():
    def balance(i):
        good = ROWS[i] - BAD[i] - (i >= 420) * (1 + i % 7)
        return {"rows": ROWS[i], "bad": BAD[i], "good": good}

    reports = staged(kiln_of(balance, 660), 300, 600, 660)
    law = [[p.status for p in r.patterns if p.kind == "conservation"] for r in reports]
    assert law == [["appeared"], ["changed"], ["confirmed"]]


def test_a_law_has_changed_with_its_first_exception():
    def balance(i):
        good = ROWS[i] - BAD[i] - (i in (420, 520))
        return {"rows": ROWS[i], "bad": BAD[i], "good": good}

    reports = staged(kiln_of(balance, 600), 300, 500, 600)
    law = [[p.status for p in r.patterns if p.kind == "conservation"] for r in reports]
    assert law == [["appeared"], ["changed"], ["confirmed"]]


def test_a_change_stays_and_what_is_new_appears():
    def two(i):
        return {"rows": step(i)["rows"], "files": NOISE[1][i] - (40 if i >= 500 else 0)}

    first, second = staged(kiln_of(two, 800), 400, 800)
    life = {p.subject: p.life for p in first.patterns if p.kind == "phase_transition"}
    found = {p.subject: p for p in second.patterns if p.kind == "phase_transition"}
    assert (found[("rows",)].status, found[("rows",)].life) == ("confirmed", life[("rows",)])
    assert found[("files",)].status == "appeared"


def test_a_change_that_windows_have_left_behind_is_not_gone():
    windows = WindowSpec.parse("300")
    first, *others = staged(kiln_of(step, 900), 300, 600, 900, window=windows)
    assert statuses(first) == {"appeared"}
    gone = [(p.kind, report.checkpoint) for report in others for p in report.gone]
    assert gone == [("clustering", 600), ("clustering", 600)]


def test_a_checkpoint_by_itself_has_no_lives():
    report = report_of()
    assert statuses(report) == {None}
    assert report.gone is None
    assert new_findings(report) == list(report.findings)


def test_of_too_many_lives_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(lives, "REMEMBERED", 2)
    report, follow = moved(report_of(), 0), Lives().follow
    for by in (0, 60, 120):
        follow(moved(report, by), EVERYTHING)
    assert statuses(follow(moved(report, 120), EVERYTHING)) == {"confirmed"}
    assert statuses(follow(moved(report, 0), EVERYTHING)) == {"appeared"}
