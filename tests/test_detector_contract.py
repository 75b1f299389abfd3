"""The contract of detectors: ours and an example keep it, and each check fails where it is broken.

The example is a package of its own, `tests/detectors/crackle-stuck`.
"""

import sys
from itertools import count
from pathlib import Path

import msgspec
import numpy as np
import pytest

from crackle_stream import Claim, Verdict
from crackle_stream.pattern import KINDS
from crackle_stream.testing import CHECKS, case_of, check_detector
from crackle_stream.testing.streams import events_of
from tests.detectors.builtin import Builtin

sys.path.insert(0, str(Path(__file__).parent / "detectors" / "crackle-stuck"))

from crackle_stuck import Stuck, Summary


def stuck_events():
    """Give three noisy metrics, one of which repeats a value for a while."""
    values = np.random.default_rng(3).normal(50, 5, (240, 3))
    values[100:130, 1] = values[100, 1]
    return events_of(values, ["a", "b", "c"])


def all_sorts_of_events():
    """Give a step, two groups, a sum and a correlation."""
    rng = np.random.default_rng(3)
    step = 40 + rng.normal(0, 3, 120) + 20 * (np.arange(120) > 80)
    group = 9 * rng.integers(0, 2, 120)
    a, b, c = rng.poisson(500, 120), rng.poisson(50, 120), rng.normal(0, 1, 120)
    groups = group + rng.normal(0, 1, 120), rng.normal(0, 1, 120) - group
    return events_of(np.column_stack([step, a, b, a + b, c, c + rng.normal(0, 0.3, 120), *groups]))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_example_keeps_every_part_of_the_contract(check):
    check(case_of(Stuck(), stuck_events()))


@pytest.mark.parametrize("kind", KINDS)
def test_the_detectors_that_are_built_in_keep_the_contract(kind):
    check_detector(Builtin(kind), all_sorts_of_events())


OBSERVE, MERGE, DETECT = Summary.observe, Summary.merge, Summary.detect
ASKED = count()


def says_nothing(self, view):
    return Verdict()


def says_much(self, view):
    found = (Claim(form="x", subject=(n,), text="x", p_value=1e-9, effect=1) for n in view.names)
    return Verdict(tuple(found))


def breaks_runs_where_stretches_meet(self, other):
    runs = {**self.runs, **other.runs}
    for name in self.runs.keys() & other.runs.keys():
        runs[name] = max(self.runs[name], other.runs[name], key=lambda r: r.longest.length)
    return Summary(runs)


def forgets_what_it_observed(self, pane):
    return OBSERVE(Summary({}), pane)


def merges_into_itself(self, other):
    self.runs.update(MERGE(self, other).runs)
    return self


def counts_windows(self, view):
    """Is asked twice of each window."""
    window = next(ASKED) // 2
    claims = DETECT(self, view).claims
    return Verdict(tuple(msgspec.structs.replace(c, metrics={"window": window}) for c in claims))


def speaks_once(self, view):
    spoken = next(ASKED) > 1
    claims = DETECT(self, view).claims
    return Verdict(tuple(msgspec.structs.replace(c, p_value=float(spoken)) for c in claims))


def divides_by_the_number_of_metrics(self, view):
    return Verdict((), tested=0 * (1 // len(view.names)))


def keeps_panes(self, pane):
    summary = OBSERVE(self, pane)
    summary.panes = [pane.values.copy()]
    return summary


def keeps_on_keeping(self, other):
    merged = MERGE(self, other)
    merged.panes = getattr(self, "panes", []) + getattr(other, "panes", [])
    return merged


def writes_into_panes(self, pane):
    pane.values.flags.writeable = True
    pane.values[:] = 0.0
    return OBSERVE(self, pane)


BROKEN = {
    "finds_what_was_planted": ({"detect": says_nothing}, "nothing was found"),
    "merge_is_associative": (
        {"merge": breaks_runs_where_stretches_meet},
        "merged from the left, .* parts give another verdict",
    ),
    "observing_on_is_merging": (
        {"observe": forgets_what_it_observed},
        "observing on gives another verdict",
    ),
    "nothing_is_changed_in_place": ({"merge": merges_into_itself}, "changed a summary"),
    "results_are_the_same_bytes": (
        {"detect": counts_windows},
        "cooling online and other blocks give",
    ),
    "it_is_silent_on_noise": ({"detect": says_much}, "speaks of 40 in 40 tables of noise"),
    "rates_nest": ({"detect": speaks_once}, "a slower rate finds"),
    "it_survives_odd_columns": (
        {"detect": divides_by_the_number_of_metrics},
        "no column, 1 rows: .* detect raised ZeroDivisionError",
    ),
    "memory_is_bounded": (
        {"observe": keeps_panes, "merge": keeps_on_keeping},
        "summaries of 8 and 32 panes hold",
    ),
    "it_changes_no_other_result": ({"observe": writes_into_panes}, "are not what they were"),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_each_check_fails_for_an_example_that_breaks_that_part(check, monkeypatch):
    monkeypatch.setitem(globals(), "ASKED", count())
    broken, said = BROKEN[check.__name__.removeprefix("check_")]
    for name, method in broken.items():
        monkeypatch.setattr(Summary, name, method)
    with pytest.raises(AssertionError, match=said):
        check(case_of(Stuck(), stuck_events()))


def test_checks_need_events_and_known_noise():
    with pytest.raises(ValueError, match="at least 60 events"):
        case_of(Stuck(), stuck_events()[:59])
    with pytest.raises(ValueError, match="noise of normal, lognormal, counts"):
        case_of(Stuck(), stuck_events(), noise=["pink"])
