"""Detectors of your own from Python: in profiles, over long logs, groups and many checkpoints."""

import sys
from concurrent.futures import ProcessPoolExecutor
from functools import reduce
from pathlib import Path

import msgspec
import numpy as np
import pytest

from crackle_stream import (
    CheckpointSpec,
    Claim,
    GroupSpec,
    Kiln,
    Plan,
    ThermalProfile,
    Verdict,
    WindowSpec,
)
from crackle_stream.cooling.cooler import Cooler
from crackle_stream.cooling.replay import replay
from crackle_stream.detect.claims import detection_of
from crackle_stream.detect.observed import Observed, attempt
from crackle_stream.detect.view import table_of, view_table
from crackle_stream.detector import DetectorError, Registered
from crackle_stream.errors import LogError, UsageError
from crackle_stream.testing.streams import events_of, log_of

sys.path.insert(0, str(Path(__file__).parents[1] / "detectors" / "crackle-stuck"))

from crackle_stuck import Stuck

RATES = ("fast", "normal", "slow")
ALONE = ThermalProfile.no_detection().with_max_duration(None)


class Says:
    """Says the same of every window."""

    def __init__(self, name="says", detect=lambda view: Verdict()):
        self.name = name
        self._detect = detect

    def start(self):
        return self

    def observe(self, pane):
        return self

    def merge(self, other):
        return self

    def detect(self, view):
        return self._detect(view)


def claim(**other):
    made = {"form": "x", "subject": ("a",), "text": "a is odd", "p_value": 1e-9, "effect": 1.0}
    return Claim(**{**made, **other})


def said(verdict, **columns):
    view = view_table(table_of(columns or {"a": [1.0, 2.0, 3.0]}))
    return detection_of(verdict, "says", view)


def noisy(n, metrics=2):
    return np.random.default_rng(11).normal(50, 5, (n, metrics))


def test_a_profile_with_a_detector_finds_what_it_sees():
    values = noisy(100)
    values[30:50, 0] = values[30, 0]
    kiln = Kiln(profile=ThermalProfile.default().with_detector(Stuck()))
    kiln.add_entries(events_of(values))
    (found,) = (pattern for pattern in kiln.cool() if pattern.kind == "custom")
    assert (found.detector, found.family, found.at, found.until) == ("stuck", "stuck", 30, 49)
    hidden = ThermalProfile.default().with_detector(Stuck()).hiding("stuck")
    kiln.profile = hidden
    assert all(pattern.kind != "custom" for pattern in kiln.cool())


@pytest.mark.parametrize(
    ("detectors", "why"),
    [
        ([object()], "is no detector: it has no `name`"),
        ([Stuck(), Stuck()], "two detectors are named 'stuck'"),
        ([Says("clustering")], "a name is of lower-case letters, digits, - and _, and none of"),
        ([Says("\x1b[2J")], "a name is of lower-case letters"),
    ],
)
def test_what_is_no_detector_or_has_a_name_that_is_taken_is_refused(detectors, why):
    *before, last = detectors
    profile = reduce(ThermalProfile.with_detector, before, ThermalProfile.default())
    with pytest.raises(UsageError, match=why):
        profile.with_detector(last)


def test_a_run_over_the_seams_of_panes_of_a_long_log_is_found_whole():
    values = noisy(20_000)
    values[4_000:16_500, 1] = 7.0
    values[18_000:18_040, 0] = 7.0
    log = log_of(events_of(values), 3_000)
    report = Cooler(log, Plan(profile=ALONE.with_detector(Stuck()))).cool()
    assert [(p.at, p.until, p.evidence.effect) for p in report.patterns] == [
        (4_000, 16_499, 12_500.0),
        (18_000, 18_039, 40.0),
    ]
    assert report.failures == ()


def test_a_position_that_is_not_in_a_long_window_is_refused():
    log = log_of(events_of(noisy(17_000)), 17_000)
    places = {17_000 - 1: (), 17_000: ("which is not in the window",)}
    for at, expected in places.items():
        detector = Says(detect=lambda view, at=at: Verdict((claim(subject=(), at=at),)))
        report = Cooler(log, Plan(profile=ALONE.with_detector(detector))).cool()
        assert len(report.failures) == len(expected)
        assert all(why in report.failures[0].text for why in expected)


REFUSED = {
    "not a Verdict": [claim()],
    "not a Claim": Verdict(({"form": "x"},)),
    "a claim is nan, and not a finite number": Verdict((claim(effect=float("nan")),)),
    "p_value -0.1": Verdict((claim(p_value=-0.1),)),
    "the subject 'b' of a claim is no metric": Verdict((claim(subject=("b",)),)),
    "names position 3, which is not": Verdict((claim(until=3),)),
    "names position 9, which is not": Verdict((claim(involved=(0, 9)),)),
    "there is no gate 'size'": Verdict((claim(gate="size"),)),
    "the text of a claim is ' '": Verdict((claim(text=" "),)),
    "the form of a claim is 3": Verdict((claim(form=3),)),
    "n is 4, and not a whole number from 1 to 3": Verdict((claim(n=4),)),
    "involved_count is 1, and not": Verdict((claim(involved=(0, 1), involved_count=1),)),
    "the same form, subject and place": Verdict((claim(), claim(p_value=0.5))),
    "tested is 0, and not": Verdict((claim(),), tested=0),
    "a number named 'place'": Verdict((claim(metrics={"place": 1.0}),)),
    "inf, and not a finite number": Verdict((claim(metrics={"x": float("inf")}),)),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_used_of_a_verdict_is_refused_with_the_reason(why):
    with pytest.raises(DetectorError) as raised:
        said(REFUSED[why])
    assert why in str(raised.value)


def test_numbers_of_numpy_are_taken_as_the_contract_writes_them():
    numbers = {"p_value": np.float64(0.5), "effect": np.float32(2), "at": np.int64(1)}
    (found,) = said(Verdict((claim(**numbers, text="a\ud800"),))).candidates
    text = msgspec.json.encode(found.pattern)
    assert b'"at":1' in text
    assert b"\\ud800" in text


def test_several_claims_may_come_of_one_hypothesis():
    assert said(Verdict((claim(form="x"), claim(form="y")), tested=1)).tested == 1
    assert said(Verdict((claim(form="x"), claim(form="y")))).tested == 2
    assert said(Verdict()).tested == 0


def test_no_detector_can_write_into_what_others_see():
    def writes(view):
        view.sample.values[0] = 0.0

    log = log_of(events_of(noisy(100)))
    report = Cooler(log, Plan(profile=ALONE.with_detector(Says(detect=writes)))).cool()
    assert "ValueError: assignment destination is read-only" in report.failures[0].text


@pytest.mark.parametrize("place", ["before", "behind"])
def test_a_stretch_that_failed_makes_what_it_is_merged_with_fail(place):
    class Fragile(Says):
        def observe(self, pane):
            if pane.positions[0] == 2:
                raise ValueError("two")
            return self

    (one, other) = table_of({"a": [1.0, 2.0]}), table_of({"a": [1.0, 2.0, 3.0]}).take(slice(2, 3))
    detector = Registered("says", "here", Fragile())
    parts = [Observed.of(detector, table) for table in (one, other)]
    merged = parts[0].merge(parts[1]) if place == "behind" else parts[1].merge(parts[0])
    assert merged.kept.text.startswith("observe raised ValueError: two (")


def test_a_summary_that_is_none_is_refused_by_name_of_the_method():
    class Lost(Says):
        def observe(self, pane):
            pass

    detector = Registered("says", "here", Lost())
    kept = Observed.of(detector, table_of({"a": [1.0]})).kept
    assert kept.text.startswith("observe gave NoneType, which is no summary: one has observe")


def test_a_log_that_fails_in_a_detectors_hands_is_no_fault_of_it():
    def damaged():
        raise LogError("gone")

    with pytest.raises(LogError, match="gone"):
        attempt(damaged, "detect")


def test_each_label_group_has_summaries_of_its_own():
    values = noisy(200)
    values[40:100, 0] = 7.0
    events = [
        msgspec.structs.replace(event, label=("build", "etl")[i % 2])
        for i, event in enumerate(events_of(values))
    ]
    plan = Plan(profile=ALONE.with_detector(Stuck()), group_by=GroupSpec.parse("label"))
    report = Cooler(log_of(events), plan).cool()
    assert [(p.group, p.at, p.until) for p in report.patterns] == [
        ("build", 40, 98),
        ("etl", 41, 99),
    ]
    assert report.patterns[1].description.startswith("in etl: metric_0 is stuck at 7 for 30 tasks")
    assert len({pattern.id for pattern in report.patterns}) == 2


def test_over_many_checkpoints_a_detector_that_always_speaks_earns_level_for_itself_alone():
    values = noisy(900)
    values[450:, 1] += 6
    plan = Plan(
        profile=ThermalProfile.default().with_max_duration(None),
        window=WindowSpec.parse("100"),
        checkpoints=CheckpointSpec.parse("100"),
    )
    # Enough at the first checkpoint, and at later ones where something was found before.
    loud = Says(detect=lambda view: Verdict((claim(subject=(), p_value=1e-3),)))
    both = msgspec.structs.replace(plan, profile=plan.profile.with_detector(loud))
    log = log_of(events_of(values))
    pairs = zip(replay(log, plan), replay(log, both), strict=True)
    for without, with_ in pairs:
        others = [pattern for pattern in with_.patterns if pattern.kind != "custom"]
        assert others == list(without.patterns)
        assert len(with_.patterns) == len(others) + 1


def test_the_gate_of_a_claim_is_held_against_the_rate():
    detector = Says(detect=lambda view: Verdict((claim(subject=(), effect=0.6, gate="shift"),)))
    log = log_of(events_of(noisy(100)))
    plans = (Plan(profile=ALONE.with_rate(r).with_detector(detector)) for r in RATES)
    found = {plan.profile.rate.name: len(Cooler(log, plan).cool().patterns) for plan in plans}
    assert found == {"fast": 1, "normal": 1, "slow": 0}


def test_the_same_claim_at_one_place_in_windows_that_overlap_is_one_finding():
    values = noisy(200)
    values[110:140, 0] = 7.0
    plan = Plan(profile=ALONE.with_detector(Stuck()), window=WindowSpec.parse("100", "50"))
    report = Cooler(log_of(events_of(values)), plan).cool()
    assert {(p.window.first, p.at) for p in report.patterns} == {(50, 110), (100, 110)}
    (finding,) = report.findings
    assert finding.headline.endswith(", in two windows")


def test_time_that_ran_out_is_told_of_a_detector_as_of_a_kind():
    profile = ALONE.with_detector(Stuck()).with_max_duration(1e-9)
    report = Cooler(log_of(events_of(noisy(100))), Plan(profile=profile)).cool()
    assert report.partial
    assert report.unseen == ("1 windows",)


def test_a_detector_that_cannot_be_sent_to_workers_is_asked_here():
    detector = Says(detect=lambda view: Verdict((claim(subject=(), at=view.span.first),)))
    profile = ThermalProfile.default().with_max_duration(None).with_detector(detector)
    plan = Plan(profile=profile, window=WindowSpec.parse("50"))
    log = log_of(events_of(noisy(200)))
    alone = Cooler(log, plan).cool()
    assert sorted(pattern.at for pattern in alone.patterns) == [0, 50, 100, 150]
    with ProcessPoolExecutor(2) as executor:
        assert Cooler(log, plan, executor).cool() == alone


def test_a_kiln_warns_of_a_detector_that_failed_and_gives_what_others_found():
    def fails(view):
        raise KeyError("x")

    values = noisy(100)
    values[50:] += 30
    profile = ThermalProfile.default()
    found = []
    for one in (profile, profile.with_detector(Says(detect=fails))):
        kiln = Kiln(profile=one)
        kiln.add_entries(events_of(values))
        if one.detectors:
            with pytest.warns(RuntimeWarning, match="the detector says .*: detect raised KeyErr"):
                found.append(kiln.cool())
        else:
            found.append(kiln.cool())
    assert found[0] == found[1] != []
