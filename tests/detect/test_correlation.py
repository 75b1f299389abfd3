"""Which pairs of metrics are said to move together."""

import numpy as np
import pytest
from scipy import signal

from crackle_stream.detect.candidate import Detection
from crackle_stream.detect.correlation.correlations import find_correlations
from crackle_stream.detect.correlation.pairs import judge_pairs, separate_runs
from crackle_stream.detect.correlation.rank_correlation import MOST_LAG
from crackle_stream.detect.describe import describe
from crackle_stream.detect.phase.phases import Phases
from crackle_stream.detect.roles import Roles
from crackle_stream.detect.view import table_of, view_table
from crackle_stream.table import Table

# F. J. Anscombe, Graphs in statistical analysis, 1973: r is .816 in each set.
X = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
ANSCOMBE = {
    "line": (X, [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]),
    "outlier": (X, [7.46, 6.77, 12.74, 7.11, 7.81, 8.84, 6.08, 5.39, 8.15, 6.42, 5.73]),
    "one_point": (
        [8, 8, 8, 8, 8, 8, 8, 19, 8, 8, 8],
        [6.58, 5.76, 7.71, 8.84, 8.47, 7.04, 5.25, 12.50, 5.56, 7.91, 6.89],
    ),
}


def detect_in(table, changes=None, **role):
    roles = Roles({name: role.get(name, "measure") for name in table.names}, (), {})
    return find_correlations(view_table(table), roles, Phases(Detection((), 0), changes or {}))


def detect(columns, changes=None, **role):
    return detect_in(table_of(columns), changes, **role)


def only(detection):
    (candidate,) = detection.candidates
    return candidate


def at_normal_rate(detection):
    level = 0.0125 / detection.tested
    return [one for one in detection.candidates if one.size >= 0.7 and one.p_value <= level]


@pytest.fixture
def noise():
    return np.random.default_rng(7).normal(size=(8, 200))


def test_a_line_is_linear_with_pearsons_r(noise):
    x, y = noise[0], 3 * noise[0] + noise[1]
    found = only(detect({"x": x, "y": y}))
    assert (found.pattern.form, found.pattern.lag, found.gate) == ("linear", 0, "correlation")
    assert found.pattern.subject == ("x", "y")
    assert found.pattern.r == pytest.approx(np.corrcoef(x, y)[0, 1], abs=0.02)
    assert found.p_value < 1e-20
    assert found.pattern.evidence.n == 200


def test_a_falling_line_has_a_negative_r(noise):
    assert only(detect({"x": noise[0], "y": noise[1] - 4 * noise[0]})).pattern.r < -0.9


def test_equal_metrics_are_linear_with_r_one(noise):
    found = only(detect({"x": noise[0], "y": noise[0]}))
    assert found.pattern.form == "linear"
    assert found.pattern.r == pytest.approx(1)


def test_a_bent_rise_is_monotone(noise):
    found = only(detect({"x": noise[0], "y": np.exp(3 * noise[0]) + 0.01 * noise[1]}))
    assert found.pattern.form == "monotone"
    assert found.pattern.r == found.pattern.metrics["spearman"]


def test_a_parabola_is_nonlinear(noise):
    found = only(detect({"x": noise[0], "y": noise[0] ** 2 + 0.3 * noise[1]}))
    assert found.pattern.form == "nonlinear"
    assert found.pattern.r == found.pattern.metrics["xi"]
    assert found.size > 0.7


@pytest.mark.parametrize(("x", "y"), [("x", "y"), ("z", "y")])
def test_the_leading_metric_comes_first_and_the_lag_is_positive(noise, x, y):
    later = np.r_[noise[2, :4], noise[0, :-4]] + 0.4 * noise[1]
    found = only(detect({x: noise[0], y: later}))
    assert found.pattern.subject == (x, y)
    assert found.pattern.lag == 4
    assert found.pattern.form == "linear"


def test_the_middle_of_a_chain_explains_its_ends(noise):
    a = noise[0]
    b = a + 0.5 * noise[1]
    c = b + 0.5 * noise[2]
    found = {
        one.pattern.subject: one.pattern.metrics
        for one in detect({"a": a, "b": b, "c": c}).candidates
    }
    assert found["a", "c"]["indirect"] == 1.0
    assert abs(found["a", "c"]["partial"]) < 0.2
    assert "indirect" not in found["a", "b"]
    assert "indirect" not in found["b", "c"]


def remembering(noise, phi=0.8):
    return signal.lfilter([1.0], [1.0, -phi], noise)


@pytest.mark.parametrize("shape", ["chain", "common cause"])
@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_an_indirect_correlation_names_the_metric_that_explains_it(shape, memory):
    rng = np.random.default_rng(21)
    a, b, c = (remembering(rng.normal(size=500), memory) for _ in range(3))
    if shape == "chain":
        b = 0.9 * a + 0.44 * b
        c = 0.9 * b + 0.44 * c
    else:
        a, c = 0.9 * b + 0.44 * a, 0.9 * b + 0.44 * c
    found = detect({"a": a, "b": b, "c": c}).candidates
    explained = {one.pattern.subject: one.pattern.explained_by for one in found}
    assert explained == {("a", "b"): None, ("a", "c"): "b", ("b", "c"): None}
    (indirect,) = (one.pattern for one in found if one.pattern.explained_by)
    assert describe(indirect).endswith(", which b explains")


def test_a_pair_with_a_relation_of_its_own_beside_the_third_metric_is_not_explained(noise):
    a, b, c, shared = noise[:4]
    found = detect({"a": shared + 0.4 * a, "b": shared + 0.4 * b, "c": shared + 0.4 * c}).candidates
    assert [one.pattern.explained_by for one in found] == [None] * 3


def test_those_involved_pull_most(noise):
    x = noise[0].copy()
    x[[20, 30]] = [5.0, -6.0]
    assert only(detect({"x": x, "y": x + 0.1 * noise[1]})).involved[:2] == (30, 20)


def test_smooth_paths_are_no_curves_of_each_other(noise):
    paths = np.cumsum(np.cumsum(noise[:2], axis=1), axis=1)
    assert not at_normal_rate(detect({"x": paths[0], "y": paths[1]}))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["normal", "lognormal", "autoregressive", "walk"])
def test_noise_is_silent(kind, seed):
    noise = np.random.default_rng(seed).normal(size=(200, 10))
    values = {
        "normal": noise,
        "lognormal": np.exp(noise),
        "autoregressive": signal.lfilter([1], [1, -0.7], noise, axis=0),
        "walk": np.cumsum(noise, axis=0),
    }[kind]
    detection = detect({f"m{i}": column for i, column in enumerate(values.T)})
    assert detection.tested == 45
    assert not at_normal_rate(detection)


@pytest.mark.parametrize("shared", ["trend", "season", "weekly", "step", "volatility"])
def test_what_all_metrics_share_makes_no_pairs(shared):
    rng = np.random.default_rng(11)
    noise, rows = rng.normal(size=(200, 10)), np.arange(200)
    slow = np.exp(0.3 * signal.lfilter([1], [1, -0.95], rng.normal(size=300))[100:])
    values = {
        "trend": noise + 0.02 * rows[:, None],
        "season": noise + 2 * np.sin(rows / 4)[:, None],
        "weekly": noise + 3 * (rows % 7 == 0)[:, None],
        "step": noise + 3 * (rows >= 90)[:, None],
        "volatility": noise * slow[:, None],
    }[shared]
    columns = {f"m{i}": column for i, column in enumerate(values.T)}
    changes = dict.fromkeys(columns, (90,)) if shared == "step" else {}
    assert not at_normal_rate(detect(columns, changes))


def test_common_volatility_is_no_evidence():
    called = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        slow = signal.lfilter([1], [1, -0.95], rng.normal(size=300))[100:, None]
        tests = judge_pairs(rng.normal(size=(200, 8)) * np.exp(0.3 * slow))
        called += tests.p_value.min() <= 0.05 / 28
    assert called <= 2


def test_a_stretch_in_which_two_metrics_rest_is_no_relation(noise):
    pair = noise[:2].T.copy()
    pair[60:140] = 0.0
    assert judge_pairs(pair).curved_p[0] > 0.05


def test_a_step_that_went_unseen_makes_no_pair(noise):
    step = 6.0 * (np.arange(200) >= 110)
    assert not detect({"x": noise[0] + step, "y": noise[1] + step}).candidates


def test_walks_whose_steps_go_together_are_found(noise):
    steps = noise[0], 0.8 * noise[0] + 0.6 * noise[1]
    found = only(detect({"x": np.cumsum(steps[0]), "y": np.cumsum(steps[1])}))
    assert found.p_value < 1e-10


def test_counters_go_together_if_their_steps_do(noise):
    steps = np.exp(noise)
    columns = {
        "a": np.cumsum(steps[0]),
        "b": 1e9 + np.cumsum(steps[0] + 0.1 * steps[1]),
        "c": np.cumsum(steps[2]),
    }
    found = only(detect(columns, a="counter", b="counter", c="counter"))
    assert found.pattern.subject == ("a", "b")


def test_settings_identifiers_and_clocks_take_no_part(noise):
    columns = {"a": noise[0], "b": noise[0], "c": noise[0]}
    assert detect(columns, a="identifier", b="clock").tested == 0


def test_scale_and_offset_change_nothing(noise):
    x, y = noise[0], noise[0] + 0.5 * noise[1]
    plain = only(detect({"x": x, "y": y}))
    for scaled in (1e-12 * y, 1e12 * y, y + 1e9):
        found = only(detect({"x": x, "y": scaled}))
        assert found.pattern.r == pytest.approx(plain.pattern.r, abs=1e-6)
        assert found.involved == plain.involved


def test_a_single_outlier_neither_hides_nor_makes_a_pair(noise):
    x, y = noise[0].copy(), noise[0] + 0.3 * noise[1]
    z = noise[2].copy()
    x[50], z[50] = 1e6, 1e6
    assert only(detect({"x": x, "y": y, "z": z})).pattern.subject == ("x", "y")


def test_an_outlier_in_both_does_not_make_a_loose_pair_a_close_one(noise):
    x, y = noise[0].copy(), 0.65 * noise[0] + 0.76 * noise[1]
    x[50] = y[50] = 1e6
    assert only(detect({"x": x, "y": y})).size < 0.75


def test_absent_rows_are_left_out(noise):
    x, y = noise[0].copy(), noise[0] + 0.3 * noise[1]
    x[::3] = np.nan
    y[5::7] = np.nan
    found = only(detect({"x": x, "y": y, "z": np.full(200, np.nan)}))
    assert found.pattern.evidence.n == np.sum(~np.isnan(x) & ~np.isnan(y))
    assert found.pattern.form == "linear"


def test_metrics_that_are_never_there_together_are_no_pair(noise):
    odd = np.arange(200) % 2 == 1
    columns = {"x": np.where(odd, noise[0], np.nan), "y": np.where(odd, np.nan, noise[0])}
    assert not detect(columns).candidates


def test_ties_and_constant_stretches_are_allowed():
    counts = np.random.default_rng(3).poisson(0.2, 200).astype(float)
    found = only(detect({"x": counts, "y": 3 * counts, "z": np.full(200, 5.0)}))
    assert found.pattern.subject == ("x", "y")
    assert found.pattern.form == "linear"


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_too_few_rows_are_not_tested(n, noise):
    assert detect({"x": noise[0, :n], "y": noise[0, :n]}).tested == 0


def test_anscombes_line_is_linear_and_his_outlier_hides_a_monotone_pair():
    line, outlier = (
        only(detect(dict(zip("xy", map(list, ANSCOMBE[name]), strict=True))))
        for name in ("line", "outlier")
    )
    assert line.pattern.form == "linear"
    assert line.pattern.r == pytest.approx(0.816, abs=0.001)
    assert line.p_value < 0.0125
    assert outlier.pattern.form == "monotone"
    assert outlier.pattern.r > 0.99


def test_anscombes_single_point_is_no_correlation():
    assert not detect(dict(zip("xy", map(list, ANSCOMBE["one_point"]), strict=True))).candidates


def test_no_lag_reaches_from_one_run_into_the_next(noise):
    x, y = noise[0], np.r_[noise[1, :100], noise[0, :100]]
    rows = np.r_[np.arange(100), np.arange(9_000, 9_100)]
    table = table_of({"x": x, "y": y})
    apart = Table(table.names, rows, rows + 7, table.times, table.values)
    assert not detect_in(apart).candidates
    lagged = np.r_[noise[1, :3], noise[0, :97], noise[1, :3], noise[0, 100:197]]
    table = table_of({"x": x, "y": lagged})
    apart = Table(table.names, rows, rows + 7, table.times, table.values)
    found = only(detect_in(apart))
    assert found.pattern.lag == 3
    assert set(found.involved) <= set((rows + 7).tolist())


def test_runs_are_kept_further_apart_than_the_largest_lag(noise):
    rows = np.r_[np.arange(100), np.arange(9_000, 9_100)]
    table = table_of({"x": noise[0]})
    apart = separate_runs(Table(table.names, rows, rows, table.times, table.values)).column("x")
    np.testing.assert_array_equal(apart[:100], noise[0, :100])
    assert np.isnan(apart[100 : 100 + MOST_LAG]).all()
    np.testing.assert_array_equal(apart[100 + MOST_LAG :][:100], noise[0, 100:])


def test_the_same_rows_give_the_same_candidates(noise):
    columns = {f"m{i}": column for i, column in enumerate(noise)}
    columns["twin"] = noise[3] + 0.3 * noise[5]
    assert detect(columns) == detect(columns)
