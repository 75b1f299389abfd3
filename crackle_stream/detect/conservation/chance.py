"""How likely rows agree with an equation by chance: bounds that need no distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special


def concentration(values: NDArray[np.float64], width: float) -> float:
    """Bound the chance that a value falls into any one interval of a width (Lévy's function).

    Whatever is independent of a quantity can hit it within the width at most this often,
    however well it is chosen. Estimated by the fullest interval, with one value added to it.

    Examples
    --------
    >>> concentration(np.array([0.0, 0.0, 1.0]), 0.0)
    0.75
    """
    ordered = np.sort(values)
    reach = np.searchsorted(ordered, ordered + width, side="right")
    fullest = int((reach - np.arange(len(ordered))).max(initial=0))
    return (fullest + 1) / (len(ordered) + 1)


def log_tail(agree: int, n: int, chance: float) -> float:
    """Bound log P(at least `agree` of `n` rows agree) for a chance a row (Chernoff, Hoeffding).

    Source: Hoeffding 1963, Probability inequalities for sums of bounded random variables, (2.1).

    Examples
    --------
    >>> round(log_tail(10, 10, 0.5) / float(np.log(0.5)), 6)
    10.0
    """
    if n <= 0 or chance >= 1 or agree <= n * chance:
        return 0.0
    share = agree / n
    divergence = special.rel_entr(share, chance) + special.rel_entr(1 - share, 1 - chance)
    return float(-n * divergence)


def log_choices(columns: int, terms: int, factors: float) -> float:
    """Give the log of how many sums of so many terms there are, up to a common factor."""
    ways = (
        special.gammaln(columns + 1)
        - special.gammaln(terms + 1)
        - special.gammaln(columns - terms + 1)
    )
    return float(ways + (terms - 1) * np.log(factors))
