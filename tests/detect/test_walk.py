import numpy as np
import pytest
from scipy import stats

from crackle_stream.detect.phase.phases import find_phases
from crackle_stream.detect.phase.walk import (
    ALL_WALKS,
    SLOPE_WALKS,
    Decays,
    walk_innovation,
    walk_test,
)
from crackle_stream.detect.roles import Roles
from crackle_stream.detect.view import table_of, view_table


def noise_of(values: np.ndarray, decays: Decays) -> np.ndarray:
    """Take a walk to its noise by the recursion, row by row."""
    left = values
    for decay in decays:
        steps, before, noise = np.diff(left, prepend=0.0), 0.0, []
        for step in steps:
            before = step + decay * before
            noise.append(before)
        left = np.array(noise)
    return left


@pytest.mark.parametrize("walks", [ALL_WALKS, SLOPE_WALKS])
@pytest.mark.parametrize("noise", [0.0, 2.0, 20.0])
def test_the_innovations_of_a_walk_are_those_of_its_recursion(
    noise: float, walks: tuple[Decays, ...]
) -> None:
    rng = np.random.default_rng(4)
    values = np.cumsum(rng.normal(size=41) + 0.2) + noise * rng.normal(size=41)
    sums = []
    for decays in walks:
        design = np.column_stack(
            [noise_of(term, decays) for term in (np.ones(41), np.arange(41.0))]
        )
        left = noise_of(values, decays)
        weights = np.linalg.lstsq(design, left, rcond=None)[0]
        sums.append(np.sum((left - design @ weights) ** 2))
    assert walk_innovation(values, walks) == pytest.approx(min(sums))


def test_a_walk_that_begins_far_off_loses_no_digits() -> None:
    walk = np.cumsum(np.random.default_rng(8).integers(-5, 6, 150)).astype(np.float64)
    for walks in (ALL_WALKS, SLOPE_WALKS):
        far, near = (walk_innovation(walk + offset, walks) for offset in (2.0**33, 0.0))
        assert far == pytest.approx(near)


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


def test_noise_summed_up_twice_drifts_and_has_no_bends() -> None:
    smooth = np.cumsum(np.cumsum(np.random.default_rng(5).normal(size=(120, 10)), axis=0), axis=0)
    view = view_table(table_of({f"m{i}": column for i, column in enumerate(smooth.T)}))
    found = find_phases(view, Roles({}, (), {}))
    sure = [one for one in found.detection.candidates if one.p_value < 0.001]
    assert {one.pattern.form for one in sure} == {"drift"}


def test_a_bend_in_noise_is_no_walk_of_the_slope() -> None:
    values = np.random.default_rng(6).normal(size=200)
    values[100:] += 0.1 * np.arange(100)
    (found,) = find_phases(
        view_table(table_of({"x": values})), Roles({}, (), {})
    ).detection.candidates
    assert found.pattern.form == "trend"
    assert found.pattern.at == pytest.approx(100, abs=15)
