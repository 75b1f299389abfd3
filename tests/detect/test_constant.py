"""Near-constant metrics: their spread, variation and p-value, written out one by one."""

import numpy as np
import pytest
from scipy import stats

from crackle_stream.detect.conservation.constant import find_steady
from crackle_stream.detect.conservation.law import medians
from crackle_stream.detect.view import table_of


def columns(seed, n=80):
    rng = np.random.default_rng(seed)
    return {
        "steady": 200 + 0.1 * rng.normal(size=n),
        "loose": 200 + 20 * rng.normal(size=n),
        "wide": rng.lognormal(size=n),
        "wild": rng.normal(size=n),
    }


def variation_of(values):
    ordered = np.sort(values)
    places = np.array([0.05, 0.95]) * (len(values) - 1)
    low, high = np.interp(places, np.arange(len(values)), ordered)
    return (high - low) / 3.29 / abs(ordered[39:41].mean())


def test_numbers_of_a_metric_that_varies_less_than_it_is_rounded_are_plain_floats():
    values = columns(0) | {"steady": np.where(np.arange(80) % 40, 1.0, 1.001)}
    steps = dict.fromkeys(values, 0.0) | {"steady": 0.001}
    found = find_steady(table_of(values), tuple(values), steps)
    (steady,) = (one for one in found if one.name == "steady")
    assert {type(number) for number in (steady.spread, steady.variation, steady.noise)} == {float}
    assert steady.spread == pytest.approx(0.001 / 12**0.5)


@pytest.mark.parametrize("seed", range(3))
def test_a_steady_metric_is_held_against_the_median_of_the_others(seed):
    drawn = columns(seed)
    found = find_steady(table_of(drawn), tuple(drawn), dict.fromkeys(drawn, 0.0))
    steady = {one.name: one for one in found}["steady"]
    size = {name: variation_of(values) for name, values in drawn.items()}
    assert steady.variation == pytest.approx(size["steady"])
    assert steady.level == pytest.approx(np.median(drawn["steady"]))
    others = np.log([size[name] for name in ("loose", "wide", "wild")])
    scatter = max(1.0, 1.4826 * np.median(np.abs(others - np.median(others))))
    score = (np.log(size["steady"]) - np.median(others)) / np.sqrt(scatter**2 + 1 / 80)
    assert steady.p_value == pytest.approx(stats.norm.cdf(score))
    assert steady.p_value < 1e-4


def test_absent_values_are_passed_over():
    drawn = columns(0)
    holes = {name: np.insert(values, [10, 40], np.nan) for name, values in drawn.items()}
    steps = dict.fromkeys(drawn, 0.0)
    assert find_steady(table_of(holes), tuple(drawn), steps) == find_steady(
        table_of(drawn), tuple(drawn), steps
    )


def test_medians_are_those_of_the_values_that_are_there():
    values = np.random.default_rng(1).normal(size=(31, 4))
    values[values[:, 1] > 0.3, 1] = np.nan
    values[:, 2] = np.nan
    by_hand = [np.median(column[~np.isnan(column)]) for column in values.T[[0, 1, 3]]]
    found = medians(values)
    assert found[[0, 1, 3]].tolist() == by_hand
    assert np.isnan(found[2])
