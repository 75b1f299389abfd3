"""Propose power laws that hold but approximately: least trimmed squares on logarithms."""

from __future__ import annotations

from itertools import combinations
from typing import Final

import numpy as np

from crackle_stream.detect.conservation.law import Columns, Law, Values, medians
from crackle_stream.detect.conservation.least_spread import least_spread, robust_std

MOST_METRICS: Final = 16
"""More metrics than this are not all searched."""

_ROWS: Final = 128
"""Rows the search looks at; what it proposes is then fitted on all."""

_LEAST_ROWS: Final = 24

_EXPLAINED: Final = 0.5
"""Least share of each term's variance that the others must explain before a fit is tried."""

_TIGHT: Final = {2: 0.01, 3: 0.02, 4: 0.02}
"""Most noise against the spread of the widest term, by number of terms: two metrics that share a
factor, r = .999, come down to .045."""

_NEEDED: Final = 0.1
"""Most noise against what it would be without any one of the terms."""

_DENOMINATORS: Final = (1, 2, 3, 4)

_LARGEST: Final = 6

_SHRUNK: Final = 0.6
"""Most that one more metric may leave of the variance of the least varying combination: metrics
that share a factor leave nearly all of it."""

_CLIP: Final = 3.7
"""Winsorising, in median absolute deviations: 2.5 standard deviations of a normal."""

_SNAP: Final = 0.01
"""How near to a fraction an exponent must be, unless its standard error is larger."""


def propose_power_laws(columns: Columns) -> list[Law]:
    """Propose products of powers that are constant but for noise and outliers.

    Two to four metrics at a time whose logarithms' steps from row to row explain one another
    (variance inflation of winsorised steps), the direction of least spread is found by least
    trimmed squares; its exponents must be small fractions, and its noise small against each term.

    Parameters
    ----------
    columns
        Logarithms.

    Returns
    -------
    list of Law
        With whole exponents and their noise; none of them contains another.
    """
    usable = _usable(columns)
    correlation = _winsorised_correlation(np.diff(columns.values[:, usable], axis=0))
    laws: list[Law] = []
    for terms in _TIGHT:
        for places in _tight(columns, _explaining(correlation, usable, terms)):
            if not any(set(law.places) <= set(places) for law in laws):
                laws.extend(_fit(columns, places))
    return laws


def _usable(columns: Columns) -> list[int]:
    """Give columns that vary over more than a few values."""
    enough = []
    for place in range(len(columns.names)):
        values = columns.values[:, place]
        values = values[~np.isnan(values)]
        if len(values) >= _LEAST_ROWS and robust_std(values) > 0 and len(np.unique(values)) >= 10:
            enough.append(place)
    return enough[:MOST_METRICS]


def _explaining(correlation: Values, usable: list[int], terms: int) -> list[tuple[int, ...]]:
    """Give the subsets of which every member is largely explained by the others."""
    subsets = list(combinations(usable, terms))
    if not subsets:
        return []
    at = np.searchsorted(usable, np.array(subsets))
    matrices = correlation[at[:, :, None], at[:, None, :]] + 1e-9 * np.eye(terms)
    # The diagonal of a correlation matrix's inverse is 1 / (1 - R²) of each against the others.
    inflation = np.diagonal(np.linalg.inv(matrices), axis1=1, axis2=2)
    good = np.flatnonzero(np.all(inflation >= 1 / (1 - _EXPLAINED), axis=1))
    if terms > 2:
        matrices = matrices[good]
        good = good[_least_eigenvalue(matrices) <= _SHRUNK * _without_one(matrices)]
    return [subsets[place] for place in good.tolist()]


def _without_one(matrices: Values) -> Values:
    """Give the least eigenvalue that remains when any one of the metrics is left out."""
    terms = matrices.shape[1]
    others = [np.delete(np.arange(terms), term) for term in range(terms)]
    least = [_least_eigenvalue(matrices[:, o[:, None], o]) for o in others]
    return np.asarray(np.min(least, axis=0))


def _least_eigenvalue(matrices: Values) -> Values:
    return np.asarray(np.linalg.eigvalsh(matrices)[:, 0])


def _winsorised_correlation(steps: Values) -> Values:
    middle = medians(steps)
    scale = medians(np.abs(steps - middle))
    scores = np.clip((steps - middle) / np.where(scale > 0, scale, 1.0), -_CLIP, _CLIP)
    present = (~np.isnan(scores)).astype(float)
    scores = np.nan_to_num(scores)
    covariance = scores.T @ scores / np.maximum(present.T @ present, 1)
    deviation = np.sqrt(np.maximum(np.diagonal(covariance), 1e-12))
    return np.asarray(covariance / np.outer(deviation, deviation))


def _tight(columns: Columns, subsets: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Give the subsets whose noise is small in a look at some of the rows, all in one go."""
    if not subsets:
        return []
    rows = np.linspace(0, len(columns.values) - 1, min(_ROWS, len(columns.values))).astype(int)
    cube = columns.values[rows][:, np.array(subsets)].transpose(1, 0, 2)
    directions, noise, spreads = least_spread(cube)
    widest = np.abs(directions * spreads).max(axis=1)
    near = noise <= 2 * _TIGHT[cube.shape[2]] * widest
    return [subset for subset, chosen in zip(subsets, near, strict=True) if chosen]


def _fit(columns: Columns, places: tuple[int, ...]) -> list[Law]:
    logs = columns.values[:, places]
    logs = logs[~np.isnan(logs).any(axis=1)]
    if len(logs) < _LEAST_ROWS:
        return []
    direction = least_spread(logs[None])[0][0]
    if not (_small_noise(logs, direction) and _every_term_needed(logs, direction)):
        return []
    exponents = _snapped(logs, direction)
    if exponents is None:
        return []
    noise = robust_std(logs @ exponents)
    return [Law(places, tuple(exponents.tolist()), noise=noise)] if noise > 0 else []


def _small_noise(logs: Values, direction: Values) -> bool:
    """Whether noise is small against the widest term, in level and in steps from row to row.

    Two metrics that rise together for reasons of their own agree in level alone.
    """
    # A median absolute deviation has a relative standard error of 1.2 / sqrt(n).
    tight = _TIGHT[logs.shape[1]] / (1 + 2.4 / len(logs) ** 0.5)
    for values, most in ((logs, tight), (np.diff(logs, axis=0), 3 * tight)):
        widest = max(robust_std(column) for column in (values * direction).T)
        if robust_std(values @ direction) > most * widest:
            return False
    return True


def _every_term_needed(logs: Values, direction: Values) -> bool:
    """Whether no term can be left out without much more noise."""
    for values in (logs, np.diff(logs, axis=0)):
        scale = np.array([robust_std(column) for column in values.T])
        if np.any(scale == 0):
            return False
        noise = robust_std(values @ direction) / float(np.linalg.norm(direction * scale))
        for term in range(values.shape[1]):
            fewer = np.delete(values / scale, term, axis=1)
            if fewer.shape[1] > 1 and noise > _NEEDED * least_spread(fewer[None])[1][0]:
                return False
    return True


def _snapped(logs: Values, direction: Values) -> Values | None:
    """Bring exponents to whole numbers (of a common denominator), if they are near enough."""
    pivot = int(np.argmax(np.abs(direction) * np.array([robust_std(c) for c in logs.T])))
    ratios = direction / direction[pivot]
    near = np.maximum(_SNAP, 3 * _standard_errors(logs, ratios, pivot))
    for denominator in _DENOMINATORS:
        whole = np.rint(ratios * denominator)
        snaps = np.all(np.abs(ratios - whole / denominator) <= near)
        if snaps and np.all(whole != 0) and np.abs(whole).max() <= _LARGEST:
            return np.asarray(whole * np.sign(whole[0]))
    return None


def _standard_errors(logs: Values, ratios: Values, pivot: int) -> Values:
    others = np.delete(logs - logs.mean(axis=0), pivot, axis=1)
    variance = np.diagonal(np.linalg.inv(others.T @ others))
    return np.insert(np.sqrt(variance) * robust_std(logs @ ratios), pivot, 0.0)
