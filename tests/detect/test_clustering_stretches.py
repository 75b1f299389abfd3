"""The likeliest order of groups in time, against every order there is."""

from itertools import product

import numpy as np
import pytest

from crackle_stream.detect.clustering.stretches import find_borders, likely_order


def price_of(order, labels, price):
    return np.sum(np.array(order) != labels) + price * np.count_nonzero(np.diff(order))


@pytest.mark.parametrize("price", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("seed", range(6))
def test_no_other_order_of_groups_is_cheaper(seed, price):
    labels = np.random.default_rng(seed).integers(3, size=8)
    found = price_of(likely_order(labels, price), labels, price)
    assert found == min(price_of(order, labels, price) for order in product(range(3), repeat=8))


def test_a_few_tasks_out_of_place_hide_no_border():
    labels = np.repeat([0, 1, 0], [40, 30, 50])
    labels[[7, 20, 55, 100]] = [1, 1, 0, 1]
    assert find_borders(labels, 6).tolist() == [40, 70]


def test_a_tenth_of_the_tasks_out_of_place_and_more_are_no_stretches():
    labels = np.repeat([0, 1], 100)
    labels[::8] = 1 - labels[::8]
    assert find_borders(labels, 10) is None


def test_one_group_has_no_borders():
    assert find_borders(np.zeros(30, np.int64), 5).tolist() == []
