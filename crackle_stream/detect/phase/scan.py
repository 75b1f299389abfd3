"""What a p-value is worth when it is the smallest of all places that were tried."""

from __future__ import annotations

import numpy as np
from scipy import special


def best_place_p_value(p_value: float, freedom: int, n: int, least: int) -> float:
    """P-value of the best of all splits of `n` values into two pieces of `least` or more.

    Neighbouring splits share nearly all of their evidence: the statistic is that of a normalised
    Brownian bridge, whose largest square of `freedom` dimensions exceeds b with the probability
    of one split, times ``(b - freedom) log((n - least) / least) + 2``. That is far fewer than the
    n of Bonferroni, which it never passes; it is still an upper bound for finite n.

    Notes
    -----
    James, James and Siegmund, 1987, Tests for a change-point, Biometrika 74; in several dimensions
    Csörgő and Horváth, 1997, Limit theorems in change-point analysis, section 1.3.
    """
    square = float(special.chdtri(freedom, max(p_value, 1e-300)))
    places = (square - freedom) * float(np.log((n - least) / least)) + 2
    return min(1.0, p_value * min(max(places, 2.0), n))


def best_pieces_p_value(p_value: float, n: int) -> float:
    """P-value of one change of several, the ends of whose pieces were searched for, too."""
    return min(1.0, p_value * n * float(np.log2(n)))
