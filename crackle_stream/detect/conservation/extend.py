"""Complete a law by the rare term that explains where it fails."""

from __future__ import annotations

from typing import Final

import numpy as np

from crackle_stream.detect.conservation.law import Columns, Law, keep, medians, slack_of
from crackle_stream.detect.conservation.validity import find_validity

_EXPLAINED: Final = 0.3
"""Least share of the failures that one more term must explain; others may explain the rest."""

_FEWEST: Final = 4
"""Fewer failures than this are single exceptions that no term is sought for."""

_TERMS: Final = 12

FACTORS: Final = (1.0, -1.0, 2.0, -2.0)


def extensions(columns: Columns, law: Law) -> list[Law]:
    """Add the column, one after the other, that accounts for most failures of a law.

    `rows_in = rows_out` holds where no row was bad; its failures are met by `rows_bad`. Columns
    that are constant while the law holds, and differ where it fails by what is missing, are found
    directly, without a search for sums of more terms.

    Returns
    -------
    list of Law
        The longest first, the law itself last.
    """
    found: list[Law] = []
    longer: Law | None = law
    while longer is not None:
        found.insert(0, longer)
        longer = _one_more(columns, longer) if len(longer.places) < _TERMS else None
    return found


def _one_more(columns: Columns, law: Law) -> Law | None:
    kept = keep(columns, law)
    validity = find_validity(kept.holds, 1.0)
    if validity is None or len(validity.exceptions) < _FEWEST:
        return None
    inside = kept.found.rows[validity.first : validity.last + 1]
    usual = medians(columns.values[inside])
    failing = validity.exceptions
    terms = columns.values[kept.found.rows[failing]]
    slack = slack_of(columns, np.arange(terms.shape[1]), terms, rounded=law.rounded)
    missing = (kept.found.sums[failing] - kept.constant)[:, None]
    reach = kept.found.slack[failing][:, None]
    # A sum without previous values is not completed by one.
    metrics = len(columns.names) // 2
    open_to = metrics if max(law.places) < metrics and not columns.logs else len(columns.names)
    best, added = max(_FEWEST - 1, _EXPLAINED * len(failing)), None
    for factor in FACTORS:
        away = np.abs(missing + factor * (terms - usual))
        explained = (away <= reach + 2 * abs(factor) * slack).sum(axis=0)
        explained[list(law.places)] = 0
        explained[open_to:] = 0
        place = int(np.argmax(explained))
        if explained[place] > best:
            best, added = float(explained[place]), (place, factor)
    if added is None:
        return None
    places, weights = zip(*sorted([*zip(law.places, law.weights, strict=True), added]), strict=True)
    sign = 1.0 if weights[0] > 0 else -1.0
    signed = tuple(sign * weight for weight in weights)
    return Law(places, signed, law.rounded, added=(*law.added, added[0]))
