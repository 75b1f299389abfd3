"""How far a pattern is from vanishing, against slow and obvious versions."""

import numpy as np
import pytest
from msgspec.structs import replace

from crackle_stream.cooling.draw_change import binned
from crackle_stream.cooling.draw_law import evaluate, residual_picture
from crackle_stream.cooling.fewer import find_in_fewer
from crackle_stream.cooling.margins import gates_of, largest_p, most_exceptions
from crackle_stream.cooling.opened import Opened
from crackle_stream.detect.candidate import Detection
from crackle_stream.detect.conservation.laws import find_laws
from crackle_stream.detect.phase.phases import find_phases
from crackle_stream.detect.roles import find_roles
from crackle_stream.detect.significance import weigh
from crackle_stream.detect.view import table_of, view_table
from crackle_stream.profile import CoolingRate


def step_view(size=3.0, n=200, seed=5):
    draw = np.random.default_rng(seed)
    values = draw.normal(50.0, 1.0, n) + size * (np.arange(n) >= n // 2)
    return view_table(table_of({"load": values}))


def step_candidate(view):
    (found,) = find_phases(view, find_roles(view)).detection.candidates
    return found


def others(p_values):
    draft = step_candidate(step_view())
    return Detection(tuple(replace(draft, p_value=p) for p in p_values), 40)


@pytest.mark.parametrize("rate", ["normal", "slow"])
@pytest.mark.parametrize("level", [0.0125, 0.002])
def test_the_largest_p_value_is_where_the_correction_stops_to_pass_it(rate, level):
    draw = np.random.default_rng(11)
    rate = CoolingRate.named(rate)
    for _ in range(20):
        beside = others(draw.uniform(0, 1, 12) ** 6)
        draft = replace(step_candidate(step_view()), p_value=1e-9)
        most = largest_p(draft, [Detection((draft,), 3), beside], rate, level)

        def passes(p, beside=beside, draft=draft):
            weighed = weigh([Detection((replace(draft, p_value=p),), 3), beside], rate)
            return weighed[0].pattern.evidence.q_value <= level

        assert passes(most * (1 - 1e-9))
        # Beyond a hundredth the search for changes takes them back by itself.
        assert most == 0.01 or not passes(most * (1 + 1e-9))


def test_every_rate_sees_the_candidate_with_its_own_gates():
    draft = step_candidate(step_view(size=3.0))
    gates = gates_of(draft, [Detection((draft,), 10)], CoolingRate.normal(), 0.0125)
    assert [gate.rate for gate in gates] == ["fast", "normal", "slow"]
    assert [gate.threshold for gate in gates] == [0.3, 0.5, 0.8]
    assert [gate.level for gate in gates] == [0.05, 0.0125, 0.0025]
    assert gates[2].q_value > gates[1].q_value == gates[0].q_value
    assert all(gate.passed for gate in gates)


def test_a_clear_step_is_found_in_fewer_tasks_than_a_faint_one():
    counts = {}
    for size in (8.0, 2.0):
        view = step_view(size)
        draft = step_candidate(view)
        rows = {draft.pattern.at: draft.pattern.at}
        which, fewer = find_in_fewer(Opened(view), draft, rows, CoolingRate.normal(), 0.01)
        assert which == "the nearest"
        assert [one.found for one in fewer[:-1]] == [True] * (len(fewer) - 1)
        counts[size] = min([one.tasks for one in fewer if one.found], default=200)
    assert counts[8.0] < counts[2.0]


def test_a_step_is_looked_for_again_also_where_tasks_between_lack_the_metric():
    values = np.random.default_rng(5).normal(50.0, 1.0, 200) + 8.0 * (np.arange(200) >= 100)
    values[np.random.default_rng(6).random(200) < 0.6] = np.nan
    view = view_table(table_of({"load": values, "other": np.arange(200.0) % 7}))
    draft = step_candidate(view)
    rows = {draft.pattern.at: draft.pattern.at}
    _, fewer = find_in_fewer(Opened(view), draft, rows, CoolingRate.normal(), 0.01)
    assert fewer[0].found


def balance(n=300, broken=(40, 170)):
    draw = np.random.default_rng(2)
    kept, lost = draw.integers(100, 900, n), draw.integers(0, 90, n)
    read = kept + lost
    read[list(broken)] += 17
    view = view_table(table_of({"read": read, "kept": kept, "lost": lost}))
    opened = Opened(view)
    laws = find_laws(view, opened.roles, opened.phases).candidates
    return opened, next(law.pattern for law in laws if law.pattern.form == "linear")


def test_the_picture_of_a_law_shows_each_task_that_breaks_it():
    opened, law = balance()
    rows = {p: p for p in range(300)}
    picture = residual_picture(opened, law, rows)
    assert picture.exceptions == (40, 170)
    off = dict(zip(picture.rows, picture.values, strict=True))
    assert {row for row, value in off.items() if value} == {40, 170}
    assert {abs(off[40]), abs(off[170])} == {17.0}


def test_a_law_may_be_broken_by_a_tenth_of_its_tasks():
    opened, law = balance()
    assert most_exceptions(opened, law) == 30


def test_a_law_is_evaluated_also_at_the_value_before():
    stock = np.cumsum([5.0, 2.0, -1.0, 4.0])
    table = table_of({"stock": stock, "change": [5.0, 2.0, -1.0, 7.0]})
    _, law = balance()
    law = replace(law, terms={"stock": 1.0, "stock[-1]": -1.0, "change": -1.0}, constant=0.0)
    found = evaluate(table, law, Opened(view_table(table)).rounding)
    assert found.rows.tolist() == [1, 2, 3]
    assert found.sums.tolist() == [0.0, 0.0, -3.0]


@pytest.mark.parametrize("most", [7, 40, 1000])
def test_joined_bins_hold_the_mean_and_the_spread_of_all_their_values(most):
    values = np.random.default_rng(3).normal(1e9, 2.0, 333)
    series = view_table(table_of({"x": values})).series["x"]
    shown = binned(series, most)
    assert len(shown.rows) <= most
    ends = [*shown.rows[1:].tolist(), 333]
    for i, (start, stop) in enumerate(zip(shown.rows.tolist(), ends, strict=True)):
        part = values[start:stop]
        assert shown.count[i] == len(part)
        assert shown.mean[i] == pytest.approx(part.mean(), abs=1e-6)
        assert shown.m2[i] == pytest.approx(((part - part.mean()) ** 2).sum(), abs=1e-4)


def test_a_change_that_is_found_again_some_tasks_away_is_the_same():
    draw = np.random.default_rng(7)
    time = np.arange(3000)
    view = view_table(
        table_of({"mem": draw.normal(100, 2, 3000) + np.maximum(time - 1200, 0) / 50})
    )
    (draft,) = find_phases(view, find_roles(view)).detection.candidates
    rows = {draft.pattern.at: draft.pattern.at}
    _, fewer = find_in_fewer(Opened(view), draft, rows, CoolingRate.normal(), 0.01)
    assert fewer[0].found
