from itertools import permutations
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crackle_stream.detect.findings import find_findings
from crackle_stream.detect.kinds_of_task import telling
from crackle_stream.detect.kinship import NEAR
from crackle_stream.pattern import Level, Pattern, Span, pattern_id

BY_HAND = Path(__file__).parent / "data" / "patterns.jsonl"
PATTERNS = msgspec.json.Decoder(Pattern).decode_lines(BY_HAND.read_bytes())
LEVEL = PATTERNS[0]
BROKEN = next(p for p in PATTERNS if getattr(p, "broke_at", None) is not None)
LAW = next(p for p in PATTERNS if p.kind == "conservation" and p.exceptions)
LINEAR = next(p for p in PATTERNS if p.kind == "correlation")
GROUP = next(p for p in PATTERNS if p.kind == "clustering")
DRIFT = next(p for p in PATTERNS if getattr(p, "form", "") == "drift")


def change(metric, at, low=None, high=None, **other):
    low, high = at if low is None else low, at if high is None else high
    name = pattern_id("phase_transition", metric, at)
    made = replace(LEVEL, id=name, subject=(metric,), at=at, at_low=low, at_high=high)
    return replace(made, **other)


def pair(one, other, **rest):
    name = pattern_id("correlation", one, other, *map(str, rest.values()))
    return replace(LINEAR, id=name, subject=(one, other), **rest)


def together(patterns):
    """Which patterns share a finding, by their metrics and places."""
    marked, findings = find_findings(patterns)
    groups = {finding.id: [] for finding in findings}
    for pattern in marked:
        groups[pattern.finding].append(pattern.id)
    assert {f.id: sorted(f.patterns) for f in findings} == {
        name: sorted(set(ids)) for name, ids in groups.items()
    }
    return {frozenset(ids) for ids in groups.values()}


def ids(*patterns):
    return frozenset(pattern.id for pattern in patterns)


def test_three_metrics_that_shift_at_one_place_are_one_finding():
    a, b, c = change("a", 512, 508, 515), change("b", 513), change("c", 510, 500, 520)
    (marked, (finding,)) = find_findings([a, b, c])
    assert {pattern.finding for pattern in marked} == {finding.id}
    assert finding.headline.startswith(
        "at build-512 (2026-03-01T12:00:00Z) three metrics changed together: b rose"
    )
    assert finding.patterns == (b.id, a.id, c.id)  # the narrowest interval says where


def test_of_findings_as_sure_the_one_of_more_metrics_comes_first_then_the_larger() -> None:
    large = replace(LEVEL.evidence, effect=9.0)
    one, larger = change("a", 100), change("b", 200, evidence=large)
    two = [change("c", 300), change("d", 301)]
    (_, findings) = find_findings([one, larger, *two])
    assert [len(f.patterns) for f in findings] == [2, 1, 1]
    assert findings[1].patterns == (larger.id,)


def test_a_correlation_between_the_terms_of_a_law_that_holds_belongs_to_the_law() -> None:
    inside, outside = pair("rows_in", "rows_out"), pair("rows_out", "seconds")
    assert together([LAW, inside, outside]) == {ids(LAW, inside), ids(outside)}
    (_, (finding, _)) = find_findings([inside, LAW, outside])
    assert finding.headline.startswith("rows_in = rows_bad + rows_out holds")
    assert together([LAW, replace(inside, group="etl")]) == {ids(LAW), ids(inside)}


def test_changes_far_apart_are_findings_of_their_own():
    a, b = change("a", 100, 95, 105), change("b", 512, 508, 515)
    assert together([a, b]) == {ids(a), ids(b)}


def test_changes_within_a_few_tasks_belong_together_and_one_task_further_they_do_not():
    a, near, far = change("a", 100), change("b", 100 + NEAR), change("c", 100 - NEAR - 1)
    assert together([a, near, far]) == {ids(a, near), ids(far)}


def group(*metrics, borders=None, **other):
    name = pattern_id("clustering", *metrics, str(borders), str(other))
    return replace(GROUP, id=name, subject=metrics, borders=borders, **other)


def test_groups_that_follow_one_another_where_a_metric_shifts_belong_to_the_shift():
    shift = change("a", 512, 508, 515, window=GROUP.window)
    groups = [group("a", "b", borders=(513,), size=size) for size in (512, 488)]
    (_, (finding,)) = find_findings([*groups, shift])
    assert set(finding.patterns) == {pattern.id for pattern in (*groups, shift)}
    assert finding.headline.startswith("a rose from")


def test_each_group_joins_the_change_nearest_to_where_it_first_takes_over():
    early, late = (change("a", at, window=GROUP.window) for at in (200, 600))
    first = group("a", borders=(202,))
    middle, last = group("a", borders=(202, 590)), group("a", borders=(590,))
    assert together([early, late, first, middle, last]) == {
        ids(early, first, middle),
        ids(late, last),
    }


def test_groups_that_take_turns_or_lie_in_other_metrics_or_windows_are_findings_of_their_own():
    shift = change("a", 512, window=GROUP.window)
    turns, other = group("a"), group("b", "c", borders=(512,))
    elsewhere = group("a", borders=(512,), window=Span(0, 99, 100))
    assert together([shift, turns]) == {ids(shift), ids(turns)}
    assert together([shift, other]) == {ids(shift), ids(other)}
    assert together([shift, elsewhere]) == {ids(shift), ids(elsewhere)}


def test_a_wide_interval_joins_the_nearer_place_and_bridges_nothing():
    a, b, wide = change("a", 100), change("b", 200), change("c", 180, 90, 210)
    assert together([a, b, wide]) == {ids(a), ids(b, wide)}


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_places_are_those_of_a_comparison_with_each(bounds):
    changes = [
        change(f"m{i}", at + low, at, at + low + high) for i, (at, low, high) in enumerate(bounds)
    ]
    found, slow = [], {}
    narrow = sorted(changes, key=lambda c: (c.at_high - c.at_low, c.id, c.at_low, c.at, c.at_high))
    for one in narrow:
        gaps = [max(0, one.at_low - o.at_high, o.at_low - one.at_high) for o in found]
        near = [i for i, gap in enumerate(gaps) if gap <= NEAR] or [len(found)]
        if near == [len(found)]:
            found.append(one)
        slow[one.id] = min(near, key=lambda i: abs(one.at - found[i].at))
    expected = {}
    for name, place in slow.items():
        expected.setdefault(place, set()).add(name)
    assert together(changes) == {frozenset(names) for names in expected.values()}


def test_positions_out_of_time_order_count_as_points():
    # In an export with the newest first, low and high do not bound the place.
    a, b = change("a", 300, 310, 12), change("b", 305, 306, 304)
    assert together([a, b]) == {ids(a), ids(b)}


def test_ranks_tell_which_positions_are_neighbours():
    a, b, c = change("a", 300), change("b", 12), change("c", 301)
    ranks = {300: 14, 12: 15, 301: 99}
    marked, _ = find_findings([a, b, c], ranks.__getitem__)
    assert marked[0].finding == marked[1].finding != marked[2].finding


def test_a_law_that_breaks_where_a_metric_shifts_is_part_of_that_finding():
    shift = change("a", 512, 508, 515)
    (_, (finding,)) = find_findings([shift, BROKEN])
    assert finding.headline == (
        "at position 512: cached + loaded = 100 no longer holds"
        " and a rose from 12.31 to 45.62 (+271%)"
    )


def test_the_end_of_a_law_says_where_since_it_is_exact() -> None:
    around = [change("a", 505, 500, 520), change("b", 509, 500, 520)]
    (_, (finding,)) = find_findings([*around, replace(BROKEN, broke_label="batch-512")])
    assert finding.headline.startswith(
        "at batch-512 cached + loaded = 100 no longer holds and two metrics changed together: "
    )


def test_two_laws_that_break_at_one_place_are_one_finding():
    other = replace(BROKEN, id="1", subject=("x", "y"), terms={"x": 1.0, "y": -1.0}, constant=0.0)
    (_, (finding,)) = find_findings([BROKEN, other])
    assert finding.headline == (
        "at position 512: cached + loaded = 100 no longer holds and x = y no longer holds"
    )


def test_a_law_that_breaks_alone_says_until_when_it_held():
    (_, (finding,)) = find_findings([BROKEN])
    assert finding.headline == "cached + loaded = 100 held until position 512, and no longer"


def test_the_end_of_a_law_is_named_by_label_and_time():
    ended = replace(BROKEN, broke_label="batch-512", broke_time="2026-03-01T12:00:00Z")
    (_, (finding,)) = find_findings([ended])
    assert finding.headline == (
        "cached + loaded = 100 held until batch-512 (2026-03-01T12:00:00Z), and no longer"
    )


def conversion(one, other, factor=1000.0, **rest):
    name = pattern_id("conservation", one, other)
    terms = {one: 1.0, other: -1.0}
    made = {"form": "power", "subject": (one, other), "terms": terms, "constant": factor}
    plain = {"exceptions": None, "exception_count": None, "residual": 0.0}
    return replace(LAW, **{"id": name, **made, **plain, **rest})


def test_what_is_recorded_in_two_units_changes_once_and_the_law_says_why() -> None:
    ms, s, other = change("ms", 512), change("s", 512), change("z", 512)
    law = conversion("ms", "s")
    (_, (happened, holds)) = find_findings([ms, s, other, law, pair("ms", "s")])
    assert " two metrics changed together: ms (and s with it) rose" in happened.headline
    assert holds.headline == "ms = 1000 * s holds over 1,000 tasks"
    assert holds.patterns == (law.id, pair("ms", "s").id)


def test_three_units_of_one_quantity_are_one_finding() -> None:
    laws = [conversion("ms", "s"), conversion("us", "ms")]
    (_, (finding,)) = find_findings([*laws, pair("s", "us")])
    assert finding.headline == "ms = 1000 * s and us = 1000 * ms hold over 1,000 tasks"


def test_correlations_of_a_metric_in_two_units_are_told_as_one() -> None:
    found = [conversion("ms", "s"), pair("ms", "x"), pair("s", "x")]
    _, findings = find_findings(found)
    assert [f.headline for f in findings][1] == "ms and x move together (r = 0.93)"


def test_metrics_of_another_label_group_are_not_one_for_a_law_of_this_group() -> None:
    law = conversion("ms", "s", group="web")
    here, there = (change(name, 512, group="api") for name in ("ms", "s"))
    assert "with it" not in find_findings([law, here, there])[1][0].headline


def test_a_looser_law_with_a_metric_that_equals_another_s_belongs_to_it() -> None:
    other = {"subject": ("rows_bad", "rows_in", "rows_done"), "residual": 3.0, "id": "1"}
    looser = replace(LAW, terms=dict.fromkeys(other["subject"], 1.0), **other)
    law, alike = replace(LAW, residual=0.0), pair("rows_done", "rows_out", r=0.999)
    assert ids(law, looser, alike) in together([looser, law, alike])
    assert ids(law) in together([looser, law, replace(alike, r=0.9)])


def test_a_looser_law_of_some_metrics_of_an_exact_one_belongs_to_it() -> None:
    exact = replace(LAW, residual=0.0)
    some = {"subject": ("rows_in", "rows_out"), "terms": {"rows_in": 1.0, "rows_out": -1.1}}
    looser = replace(LAW, id="1", residual=3.0, **some)
    assert together([looser, exact]) == {ids(exact, looser)}
    assert len(together([looser, replace(exact, residual=1.0)])) == 2


def test_a_law_of_earlier_values_that_ends_with_a_shorter_one_is_not_told_beside_it() -> None:
    lagged = {**BROKEN.terms, "cached[-1]": -1.0, "loaded[-1]": -1.0}
    longer = replace(BROKEN, id="1", terms=lagged, constant=0.0)
    (_, (finding,)) = find_findings([longer, BROKEN, change("a", 512)])
    assert finding.headline == (
        "at position 512: cached + loaded = 100 no longer holds"
        " and a rose from 12.31 to 45.62 (+271%)"
    )


def test_a_correlation_through_two_laws_that_share_two_terms_belongs_to_the_first() -> None:
    other = {"subject": ("rows_bad", "rows_in", "share"), "form": "power", "id": "1"}
    rate = replace(LAW, terms=dict.fromkeys(other["subject"], 1.0), **other)
    through = pair("rows_out", "share")
    assert ids(LAW, through) in together([LAW, rate, through])
    loose = replace(rate, subject=("rows_bad", "share"), terms={"rows_bad": 2.0, "share": 1.0})
    assert ids(through) in together([LAW, loose, through])


def test_a_correlation_between_the_terms_of_a_law_that_ended_belongs_to_its_end() -> None:
    between = pair("cached", "loaded")
    (_, (finding,)) = find_findings([between, BROKEN])
    assert finding.patterns == (BROKEN.id, between.id)
    assert finding.headline == "cached + loaded = 100 held until position 512, and no longer"


def test_a_change_that_undoes_another_says_so_and_comes_behind_it() -> None:
    broke = change("a", 500, confidence=0.9)
    mended = change("a", 540, before=LEVEL.after, after=LEVEL.before, confidence=0.99)
    _, findings = find_findings([mended, broke])
    assert [f.patterns for f in findings] == [(broke.id,), (mended.id,)]
    assert findings[1].headline.endswith(
        ", back to what was before build-512 (2026-03-01T12:00:00Z)"
    )
    half = replace(mended, after=replace(LEVEL.after, mean=30.0))
    assert "back" not in find_findings([half, broke])[1][0].headline


def test_a_setting_that_was_changed_where_others_shift_is_named_first() -> None:
    setting = change("workers", 512, before=Level(4.0, 0.0, 512), after=Level(8.0, 0.0, 488))
    (_, (finding,)) = find_findings([change("a", 512), replace(setting, confidence=0.9)])
    assert "changed together: workers rose from 4 to 8" in finding.headline


def test_one_metric_that_changes_in_two_ways_is_told_once():
    level, spread = change("a", 512), replace(change("a", 513), form="spread")
    (_, (finding,)) = find_findings([level, spread])
    assert finding.headline == (
        "a rose from 12.31 to 45.62 (+271%), scattering more (standard deviation from 1.5 to 1.6)"
        " at build-512 (2026-03-01T12:00:00Z)"
    )


def test_the_same_change_in_two_windows_is_described_as_one():
    once = change("a", 512)
    again = replace(change("a", 513), window=Span(250, 1249, 1000))
    (_, (finding,)) = find_findings([once, again])
    assert (
        finding.headline == "a rose from 12.31 to 45.62 (+271%) at build-512 (2026-03-01T12:00:00Z)"
    )


def test_of_one_change_in_two_windows_the_stronger_is_told():
    once, spread = change("a", 512), replace(change("a", 513), form="spread")
    again = replace(change("a", 511), before=LEVEL.after, after=LEVEL.before)
    (_, (finding,)) = find_findings([once, spread, again])
    assert "a rose from 12.31 to 45.62" in finding.headline
    assert "a fell" not in finding.headline


def test_changes_in_several_label_groups_are_one_finding():
    one, other = change("a", 512, group="web"), change("a", 514, group="api")
    (_, (finding,)) = find_findings([one, other])
    assert finding.headline == (
        "at build-512 (2026-03-01T12:00:00Z): in web a rose from 12.31 to 45.62 (+271%);"
        " in api a rose from 12.31 to 45.62 (+271%)"
    )


def test_correlations_belong_together_where_their_metrics_are_connected():
    ab, cd, bc, xy = pair("a", "b"), pair("c", "d"), pair("b", "c"), pair("x", "y")
    for order in permutations([ab, cd, bc, xy]):
        assert together(list(order)) == {ids(ab, cd, bc), ids(xy)}


def test_correlations_of_different_label_groups_stay_apart():
    one, other = pair("a", "b", group="web"), pair("b", "c", group="api")
    assert together([one, other]) == {ids(one), ids(other)}


def test_a_pair_in_three_windows_is_one_finding():
    pairs = [pair("a", "b", window=Span(i, i + 9, 10)) for i in (0, 10, 20)]
    (_, (finding,)) = find_findings(pairs)
    assert finding.headline == "a and b move together (r = 0.93), in three windows"


def test_the_same_pair_in_two_label_groups_is_one_finding():
    (_, (finding,)) = find_findings([pair("a", "b", group="web"), pair("a", "b", group="api")])
    assert finding.headline == "a and b move together (r = 0.93), in api and web"


def test_the_same_law_in_two_label_groups_is_one_finding():
    (_, (finding,)) = find_findings([replace(LAW, id="1", group="web"), replace(LAW, group="api")])
    assert finding.headline.endswith("holds over 1,000 tasks, but for 1 task, in api and web")


def test_groups_of_one_window_are_one_finding_and_those_of_another_are_not():
    first = [replace(GROUP, id="1", size=640), replace(GROUP, id="2", size=300)]
    later = replace(GROUP, id="3", window=Span(1000, 1999, 1000))
    assert together([*first, later]) == {ids(*first), ids(later)}
    headline = find_findings(first)[1][0].headline
    assert headline == "1,000 tasks fall into two groups, of 640 and 300, told apart by duration_s"


def test_metrics_that_wander_are_named_together():
    (_, (finding,)) = find_findings([DRIFT, replace(DRIFT, id="1", subject=("volume",))])
    assert finding.headline == "two metrics wander like random walks: price and volume"


def test_changes_as_sure_as_each_other_are_told_in_the_order_of_analysis():
    a, b = change("a", 100), change("b", 500)
    assert [f.patterns for f in find_findings([b, a])[1]] == [(a.id,), (b.id,)]
    backwards = find_findings([b, a], lambda at: -at)[1]
    assert [f.patterns for f in backwards] == [(b.id,), (a.id,)]


def test_of_findings_that_are_believed_what_happened_comes_first_and_what_is_doubted_last():
    lasting = [replace(p, confidence=0.9) for p in (GROUP, LINEAR)]
    happened = replace(LEVEL, confidence=0.9)
    surer = replace(DRIFT, confidence=0.95)
    doubted = change("doubted", 9, confidence=0.4)
    marked, findings = find_findings([*lasting, doubted, happened, surer])
    order = [happened.id, surer.id, LINEAR.id, GROUP.id, doubted.id]
    assert [f.patterns[0] for f in findings] == order
    assert [p.id for p in marked] == [GROUP.id, LINEAR.id, doubted.id, LEVEL.id, DRIFT.id]


def test_groups_are_told_apart_by_the_metrics_that_differ_most_for_their_spread():
    spread = {"far": 1.0, "near": 1.0, "same": 1.0}
    one = replace(GROUP, id="1", center={"far": 0.0, "near": 0.0, "same": 7.0}, spread=spread)
    other = replace(GROUP, id="2", center={"far": 9.0, "near": 2.0, "same": 7.0}, spread=spread)
    assert telling([one, other]) == ["far", "near"]


def test_no_pattern_no_finding():
    assert find_findings([]) == ((), ())


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9), st.integers(0, 9)), max_size=8))
def test_findings_divide_the_patterns_whatever_their_order(places):
    changes = [change(f"m{i}", at, at - low, at + high) for i, (at, low, high) in enumerate(places)]
    marked, findings = find_findings(changes)
    assert [replace(p, finding=None) for p in marked] == changes
    assert sorted(name for f in findings for name in f.patterns) == sorted(c.id for c in changes)
    assert together(changes) == together(changes[::-1])
