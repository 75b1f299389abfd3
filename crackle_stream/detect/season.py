"""Take out the sinusoids that stand out of a spectrum."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft, special

from crackle_stream.detect.ranks import median_size

SEASON_ROWS: Final = 24
"""Fewer rows have too few frequencies to tell a season from the spectrum around it."""

LEVEL: Final = 0.001
"""Level of the test for one more sinusoid. Missing one costs false relations, seeing one too
many costs two degrees of freedom."""

Values = NDArray[np.float64]

_MOST: Final = 16  # a sharp daily shape has many harmonics
_CLIP: Final = 4.0
_NORMAL_MAD: Final = 1.4826
_EULER: Final = 0.5772156649015329  # the mean logarithm of an exponential variable is minus this
_FINER: Final = 2  # between two bins of the discrete transform a sinusoid loses half of its power
_LEAST_FITTED: Final = 8
_ALIKE: Final = 1e-6  # share of sine and cosine that differs between the values of a column
_SLOW_STEP: Final = 0.125  # cycles: next to it, a wave loses a fortieth of its power at most
_LEAST_HEIGHT: Final = 3.0  # many metrics together show where the smooth spectrum does not fit


def remove_season(values: Values) -> Values:
    """Subtract the sinusoids whose periodogram ordinate stands out of a smooth spectrum.

    One after the other, the largest ordinate against the spectrum around it is tested, its
    frequency refined, and sine and cosine subtracted, until none is significant: first of all
    metrics together, then of each by itself. All of it looks at values clipped at 4 robust
    standard deviations.

    The null is a spectrum of the fractional exponential form, ``log f(w) = c0 + c1 cos w +
    c2 cos 2w - 2 d log(2 sin(w/2))``, which holds white noise, autoregressions and random
    walks. Ordinates over it are exponential; the mean of several metrics' is a gamma variable with
    as many degrees of freedom as metrics, fewer where they are correlated.

    Parameters
    ----------
    values
        Shape (rows, metrics), consecutive rows, each metric around 0; NaN is absent.

    References
    ----------
    R. A. Fisher, Tests of significance in harmonic analysis, 1929. J. Beran, Fitting
    long-memory models by generalized linear regression, Biometrika, 1993.
    """
    if len(values) < SEASON_ROWS:
        return values
    present = ~np.isnan(values)
    tamed, scale = _tamed(values)
    left = tamed.copy()
    everything = np.arange(values.shape[1])
    if len(everything) > 1:
        _remove_waves(left, present, [everything], _degrees_of_freedom(left))
    _remove_waves(left, present, [everything[[column]] for column in everything], 1.0)
    # The waves of both passes, also where a value was clipped.
    return values - (tamed - left) * scale


def slow_wave(values: Values, least: float, most: float) -> Values:
    """Fit the one sinusoid of so many cycles, beside a line, that leaves the least squares.

    A spectrum cannot tell a wave that is seen two or three times from a series that wanders;
    whoever asks for it must compare it with what else could be there.

    Parameters
    ----------
    values
        Shape (rows,), none absent.
    least, most
        Cycles in the window: from, and below.

    Returns
    -------
    ndarray
        The sinusoid by itself, shape (rows,).
    """
    cycles, *waves = _slow_waves(len(values), least, most)
    gains, weights = zip(*(_projected(values, wave) for wave in waves), strict=True)
    best = int(np.argmax(gains[0] + gains[1]))
    angle = 2 * np.pi * cycles[best] * _centred_time(len(values))
    found: Values = weights[0][best] * np.cos(angle) + weights[1][best] * np.sin(angle)
    return found


@lru_cache(maxsize=2)
def _slow_waves(n: int, least: float, most: float) -> tuple[Values, Values, Values]:
    """Give cycles, and of each the cosine and the sine beside a line; not to be changed."""
    time, cycles = _centred_time(n), np.arange(least, most, _SLOW_STEP)
    angle = 2 * np.pi * cycles[:, None] * time
    even, odd = np.cos(angle), np.sin(angle)
    # Around the middle, constant and cosine are even, line and sine odd: two small problems.
    even -= even.mean(axis=1, keepdims=True)
    odd -= np.einsum("ft,t->f", odd, time)[:, None] / np.sum(time * time) * time
    return cycles, even, odd


def _centred_time(n: int) -> Values:
    time: Values = (np.arange(n) - (n - 1) / 2) / n
    return time


def _projected(values: Values, waves: Values) -> tuple[Values, Values]:
    """By how much each wave lowers the squared error, and its weight."""
    product, size = np.einsum("ft,t->f", waves, values), np.einsum("ft,ft->f", waves, waves)
    return product**2 / size, product / size


def _tamed(values: Values) -> tuple[Values, Values]:
    """Give values clipped and scaled to variance 1, absent ones 0; and their scale."""
    typical = median_size(values)
    limit = np.where(typical > 0, _CLIP * _NORMAL_MAD * typical, np.inf)
    clipped = np.clip(np.nan_to_num(values), -limit, limit)
    count = (~np.isnan(values)).sum(axis=0)
    scale = np.sqrt((clipped**2).sum(axis=0) / np.maximum(count, 1))
    scale = np.where(scale > 0, scale, 1.0)
    return clipped / scale, scale


def _degrees_of_freedom(values: Values) -> float:
    """Give how many independent metrics have a mean ordinate that varies as these metrics' does."""
    products = np.einsum("ti,tj->ij", values, values) / len(values)
    return float(values.shape[1] ** 2 / np.maximum((products**2).sum(), values.shape[1]))


def _remove_waves(
    left: Values, present: NDArray[np.bool_], groups: list[NDArray[np.intp]], freedom: float
) -> None:
    """Subtract waves in place from each group of columns until none is significant."""
    basis = _spectral_basis(len(left))
    for _ in range(_MOST):
        if not groups:
            return
        heights = _heights(left[:, np.concatenate(groups)], basis)
        heights = heights.reshape(len(heights), len(groups), -1).mean(axis=2)
        top = np.argmax(heights, axis=0)
        height = np.take_along_axis(heights, top[None, :], 0)[0]
        beyond = special.gammaincc(freedom, freedom * height)
        p_values = -np.expm1(len(heights) * np.log1p(-np.minimum(beyond, 0.5)))
        seasonal = np.flatnonzero((p_values < LEVEL) & (height > _LEAST_HEIGHT)).tolist()
        for group in seasonal:
            columns = groups[group]
            cycles = 2 + float(top[group]) / _FINER
            left[:, columns] -= _wave(left[:, columns], present[:, columns], cycles)
        groups = [groups[group] for group in seasonal]


@lru_cache(maxsize=16)
def _spectral_basis(rows: int) -> Values:
    """Give regressors of the log spectrum from two cycles to nearly the Nyquist frequency.

    They are kept: not to be changed.
    """
    cycles = np.arange(2 * _FINER, (rows // 2) * _FINER) / _FINER
    angle = 2 * np.pi * cycles / rows
    return np.stack(
        [np.ones_like(angle), np.cos(angle), np.cos(2 * angle), np.log(2 * np.sin(angle / 2))]
    )


def _heights(values: Values, basis: Values) -> Values:
    """Give periodogram ordinates over the smooth spectrum, by frequency and metric."""
    first = 2 * _FINER
    waves = fft.rfft(values, _FINER * len(values), axis=0)[first : first + basis.shape[1]]
    logs = np.log(np.maximum(np.abs(waves) ** 2, np.finfo(np.float64).tiny))
    floor = _fitted(logs, basis)
    # The peaks themselves lift the fit: once more, with what stands out lowered to it.
    floor = _fitted(np.minimum(logs, floor + _EULER + 1.0), basis)
    heights: Values = np.exp(np.minimum(logs - floor - _EULER, 500.0))
    return heights


def _fitted(logs: Values, basis: Values) -> Values:
    # Sums of products in a fixed order: matrix products may depend on the number of threads.
    moments = np.einsum("ik,jk->ij", basis, basis)
    weights = np.linalg.solve(moments, np.einsum("ik,km->im", basis, logs))
    fitted: Values = np.einsum("ik,im->km", basis, weights)
    return fitted


def _wave(values: Values, present: NDArray[np.bool_], cycles: float) -> Values:
    """Fit one sinusoid of about so many cycles to each column; its frequency is shared."""
    angles = 2 * np.pi * np.arange(len(values)) / len(values)
    near = cycles + np.linspace(-0.4, 0.4, 17)
    power = np.abs(np.einsum("tm,tc->cm", values, np.exp(1j * angles[:, None] * near))) ** 2
    angle = (angles * near[int(np.argmax(power.sum(axis=1)))])[:, None]
    sine, cosine = np.sin(angle) * present, np.cos(angle) * present
    a, b, c = (sine**2).sum(axis=0), (sine * cosine).sum(axis=0), (cosine**2).sum(axis=0)
    u, v = (values * sine).sum(axis=0), (values * cosine).sum(axis=0)
    # No wave goes through a few values but by chance, or if they stand alike in it.
    fitted = (present.sum(axis=0) >= _LEAST_FITTED) & (a * c - b * b > _ALIKE * a * c)
    determinant = np.where(fitted, a * c - b * b, np.inf)
    wave: Values = ((c * u - b * v) * sine + (a * v - b * u) * cosine) / determinant
    return wave
