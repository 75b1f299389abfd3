"""Changes of level and of slope: found by segmentation, kept where the evidence holds.

Null of each change: without it, the series is the rest of the segmentation plus first-order
autoregressive noise of any strength and any marginal distribution. Two p-values are computed and
the larger one counts: an F test of the innovations, for which the null's own, larger correlation
is fitted under the null (so that wandering is no evidence of steps), and the tail of the fitted
contrast over draws from the null's residuals (so that skewed or mostly tied values are none
either). Each is corrected for the places searched (`scan`).

One by one that is not enough where several changes imitate a random walk, each of which holds
against the others: all of them together must also hold against a walk (`walk_test`), and against
one whose slope wanders, too, which passes for bends. And between its neighbours each must explain
more, at its price, than a walk would; else it only describes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy import fft, special

from crackle_stream.detect.phase.hidden_season import OFTEN, hidden_season
from crackle_stream.detect.phase.longrun import Products, robust_std, step_scale, tame_outliers
from crackle_stream.detect.phase.saddlepoint import sum_tail
from crackle_stream.detect.phase.scan import best_pieces_p_value, best_place_p_value
from crackle_stream.detect.phase.segmentation import (
    Prices,
    Segmentation,
    Sums,
    propose_splits,
)
from crackle_stream.detect.phase.walk import (
    ALL_WALKS,
    SLOPE_WALKS,
    SLOW_WALKS,
    WALKS,
    Decays,
    walk_innovation,
    walk_test,
)
from crackle_stream.detect.season import remove_season
from crackle_stream.stats.quantiles import median

Floats = NDArray[np.float64]

LEAST: Final = 5
"""Fewest values of a piece."""
CHANGE_PRICE: Final = 3.0
SLOPE_PRICE: Final = 1.0
FIRST_SLOPE_PRICE: Final = 1.0
"""Penalties in units of log n (times the noise variance) of a change, of a sloped piece, and on
top of that of having slopes at all, without which a single step would pass for a line."""
SLOPE_WALK_PRICE: Final = 3.0
"""Penalty of a walk whose slope wanders: its first slope and its two decays."""
KEPT_AT: Final = 0.01
"""A change whose corrected p-value is above this is taken back."""
SPLITS: Final = 64
STEPS: Final = 8
"""Steps of the ladder that are taken together: few series need more."""
OUTLIER: Final = 3.0
"""Deviation from the running median, in step noise, at which single outliers are clipped."""
SCORE_LIMIT: Final = 4.0
"""Robust standard deviations at which residuals are clipped before their tail is computed."""
SEASON_PRICE: Final = 3.0
"""Penalty of such a season in units of log n: its height, its phase and its length."""


class Changes(Struct, frozen=True):
    """The segmentation of one series.

    Parameters
    ----------
    pieces
        The segmentation that was kept.
    p_values
        Of each change, corrected for the search; 1 where a walk explains the stretch as well, so
        that the change only describes it.
    tamed
        The values in units of their step noise, single outliers clipped.
    residual
        Values less the fit, in the same unit, outliers as they are.
    rho
        Correlation of neighbouring residuals.
    scale, centre
        That unit, and the value that is zero, in the unit of the metric.
    """

    pieces: Segmentation
    p_values: tuple[float, ...]
    tamed: Floats
    residual: Floats
    rho: float
    scale: float
    centre: float


def find_changes(values: Floats) -> Changes:
    """Segment a series into flat and sloped pieces and keep the changes that hold."""
    scale = step_scale(values)
    scale = scale if scale > 0 else 1.0
    centre = median(values)
    scaled = (values - centre) / scale
    # A slope through zeros and a few others would tear ties apart, and fit three ones in a row.
    bends = median(np.abs(scaled)) > 0
    scaled, tamed, pieces = _with_or_without_season(scaled, bends)
    pieces, p_values = _keep_significant(scaled, tamed, pieces)
    fitted = pieces.fit(tamed)
    rho = Products.of(tamed - fitted).rho
    return Changes(pieces, p_values, tamed, scaled - fitted, rho, scale, centre)


def _with_or_without_season(scaled: Floats, bends: bool) -> tuple[Floats, Floats, Segmentation]:
    """Take out a season that is seen often enough, or explains more than changes do."""
    n, left = len(scaled), remove_season(scaled[:, None])[:, 0]
    cycles = _cycles(scaled - left)
    if cycles >= OFTEN:
        # A piece shorter than a cycle could be what an uneven season left behind.
        return left, *_segment(left, max(LEAST, n // cycles), bends)[:2]
    tamed, pieces, score = _segment(scaled, LEAST, bends)
    if pieces.changes:
        least = max(LEAST, n // (2 * max(cycles, 1)))
        if not cycles:
            left, least = scaled - hidden_season(scaled), LEAST
        other, fewer, other_score = _segment(left, least, bends)
        if other_score + SEASON_PRICE * np.log(n) < score:
            return left, other, fewer
    return scaled, tamed, pieces


def _cycles(season: Floats) -> int:
    return int(np.argmax(np.abs(fft.rfft(season)) ** 2))


def _segment(scaled: Floats, least: int, bends: bool) -> tuple[Floats, Segmentation, float]:
    """Clip outliers; along a ladder of penalties, choose what has the best AR(1) likelihood.

    The ladder's steps stand for noise of rising long-run variance. Its end has no change; a
    random walk is there best described by a correlation near one.
    """
    values = tame_outliers(scaled, OUTLIER)
    n, sums = len(values), Sums(values)
    unit = np.log(n) * float(np.mean(np.diff(values) ** 2)) / 2
    splits = propose_splits((sums.flat, sums.line), n, least=least, most=SPLITS, floor=unit)
    prices = Prices(splits, n, sums.flat, sums.line if bends else None, least)
    best, lowest, tried = Segmentation((0, n), (False,)), np.inf, set()
    for flat, pieces in _ladder(prices, unit):
        for choice in (flat, pieces):
            if choice not in tried and (score := _criterion(values, choice)) < lowest:
                best, lowest = choice, score
            tried.add(choice)
        if not (flat.changes or pieces.changes):
            break
    return values, best, lowest


def _ladder(prices: Prices, unit: float) -> Iterator[tuple[Segmentation, Segmentation]]:
    """Give the best flat pieces, and the best with slopes, at penalties that double."""
    factors = 2.0 ** np.arange(STEPS)
    while True:
        slopes = np.outer(factors, (np.inf, SLOPE_PRICE * unit)).ravel()
        found = prices.segment(np.repeat(CHANGE_PRICE * unit * factors, 2), slopes)
        yield from zip(found, found, strict=True)
        factors *= 2.0**STEPS


def _criterion(values: Floats, pieces: Segmentation) -> float:
    n = len(values)
    error = Products.of(values - pieces.fit(values)).innovation
    slopes = sum(pieces.sloped)
    price = CHANGE_PRICE * len(pieces.changes) + SLOPE_PRICE * slopes
    price += FIRST_SLOPE_PRICE * (slopes > 0)
    return float(n * np.log(max(error, 1e-9 * n) / n) + np.log(n) * price)


def _keep_significant(
    scaled: Floats, tamed: Floats, pieces: Segmentation
) -> tuple[Segmentation, tuple[float, ...]]:
    """Take back the least significant change until all that are left hold, each and together."""
    while pieces.changes:
        fitted = pieces.fit(tamed)
        trials = [_Trial(tamed, pieces, fitted, change) for change in range(len(pieces.changes))]
        p_values = [trial.f_test() for trial in trials]
        if max(p_values) <= KEPT_AT:
            p_values = [
                max(p, trial.score_test(scaled)) for p, trial in zip(p_values, trials, strict=True)
            ]
        if max(p_values) <= KEPT_AT:
            together = _against_walk(tamed, pieces, WALKS)
            sharp = [trial.beats_walk() for trial in trials]
            if together <= KEPT_AT and any(sharp) and _beats_other_walks(tamed, pieces):
                return pieces, tuple(
                    max(p, together) if ok else 1.0 for p, ok in zip(p_values, sharp, strict=True)
                )
        pieces = pieces.without(int(np.argmax(p_values)))
    return pieces, ()


def _against_walk(tamed: Floats, pieces: Segmentation, walks: tuple[Decays, ...]) -> float:
    full = Products.of(tamed - pieces.fit(tamed)).innovation
    return walk_test(walk_innovation(tamed, walks), full, len(tamed), pieces.parameters)


def _beats_other_walks(tamed: Floats, pieces: Segmentation) -> bool:
    """Whether several changes hold against a walk in much noise, and all against a slope's walk.

    One change could hardly be told from a walk in much noise. What wanders in its slope passes for
    bends, each of which holds against the others; both are compared at their prices.
    """
    if len(pieces.changes) > 1 and _against_walk(tamed, pieces, ALL_WALKS) > KEPT_AT:
        return False
    n = len(tamed)
    full = max(Products.of(tamed - pieces.fit(tamed)).innovation, 1e-9 * n)
    price = CHANGE_PRICE * len(pieces.changes) + SLOPE_PRICE * sum(pieces.sloped) - SLOPE_WALK_PRICE
    return bool(n * np.log(walk_innovation(tamed, SLOPE_WALKS) / full) > price * np.log(n))


class _Trial:
    """One change, held against its absence."""

    def __init__(self, values: Floats, pieces: Segmentation, fitted: Floats, change: int) -> None:
        self._values, self._pieces, self._null = values, pieces, pieces.without(change)
        self._fitted, self._change = fitted, change
        self._start, self._stop = pieces.bounds[change], pieces.bounds[change + 2]

    def f_test(self) -> float:
        """P-value from the innovations of both models, each with its own correlation."""
        values = self._values
        full = Products.of(values - self._fitted).innovation
        null = Products.of(values - self._null.fit(values)).innovation
        extra = self._pieces.parameters - self._null.parameters
        left = max(len(values) - self._pieces.parameters - 1, 1)
        ratio = max(null / max(full, 1e-9 * len(values)) - 1, 0.0) * left / extra
        return self._searched(float(special.fdtrc(extra, left, ratio)))

    def score_test(self, scaled: Floats) -> float:
        """P-value of the fitted contrast over draws from the residuals of the null."""
        null = self._null.fit(self._values)
        residual = scaled - null
        # One step noise at least: around a fit through zeros the median deviation is next to none.
        limit = SCORE_LIMIT * max(robust_std(residual), 1.0)
        clipped = np.clip(residual, -limit, limit)
        here = slice(self._start, self._stop)
        contrast = self._fitted[here] - null[here]
        tail = sum_tail(contrast, clipped, float(np.sum(contrast * clipped[here])))
        return self._searched(2 * tail)

    def beats_walk(self) -> bool:
        """Whether two pieces explain this stretch better than a walk does, at the same prices."""
        values, n = self._values[self._start : self._stop], self._stop - self._start
        fitted = self._fitted[self._start : self._stop]
        full = max(Products.of(values - fitted).innovation, 1e-9 * n)
        sloped = sum(self._pieces.sloped[self._change : self._change + 2])
        price = np.log(n) * (CHANGE_PRICE + SLOPE_PRICE * sloped)
        return bool(n * np.log(walk_innovation(values, SLOW_WALKS) / full) > price)

    def _searched(self, p_value: float) -> float:
        n, extra = len(self._values), self._pieces.parameters - self._null.parameters
        if len(self._pieces.changes) > 1:
            return best_pieces_p_value(p_value, n)
        return best_place_p_value(p_value, extra, n, LEAST)
