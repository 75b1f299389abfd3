"""Conservation laws: planted ones found with their exceptions, none where there is none."""

import json
from pathlib import Path

import numpy as np
import pytest

from crackle_stream.detect.candidate import Detection
from crackle_stream.detect.conservation.laws import find_laws
from crackle_stream.detect.phase.phases import Phases
from crackle_stream.detect.roles import find_roles
from crackle_stream.detect.view import View, table_of, view_table
from crackle_stream.pattern import Stretch
from crackle_stream.table import PANE_ROWS

REPLAY = Path(__file__).parents[2] / "replay"
N = 300


def draw(seed=0):
    return np.random.default_rng(seed)


def counts(seed=0, n=N):
    return draw(seed).integers(0, 900, n).astype(float)


def find(columns, changes=None):
    view = view_table(table_of(columns))
    return find_view(view, changes)


def find_view(view, changes=None):
    return find_laws(view, find_roles(view), Phases(Detection((), 0), changes or {}))


def laws_of(detection):
    return [c.pattern for c in detection.candidates if c.gate == "none"]


def one_law(columns):
    (law,) = laws_of(find(columns))
    return law


def replayed(name):
    lines = (REPLAY / name / "events.jsonl").read_text().splitlines()
    metrics = [json.loads(line)["metrics"] for line in lines]
    names = sorted({metric for row in metrics for metric in row})
    return {name: [row.get(name, np.nan) for row in metrics] for name in names}


def test_the_daily_reports_keep_their_sums_and_each_exception_is_named():
    laws = {tuple(law.terms.items()): law for law in laws_of(find(replayed("daily-reports")))}
    hospital = laws[
        ("ricoverati_con_sintomi", 1), ("terapia_intensiva", 1), ("totale_ospedalizzati", -1)
    ]
    assert (hospital.exceptions, hospital.holds) == ((1,), Stretch(0, 1780))
    positive = laws[
        ("isolamento_domiciliare", 1), ("totale_ospedalizzati", 1), ("totale_positivi", -1)
    ]
    assert positive.exceptions == (1, 622)
    total = laws[
        ("deceduti", 1), ("dimessi_guariti", 1), ("totale_casi", -1), ("totale_positivi", 1)
    ]
    assert total.exceptions == (254, 345, 485, 524, 534, 622, 687, *range(1593, 1599))
    assert (total.exception_count, total.broke_at, total.constant) == (13, None, 0.0)
    swabs = laws[
        ("tamponi", 1), ("tamponi_test_antigenico_rapido", -1), ("tamponi_test_molecolare", -1)
    ]
    assert (swabs.exceptions, swabs.holds) == (None, Stretch(326, 1780))
    lagged = laws[
        ("totale_positivi", 1), ("variazione_totale_positivi", -1), ("totale_positivi[-1]", -1)
    ]
    assert (lagged.exceptions, lagged.holds) == (None, Stretch(1, 1780))
    # Two more that the source does not list hold as exactly: cases by test, cases by occasion.
    assert sorted(law.exception_count or 0 for law in laws.values()) == [0, 0, 1, 1, 2, 10, 13]
    assert not any("nuovi_positivi" in law.subject for law in laws.values())


def test_planets_keep_keplers_third_law():
    detection = find(replayed("exoplanets"))
    (kepler,) = laws_of(detection)
    assert (kepler.form, kepler.terms) == (
        "power",
        {"hoststar_mass": 1, "period": 2, "semimajoraxis": -3},
    )
    # Days squared over cubed astronomical units, for one solar mass.
    assert kepler.constant == pytest.approx(365.25**2, rel=0.01)
    assert kepler.residual < 0.01
    near = [
        c.pattern.subject for c in detection.candidates if c.gate == "variation" and c.size < 0.1
    ]
    assert near == []


def test_a_sum_that_breaks_for_good_says_from_where():
    total = counts(1) + counts(2)
    total[180:] += draw(3).integers(1, 9, 120)
    detection = find({"a": counts(1), "b": counts(2), "c": counts(4), "t": total})
    (law,) = laws_of(detection)
    assert (law.terms, law.broke_at, law.holds) == ({"a": 1, "b": 1, "t": -1}, 180, Stretch(0, 179))
    assert detection.candidates[-1].involved == (180,)


def test_a_sum_that_holds_from_some_row_on_says_so():
    total = counts(1) + counts(2)
    total[:100] -= draw(3).integers(1, 9, 100)
    law = one_law({"a": counts(1), "b": counts(2), "t": total})
    assert (law.holds, law.broke_at, law.exceptions) == (Stretch(100, 299), None, None)


@pytest.mark.parametrize("written", ["{:.6g}", "{:.5g}"])
def test_sums_of_numbers_kept_to_so_many_digits_are_found(written):
    a, b = np.exp(draw().normal(3, 2, (2, N)))
    columns = {"a": a, "b": b, "t": a + b}
    columns = {name: [float(written.format(v)) for v in column] for name, column in columns.items()}
    assert one_law(columns).terms == {"a": 1, "b": 1, "t": -1}


def test_sums_in_single_precision_are_found():
    a, b = np.exp(draw().normal(3, 2, (2, N)))
    columns = {"a": a, "b": b, "t": a + b}
    columns = {name: column.astype(np.float32).astype(float) for name, column in columns.items()}
    assert one_law(columns).terms == {"a": 1, "b": 1, "t": -1}


def test_the_tasks_that_break_a_law_are_named_the_worst_first():
    total = counts(1) + counts(2)
    total[[40, 7, 200]] += [1.0, 5.0, -3.0]
    detection = find({"a": counts(1), "b": counts(2), "t": total})
    assert laws_of(detection)[0].exceptions == (7, 40, 200)
    assert detection.candidates[-1].involved == (7, 200, 40)


def test_laws_that_others_imply_are_not_said():
    a, b, c = counts(1), counts(2), counts(3)
    laws = laws_of(find({"a": a, "b": b, "c": c, "ab": a + b, "abc": a + b + c, "again": a}))
    assert [law.terms for law in laws] == [
        {"a": 1, "again": -1},
        {"ab": 1, "abc": -1, "c": 1},
        {"ab": 1, "again": -1, "b": -1},
    ]


def test_a_unit_conversion_is_said_once_and_sums_in_both_units_are_one_law():
    a, b = counts(1), counts(2)
    columns = {"a_ms": a, "b_ms": b, "t_ms": a + b}
    columns |= {name.replace("ms", "s"): values / 1000 for name, values in columns.items()}
    laws = laws_of(find(columns))
    assert [law.form for law in laws] == ["linear", "power", "power", "power"]
    assert {law.constant for law in laws} == {0.0, 1000.0}


def test_stock_and_flow_are_a_law_of_previous_values():
    flow_in, flow_out = counts(1), counts(2)
    law = one_law({"in": flow_in, "out": flow_out, "stock": np.cumsum(flow_in - flow_out)})
    assert law.terms == {"in": 1, "out": -1, "stock": -1, "stock[-1]": 1}
    assert law.subject == ("in", "out", "stock")


@pytest.mark.parametrize("digits", [1, 2])
def test_shares_rounded_each_for_itself_add_up_to_a_hundred(digits):
    shares = draw().dirichlet([3, 2, 1, 4], N) * 100
    law = one_law({f"s{i}": np.round(shares[:, i], digits) for i in range(4)})
    assert (law.form, law.constant, set(law.terms.values())) == ("linear", 100.0, {1.0})


def test_six_shares_and_seven_fractions_add_up_within_rounding_but_for_some():
    shares = np.round(draw().dirichlet([3, 2, 1, 4, 6, 2], N).T * 100, 1)
    shares[2, ::40] += 3
    law = one_law({f"s{i}": share for i, share in enumerate(shares)})
    assert (law.constant, set(law.terms.values()), law.exception_count) == (100.0, {1.0}, 8)
    parts = np.exp(draw(1).normal(2, 0.7, (7, N)))
    columns = {f"p{i}": np.round(part, 2) for i, part in enumerate(parts)}
    law = one_law(columns | {"t": np.round(parts.sum(axis=0), 2)})
    assert law.terms == dict.fromkeys(columns, 1.0) | {"t": -1.0}


@pytest.mark.parametrize(("slope", "zero"), [(1.8, 32.0), (-0.5, 80.0), (4.186, -7.0)])
def test_one_quantity_on_two_scales_is_a_line_within_rounding(slope, zero):
    x = np.round(draw().normal(20, 6, N), 1)
    law = one_law({"x": x, "y": np.round(slope * x + zero, 1), "other": counts()})
    a, b = law.terms["x"], law.terms["y"]
    assert -a / b == pytest.approx(slope, rel=1e-3)
    assert law.constant / b == pytest.approx(zero, abs=0.06)


def test_a_nearly_equal_flag_does_not_take_the_place_of_a_term():
    passed, skipped = counts(1), counts(2) // 100
    failed = draw(3).poisson(0.4, N).astype(float)
    columns = {"passed": passed, "skipped": skipped, "failed": failed, "any": failed > 0}
    law = one_law(columns | {"tests": passed + skipped + failed})
    assert law.terms == {"failed": 1, "passed": 1, "skipped": 1, "tests": -1}
    assert law.exceptions is None


def test_a_rounded_percentage_is_a_power_law():
    ok, bad = counts(1) + 1, counts(2)
    laws = laws_of(
        find({"ok": ok, "bad": bad, "total": ok + bad, "pct": np.round(100 * ok / (ok + bad), 2)})
    )
    assert laws[0].terms == {"bad": 1, "ok": 1, "total": -1}
    assert (laws[1].terms, laws[1].constant) == ({"ok": 1, "pct": -1, "total": -1}, 0.01)


@pytest.mark.parametrize("seed", range(6))
def test_two_metrics_that_share_a_season_and_differ_by_a_count_at_times_are_no_law(seed):
    season = 60 + 15 * np.sin(2 * np.pi * np.arange(60) / 7)
    twins = np.round(season + 0.15 * draw(seed).normal(size=(2, 60)))
    assert np.abs(twins[0] - twins[1]).max() <= 2
    assert laws_of(find({"a": twins[0], "b": twins[1], "c": counts(seed, 60)})) == []


def test_a_noisy_product_is_found_with_whole_exponents():
    p, v, n = np.exp(draw().normal(size=(3, N)))
    t = p * v / n * np.exp(0.01 * draw(1).normal(size=N))
    law = one_law({"n": n, "p": p, "t": t, "v": v, "other": counts(5)})
    assert law.terms == {"n": 1, "p": -1, "t": 1, "v": -1}
    assert law.residual == pytest.approx(0.01, rel=0.3)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 2.0**30])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_sums_are_found_at_any_scale_and_offset(scale, offset):
    a, b = counts(1) * 1.0, counts(2)
    if offset and scale < 1:
        scale = 2.0**-8
    law = one_law({"a": (a + offset) * scale, "b": b * scale, "t": (a + offset + b) * scale})
    assert law.terms == {"a": 1, "b": 1, "t": -1}


def test_absent_metrics_leave_the_others_their_laws():
    a, b = counts(1), counts(2)
    gone = draw(3).random((3, N)) < 0.3
    columns = {"a": a, "b": b, "t": a + b}
    for (name, values), hidden in zip(list(columns.items()), gone, strict=True):
        columns[name] = np.where(hidden, np.nan, values)
    assert one_law(columns).terms == {"a": 1, "b": 1, "t": -1}


def test_order_of_columns_and_repetition_change_nothing():
    columns = {"a": counts(1), "b": counts(2), "t": counts(1) + counts(2)}
    assert find(columns) == find(dict(reversed(columns.items())))


def test_identifiers_clocks_and_settings_are_no_terms():
    run = np.arange(N)
    assert (
        laws_of(find({"run": run, "next": run + 1.0, "eight": np.full(N, 8.0), "a": counts(1)}))
        == []
    )


def test_a_metric_that_hardly_varies_beside_others_that_do_is_near_constant():
    columns = {"a": counts(1), "b": counts(2), "steady": 100 + 0.05 * draw(3).normal(size=N)}
    detection = find(columns)
    steady = next(c for c in detection.candidates if c.pattern.subject == ("steady",))
    assert (steady.gate, steady.pattern.form) == ("variation", "constant")
    assert steady.size == pytest.approx(0.0005, rel=0.2)
    assert steady.p_value < 1e-6
    changed = find(columns, {"steady": (150,)})
    assert all(c.pattern.subject != ("steady",) for c in changed.candidates)


def test_a_status_with_three_exceptions_is_constant_but_for_these():
    status = np.full(N, 200.0)
    status[[5, 60, 61]] = [500, 503, 503]
    detection = find({"a": counts(1), "b": counts(2), "status": status})
    steady = next(c for c in detection.candidates if c.pattern.subject == ("status",))
    assert steady.pattern.exceptions == (5, 60, 61)
    assert steady.p_value < 1e-3


def test_metrics_of_one_kind_are_not_near_constant_however_far_their_zero():
    for offset in (1e3, 1e9):
        values = offset + draw().normal(size=(N, 6))
        detection = find({f"m{i}": values[:, i] for i in range(6)})
        assert all(c.p_value > 0.1 for c in detection.candidates)


def test_an_arbitrary_zero_and_calendar_years_say_nothing():
    columns = {"a": counts(1), "b": counts(2), "altitude": 1e9 + draw().normal(size=N)}
    columns["year"] = draw(1).integers(1995, 2025, N)
    subjects = {c.pattern.subject for c in find(columns).candidates}
    assert subjects & {("altitude",), ("year",)} == set()


def test_a_level_alone_is_no_constant_however_far_its_zero_but_a_status_is():
    lake = 579 + np.round(draw().normal(0, 1.3, 100), 2)
    assert find({"level": lake}).candidates == ()
    status = np.full(N, 200.0)
    status[[5, 60, 61]] = [500, 503, 503]
    (steady,) = find({"status": status}).candidates
    assert steady.pattern.exceptions == (5, 60, 61)


def test_a_metric_that_sinks_through_the_window_is_not_near_constant():
    sinking = 579 - 0.02 * np.arange(N) + np.round(draw().normal(0, 0.5, N), 2)
    detection = find({"a": counts(1), "b": counts(2), "level": sinking})
    assert all(c.pattern.subject != ("level",) for c in detection.candidates)


def test_the_note_on_limits_names_those_alone_that_leave_something_out():
    (note,) = find({f"m{i:02d}": counts(i) for i in range(18)}).notes
    told = "of 18 metrics, sought were only power laws that hold but approximately among 16"
    assert note.text == told


def test_a_handful_of_tasks_has_no_equations():
    a, b = counts(1, 11), counts(2, 11)
    assert laws_of(find({"a": a, "b": b, "t": a + b})) == []
    a, b = counts(1, 16), counts(2, 16)
    assert len(laws_of(find({"a": a, "b": b, "t": a + b}))) == 1


def test_a_window_of_one_task_or_of_no_varying_metric_is_quiet():
    assert find({"a": [1.0]}).candidates == ()
    assert find({"a": [1.0] * 40, "b": [np.nan] * 40}).candidates == ()


def test_a_long_window_is_searched_on_its_sample_and_followed_through_all_rows():
    n = 3 * PANE_ROWS + 500
    a, b = counts(1, n), counts(2, n)
    total = a + b
    odd = [3, PANE_ROWS - 1, PANE_ROWS, 9000]
    total[odd] += 1
    total[12_000:] += 2
    flow = counts(3, n)
    whole = view_table(
        table_of({"a": a, "b": b, "t": total, "flow": flow, "stock": np.cumsum(flow)})
    )
    some = np.concatenate([np.arange(s, s + 200) for s in (0, 2000, 6000, 10_000, 11_000)])
    sampled = View(whole.names, whole.span, whole.series, whole.sample.take(some), whole.scan)
    assert not sampled.exact
    balance, stock = sorted(laws_of(find_view(sampled)), key=lambda law: -len(law.exceptions or ()))
    assert stock.terms == {"flow": 1, "stock": -1, "stock[-1]": 1}
    assert (stock.holds, stock.metrics["rows"]) == (Stretch(1, n - 1), n - 1)
    assert balance.terms == {"a": 1, "b": 1, "t": -1}
    assert (balance.exceptions, balance.broke_at) == (tuple(odd), 12_000)
    assert balance.evidence.n < 1000


def null_table(kind, n, m, rng):
    z = rng.normal(size=(n, m))
    common = rng.normal(size=(n, 1))
    season = np.sin(2 * np.pi * np.arange(n)[:, None] / 24)
    return {
        "normal": 50 + 10 * z,
        "lognormal": np.exp(z),
        "counts": rng.poisson([0.5, 3, 20, 500] * 3, size=(n, 12))[:, :m].astype(float),
        "walks": np.round(3 * np.cumsum(z, axis=0)),
        "factor": np.round(100 + 20 * (np.sqrt(0.99) * common + 0.1 * z)),
        "season": np.exp(season + 0.1 * z),
        "rounded": np.floor(4 * rng.random((n, m))),
        "sparse": np.where(rng.random((n, m)) < 0.1, np.floor(np.exp(1 + z)), 0.0),
    }[kind]


@pytest.mark.parametrize(
    "kind", ["normal", "lognormal", "counts", "walks", "factor", "season", "rounded", "sparse"]
)
def test_tables_without_a_law_give_none(kind):
    rng = draw(99)
    for n, m in ((30, 12), (60, 8), (200, 12)) * 3:
        values = null_table(kind, n, m, rng)
        assert laws_of(find({f"m{i:02d}": values[:, i] for i in range(m)})) == []
