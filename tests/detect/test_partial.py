"""What a third metric leaves of a correlation, against regressions done one by one."""

import numpy as np
import pytest

from crackle_stream.detect.correlation.partial import is_explained, least_partial
from crackle_stream.detect.ranks import rank_scores


def by_regression(values, i, j, third):
    """Correlate what least squares leave of i and of j."""
    line = np.column_stack([np.ones(len(values)), values[:, third]])
    left = [values[:, k] - line @ np.linalg.lstsq(line, values[:, k])[0] for k in (i, j)]
    return np.corrcoef(*left)[0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_the_least_partial_correlation_is_that_of_the_best_regression(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(60, 5)) + 1.5 * rng.normal(size=(60, 1))
    matrix = np.corrcoef(values.T)
    for i in range(5):
        for j in range(i):
            closer = [
                k
                for k in set(range(5)) - {i, j}
                if min(abs(matrix[k, i]), abs(matrix[k, j])) > abs(matrix[i, j])
            ]
            found = least_partial(matrix, i, j)
            assert (found is None) == (not closer)
            if found is not None:
                left = {k: by_regression(values, i, j, k) for k in closer}
                assert found[0] == min(left, key=lambda k: abs(left[k]))
                assert found[1] == pytest.approx(left[found[0]])


def test_a_duplicate_explains_nothing():
    x = np.random.default_rng(0).normal(size=50)
    matrix = np.corrcoef([x, x, x + np.random.default_rng(1).normal(size=50)])
    assert least_partial(matrix, 0, 2) is None


def chain(rng, n, memory):
    x = rng.normal(size=(n, 3))
    for t in range(1, n):
        x[t] += memory * x[t - 1]
    x[:, 1] = 0.9 * x[:, 0] + 0.44 * x[:, 1]
    x[:, 2] = 0.9 * x[:, 1] + 0.44 * x[:, 2]
    return rank_scores(x)


@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_the_ends_of_a_chain_are_explained_about_as_often_as_the_level_says(memory):
    # At a level of .01, one of 40 may well miss; without regard to memory 20 of 40 would.
    found = [
        is_explained(chain(np.random.default_rng([3, turn]), 400, memory), 0, 2, 1)
        for turn in range(40)
    ]
    assert sum(found) >= 38


def test_the_middle_of_a_chain_is_not_explained_by_an_end():
    scores = chain(np.random.default_rng(4), 200, 0.0)
    assert not is_explained(scores, 0, 1, 2)
    assert not is_explained(scores, 1, 2, 0)


def test_rows_without_one_of_the_three_are_left_out_and_too_few_explain_nothing():
    scores = chain(np.random.default_rng(5), 200, 0.0)
    scores[::3, 1] = np.nan
    assert is_explained(scores, 0, 2, 1) == is_explained(scores[np.arange(200) % 3 > 0], 0, 2, 1)
    assert not is_explained(scores[:4], 0, 2, 1)
