"""Propose conversions: two metrics of which one is a multiple of the other, from another zero."""

from __future__ import annotations

from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crackle_stream.detect.conservation.law import Columns, Law, Values, slack_of
from crackle_stream.detect.conservation.probe import Probe, draw_probes
from crackle_stream.detect.resolution import tidy

_MOVED: Final = 3
"""Probe rows in which both metrics must have moved: two values fit any line."""

_PROBES: Final = 3
"""Of the whole window and of its halves."""

_MOST: Final = 32
"""Most pairs a probe brings up."""

_LEAST: Final = 4
"""Values that must differ."""

_ALIKE: Final = 0.1
"""Largest logarithm of the slope between two metrics on one grid that may be but alike: what
moves both alike shows in them with the same rounding."""

_SURE: Final = 3.0
"""Standard errors of a slope within which it is said in as few digits as can be."""


def propose_conversions(columns: Columns) -> list[Law]:
    """Propose lines ``y = a x + b`` that two metrics lie on to their own rounding.

    Pairs whose moves are parallel in a few rows are fitted by least squares to the rows that keep
    the line through two of these; the slope is said in the fewest digits its standard error
    allows, either way round.

    Returns
    -------
    list of Law
        Within rounding; each pair once.
    """
    found: dict[tuple[int, int], Law] = {}
    for probe in islice(draw_probes(columns), _PROBES):
        for pair, row in _parallel(columns, probe):
            if pair not in found and (law := _fitted(columns, pair, row, probe.reference)):
                found[pair] = law
    return list(found.values())


def _parallel(columns: Columns, probe: Probe) -> list[tuple[tuple[int, int], int]]:
    """Give pairs that move in proportion, and the row in which the first moves the furthest."""
    m = len(columns.names) // 2
    rows = np.append(probe.rows, probe.reference)
    terms, places = columns.values[rows, :m], np.arange(m)
    slack = slack_of(columns, places, terms, rounded=True)
    away, slack = terms[:-1] - terms[-1], slack[:-1] + slack[-1]
    size = np.abs(away)
    able = np.flatnonzero((size > slack).sum(axis=0) >= _MOVED)
    away, slack, size = away[:, able], slack[:, able], size[:, able]
    parallel = np.triu(np.ones((len(able), len(able)), bool), 1)
    for one, other in ((0, 1), (1, 2), (2, 3), (3, 0)):
        reach = np.outer(slack[one], size[other]) + np.outer(size[one], slack[other])
        cross = np.outer(away[one], away[other])
        parallel &= np.abs(cross - cross.T) <= reach + reach.T
    first, second = (able[at][:_MOST] for at in np.nonzero(parallel))
    furthest = probe.rows[size.argmax(axis=0)] if len(able) else probe.rows
    at = np.searchsorted(able, first)
    return list(zip(zip(first.tolist(), second.tolist(), strict=True), furthest[at], strict=True))


def _fitted(columns: Columns, pair: tuple[int, int], row: int, reference: int) -> Law | None:
    terms = columns.values[:, pair]
    terms = terms[~np.isnan(terms).any(axis=1)]
    if min(len(np.unique(column)) for column in terms.T) < _LEAST:
        return None
    slack = slack_of(columns, pair, terms, rounded=True)
    move = columns.values[row, pair] - columns.values[reference, pair]
    slope = float(move[1] / move[0])
    loose = float(slack.max(axis=0) @ [abs(slope), 1.0]) / abs(move[0]) * np.ptp(terms[:, 0])
    for spare in (loose, 0.0):
        near = _near(terms, slack, slope, spare)
        if near.sum() < _LEAST or np.ptp(terms[near, 0]) == 0:
            return None
        slope, error = _least_squares(terms[near])
    if abs(slope) <= _SURE * error:
        return None
    weights = _said(slope, _SURE * error)
    one_grid = columns.half[pair[0]] == columns.half[pair[1]] > 0
    unlike = abs(float(np.log(abs(weights[1] / weights[0]))))
    return None if unlike <= _ALIKE * one_grid else Law(pair, weights, rounded=True)


def _near(terms: Values, slack: Values, slope: float, spare: float) -> NDArray[np.bool_]:
    away = terms[:, 1] - slope * terms[:, 0]
    reach = slack @ [abs(slope), 1.0] + spare
    return np.asarray(np.abs(away - np.median(away)) <= reach)


def _least_squares(terms: Values) -> tuple[float, float]:
    """Give the slope and its standard error."""
    x, y = (terms - terms.mean(axis=0)).T
    slope = float(x @ y / (x @ x))
    error = float(np.sqrt(np.mean((y - slope * x) ** 2) / (x @ x)))
    return slope, error + 1e-14 * abs(slope)


def _said(slope: float, error: float) -> tuple[float, float]:
    """Give whichever of the slope and its inverse has fewer digits, as weights of the two."""
    sign = 1.0 if slope > 0 else -1.0
    there = tidy(abs(slope) - error, abs(slope) + error)
    back = tidy(1 / (abs(slope) + error), 1 / (abs(slope) - error))
    return (there, -sign) if len(f"{there:.15g}") <= len(f"{back:.15g}") else (1.0, -sign * back)
