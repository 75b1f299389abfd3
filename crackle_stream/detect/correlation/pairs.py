"""Evidence that two metrics move together, for all pairs at once."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.detect.correlation.prewhiten import prewhiten
from crackle_stream.detect.correlation.rank_correlation import MOST_LAG, lag_profile, lag_reach
from crackle_stream.detect.correlation.volatility import steady_spread
from crackle_stream.detect.correlation.xi import XiMatrix, shifted_z, xi_matrix, xi_p
from crackle_stream.detect.ranks import rank_scores
from crackle_stream.detect.residual import runs_of
from crackle_stream.table import Table

Values = NDArray[np.float64]
Places = NDArray[np.intp]

DIRECT, LAGGED, NONLINEAR = 0.5, 0.25, 0.25
"""Shares of a pair's level: by Bonferroni, each form's p-value is divided by its share."""

_CONFIRMED: Final = 0.05  # p-values of xi up to this are worth the shifts


class PairTests(Struct, frozen=True):
    """Evidence for each pair of metrics: columns of equal length, one entry a pair.

    All p-values are corrected for everything that was looked at within the pair.

    Parameters
    ----------
    first, second
        Columns of the pair.
    p_value
        The least of the three that follow.
    direct_p
        Of Spearman's coefficient at lag 0.
    lag, lagged_p
        The lag but 0 with the largest coefficient, positive where the first leads.
    xi, curved_p
        The larger xi of the two directions, and its p-value.
    """

    first: Places
    second: Places
    p_value: Values
    direct_p: Values
    lag: Places
    lagged_p: Values
    xi: Values
    curved_p: Values


def judge_pairs(values: Values) -> PairTests:
    """Test every pair of columns for direct, lagged and nonlinear relation.

    Null: the two series are independent. Each is prewhitened by an autoregression and
    ranked, so that memory and marginal distribution drop out; what either leaves (a remaining
    trend, season or step, volatility they have in common) is common to neighbouring shifts of one
    against the other, and each statistic is taken against its own values there (`lag_profile`,
    `shifted_z`).

    Parameters
    ----------
    values
        Shape (rows, metrics), residuals in order; NaN is absent.
    """
    scores = rank_scores(steady_spread(prewhiten(values)))
    first, second = np.triu_indices(values.shape[1], 1)
    lags = lag_profile(scores, first, second)
    matrix = xi_matrix(scores)
    forward = matrix.z[first, second] >= matrix.z[second, first]
    x, y = np.where(forward, first, second), np.where(forward, second, first)
    z = _confirmed(scores, matrix, x, y)
    direct_p = np.minimum(1.0, lags.direct_p / DIRECT)
    lagged_p = np.minimum(1.0, lags.lagged_p / LAGGED)
    curved_p = np.minimum(1.0, xi_p(z) / NONLINEAR)
    least = np.minimum(np.minimum(direct_p, lagged_p), curved_p)
    return PairTests(first, second, least, direct_p, lags.lag, lagged_p, matrix.xi[x, y], curved_p)


def _confirmed(scores: Values, matrix: XiMatrix, x: Places, y: Places) -> Values:
    z = matrix.z[x, y].copy()
    for pair in np.flatnonzero(xi_p(z) <= _CONFIRMED * NONLINEAR).tolist():
        z[pair] = shifted_z(scores[:, x[pair]], scores[:, y[pair]], lag_reach(len(scores)))
    return z


def separate_runs(table: Table) -> Table:
    """Put rows without any metric between runs of consecutive rows, so that no lag crosses."""
    runs = list(runs_of(table.rows))
    if len(runs) == 1:
        return table
    gap = np.full(MOST_LAG, -1)
    every = np.arange(len(table))
    places = np.concatenate([part for run in runs for part in (every[run], gap)])
    values = np.where((places < 0)[:, None], np.nan, table.values[places])
    return Table(
        table.names, table.rows[places], table.positions[places], table.times[places], values
    )
