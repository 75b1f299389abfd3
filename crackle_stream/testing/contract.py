"""The checks of the contract, each through the very rooms that a detector runs in."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from crackle_stream.clock import Deadline
from crackle_stream.cooling.cooler import Cooler
from crackle_stream.cooling.online import OnlineCooling
from crackle_stream.cooling.plan import Plan
from crackle_stream.cooling.replay import replay
from crackle_stream.cooling.report import CoolingReport
from crackle_stream.detect.judge import judge
from crackle_stream.detect.observed import Fault, Observed
from crackle_stream.detect.view import view_table
from crackle_stream.detector import Detector, Failure, Registered
from crackle_stream.event import TaskEvent, batch_events
from crackle_stream.log.eventlog import EventLog
from crackle_stream.plugins import check_names, register
from crackle_stream.profile import ThermalProfile
from crackle_stream.testing.streams import (
    NOISES,
    blocks_of,
    log_of,
    noise,
    odd_tables,
    panes,
    table_of_events,
)
from crackle_stream.testing.stretches import ANY_SIZE, FOLDS, cut, observe, same, verdict_of
from crackle_stream.window.checkpoints import CheckpointSpec
from crackle_stream.window.spec import WindowSpec
from crackle_stream.window.tree import MergeTree

LEAST: Final = 60
"""Events that are planted at least."""
TABLES: Final = 40
"""Tables of noise that a detector is shown."""
SPOKEN: Final = 2
"""Of so many it may say something: a quarter of the normal rate's level makes it half a one."""
GROWTH: Final = 2.0
SPARE: Final = 1 << 16
"""Bytes that a summary may grow by in any case."""


class Case(Struct, frozen=True):
    """What is checked.

    Parameters
    ----------
    detector
        The detector.
    planted
        Events in which it finds something.
    noise
        The kinds of noise that its null allows for.
    """

    detector: Registered
    planted: tuple[TaskEvent, ...]
    noise: tuple[str, ...]


def check_detector(
    detector: Detector, planted: Sequence[TaskEvent], *, noise: Sequence[str] = tuple(NOISES)
) -> None:
    """Run a detector through every check of the contract.

    Parameters
    ----------
    detector
        The detector.
    planted
        Events in which it finds something at the fast rate: at least 60, times rising. Without
        them a detector that never speaks would pass.
    noise
        What its null allows for: ``normal``, ``lognormal``, ``counts``, ``autocorrelated``.

    Raises
    ------
    AssertionError
        When a check fails; it says what was expected and what came.
    """
    case = case_of(detector, planted, noise=noise)
    for check in CHECKS:
        check(case)


def case_of(
    detector: Detector, planted: Sequence[TaskEvent], *, noise: Sequence[str] = tuple(NOISES)
) -> Case:
    """Give what single checks take, for suites that run each of `CHECKS` by itself."""
    if len(planted) < LEAST or not set(noise) <= set(NOISES):
        raise ValueError(f"give at least {LEAST} events, and noise of {', '.join(NOISES)}")
    return Case(register(detector), tuple(planted), tuple(noise))


def check_finds_what_was_planted(case: Case) -> None:
    """It has a name of its own, and finds something in the planted events at the fast rate."""
    check_names([case.detector])
    found = bool(_cool(case, case.planted).patterns)
    _expect(found, "nothing was found in the planted events at the fast rate")


def check_merge_is_associative(case: Case) -> None:
    """However a stretch is cut and its parts are put together, the verdict is the same.

    A float may differ by what the order of a sum changes.
    """
    table = table_of_events(case.planted)
    expected = verdict_of(observe(case.detector, table), table)
    for seed, cuts in enumerate((2, 30)):
        parts = [observe(case.detector, part) for part in cut(table, cuts, seed)]
        for way, fold in FOLDS.items():
            said = verdict_of(fold(parts), table)
            _expect(same(expected, said), f"merged {way}, {cuts + 1} parts give another verdict")


def check_observing_on_is_merging(case: Case) -> None:
    """A summary that observes on says the same, and the empty one adds nothing."""
    table = table_of_events(case.planted)
    whole, start = observe(case.detector, table), case.detector.detector.start
    on = start()
    for part in cut(table, 7, 0):
        on = on.observe(part)
    empty = Observed(case.detector, start())
    ways = {
        "observing on": Observed(case.detector, on),
        "merging with nothing before": empty.merge(whole),
        "merging with nothing behind": whole.merge(empty),
    }
    expected = verdict_of(whole, table)
    for way, one in ways.items():
        _expect(same(expected, verdict_of(one, table)), f"{way} gives another verdict")


def check_nothing_is_changed_in_place(case: Case) -> None:
    """`observe`, `merge` and `detect` leave summaries as they were: windows share them."""
    table = table_of_events(case.planted)
    parts = cut(table, 1, 0)
    one, other = (observe(case.detector, part) for part in parts)
    before = verdict_of(one, parts[0]), verdict_of(other, parts[1])
    one.merge(other)
    if not isinstance(one.kept, Fault):
        one.kept.observe(parts[1])
    try:
        after = verdict_of(one, parts[0]), verdict_of(other, parts[1])
    except AssertionError:  # It says what cannot be said of the stretch that it was made of.
        after = None, None
    _expect(before == after, "merge or observe changed a summary that other windows share")


def check_results_are_the_same_bytes(case: Case) -> None:
    """Blocks, workers, and whether it ran online or in a replay, change no byte of a report."""
    n = len(case.planted)
    sliding = WindowSpec.parse(str(n // 6 * 2), str(n // 6))
    plans = {
        "checkpoints": Plan(profile=_only(case), checkpoints=CheckpointSpec.parse(str(n // 3))),
        "sliding windows": Plan(profile=_only(case), window=sliding),
    }
    for over, plan in plans.items():
        expected = _bytes(replay(log_of(case.planted), plan))
        given = {"cooling online": _bytes(_online(case, plan))}
        with ThreadPoolExecutor(2) as workers:
            given["two workers"] = _bytes(replay(log_of(case.planted, 1), plan, workers))
        for way, other in given.items():
            _expect(other == expected, f"over {over}, {way} and other blocks give other bytes")


def check_it_is_silent_on_noise(case: Case) -> None:
    """At the normal rate it says something of at most 2 in 40 tables of noise."""
    spoke = []
    for seed in range(TABLES):
        kind = case.noise[seed % len(case.noise)]
        if _cool(case, noise(kind, seed), "normal").patterns:
            spoke.append(kind)
    told = f"it speaks of {len(spoke)} in {TABLES} tables of noise: {', '.join(spoke)}"
    _expect(len(spoke) <= SPOKEN, told)


def check_rates_nest(case: Case) -> None:
    """What is found at the slow rate is found at the normal one, and that at the fast one."""
    rates = ("slow", "normal", "fast")
    slow, normal, fast = (
        {pattern.id for pattern in _cool(case, case.planted, rate).patterns} for rate in rates
    )
    _expect(slow <= normal <= fast, "a slower rate finds what a faster one does not")


def check_it_survives_odd_columns(case: Case) -> None:
    """Constant, absent, huge, tiny and far-off columns, one row and no column are no failure."""
    for name, table in odd_tables().items():
        for n in (1, 2, len(table)):
            part = table.take(slice(0, n))
            one = observe(case.detector, part)
            said = judge((one,), view_table(part), ANY_SIZE, Deadline(None))
            _expect(not said.failures, f"{name}, {n} rows: {_told(said.failures)}")


def check_memory_is_bounded(case: Case) -> None:
    """A summary of four times as many rows holds at most about twice the memory."""
    few, many = 8, 32
    held = _held(case, few), _held(case, many)
    told = f"summaries of {few} and {many} panes hold {held[0]:,} and {held[1]:,} bytes"
    _expect(held[1] <= GROWTH * held[0] + SPARE, told)


def check_it_changes_no_other_result(case: Case) -> None:
    """With it and without it, everything else in a report is the same."""
    without = ThermalProfile.fast_cooling().with_max_duration(None)
    log = log_of(case.planted)
    one, other = (
        _but(Cooler(log, Plan(profile=profile)).cool(), case.detector.name)
        for profile in (without, replace(without, detectors=(case.detector,)))
    )
    _expect(one == other, "other patterns, findings or notes are not what they were")


CHECKS: Final = (
    check_finds_what_was_planted,
    check_merge_is_associative,
    check_observing_on_is_merging,
    check_nothing_is_changed_in_place,
    check_results_are_the_same_bytes,
    check_it_is_silent_on_noise,
    check_rates_nest,
    check_it_survives_odd_columns,
    check_memory_is_bounded,
    check_it_changes_no_other_result,
)
"""Every check, each a function of a `Case`."""


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def _only(case: Case, rate: str = "fast") -> ThermalProfile:
    profile = ThermalProfile.no_detection().with_rate(rate).with_max_duration(None)
    return replace(profile, detectors=(case.detector,))


def _cool(case: Case, events: Sequence[TaskEvent], rate: str = "fast") -> CoolingReport:
    report = Cooler(log_of(events), Plan(profile=_only(case, rate))).cool()
    _expect(not report.failures, _told(report.failures))
    return report


def _online(case: Case, plan: Plan) -> list[CoolingReport]:
    log = EventLog.in_memory()
    online = OnlineCooling(log, plan)
    reports: list[CoolingReport] = []
    for some in blocks_of(case.planted, 17):
        log.append(batch_events(some))
        reports += online.advance()
    return reports + list(online.finish())


def _bytes(reports: Iterable[CoolingReport]) -> list[bytes]:
    given = list(reports)
    for report in given:
        _expect(not report.failures, _told(report.failures))
    return [msgspec.json.encode(report) for report in given]


def _held(case: Case, n: int) -> int:
    """Measure what the summary of so many panes holds, when all else is gone."""
    next(panes(1))
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tree: MergeTree[Observed] = MergeTree()
    for pane in panes(n):
        tree.add(observe(case.detector, pane))
    merged, tree = tree.value(), MergeTree()
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    if merged is not None and isinstance(merged.kept, Fault):
        raise AssertionError(merged.kept.text)
    return held


def _but(report: CoolingReport, name: str) -> tuple[Any, ...]:
    """Give what a report says, but for what one detector found."""
    family = {pattern.id: pattern.family for pattern in report.patterns}
    return (
        [pattern for pattern in report.patterns if pattern.family != name],
        [found for found in report.findings if family[found.patterns[0]] != name],
        report.notes,
    )


def _told(failures: Sequence[Failure]) -> str:
    return "; ".join(failure.text for failure in failures)
