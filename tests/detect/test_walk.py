import numpy as np
import pytest
from scipy import stats

from crackle_stream.detect.phase.phases import find_phases
from crackle_stream.detect.phase.walk import SLOW_WALKS, walk_innovation, walk_test
from crackle_stream.detect.roles import Roles
from crackle_stream.detect.view import table_of, view_table


def forecast_errors(values: np.ndarray, memory: float) -> np.ndarray:
    level, errors = 0.0, []
    for value in values:
        errors.append(value - level)
        level += (1 - memory) * errors[-1]
    return np.array(errors)


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_the_innovations_of_a_walk_are_those_of_exponential_smoothing(noise: float) -> None:
    rng = np.random.default_rng(4)
    values = np.cumsum(rng.normal(size=40) + 0.2) + noise * rng.normal(size=40)
    sums = []
    for memory in SLOW_WALKS:
        terms = (np.ones(40), np.arange(40.0))
        design = np.column_stack([forecast_errors(term, memory) for term in terms])
        errors = forecast_errors(values, memory)
        weights = np.linalg.lstsq(design, errors, rcond=None)[0]
        sums.append(np.sum((errors - design @ weights) ** 2))
    assert walk_innovation(values, SLOW_WALKS) == pytest.approx(min(sums))


def test_a_walk_is_given_up_where_the_likelihood_ratio_passes_its_bound() -> None:
    bound = stats.chi2.isf(0.01, 19)
    assert walk_test(np.exp(bound / 60), 1.0, 60, 4) == pytest.approx(0.01)
    assert walk_test(0.5, 1.0, 60, 4) == 1.0


def test_of_sixty_short_walks_none_has_steps_or_trends() -> None:
    walks = np.cumsum(np.random.default_rng(60).normal(size=(60, 60)), axis=0)
    view = view_table(table_of({f"m{i:02d}": walk for i, walk in enumerate(walks.T)}))
    found = find_phases(view, Roles({}, (), {}))
    sure = [one for one in found.detection.candidates if one.p_value < 0.001]
    assert {one.pattern.form for one in sure} == {"drift"}
    assert len({one.pattern.subject for one in sure}) > 20


def test_a_step_in_noise_beats_a_walk_also_when_it_is_short() -> None:
    values = np.random.default_rng(2).normal(size=24)
    values[12:] += 6
    found = find_phases(view_table(table_of({"x": values})), Roles({}, (), {}))
    assert [one.pattern.at for one in found.detection.candidates] == [12]


def test_a_clear_step_among_forty_values_is_no_walk() -> None:
    values = np.random.default_rng(3).normal(size=40)
    values[20:] += 3
    (found,) = find_phases(
        view_table(table_of({"x": values})), Roles({}, (), {})
    ).detection.candidates
    assert found.pattern.at == pytest.approx(20, abs=1)
    assert found.p_value < 0.003
