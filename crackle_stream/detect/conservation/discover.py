"""Choose among proposed laws: the simplest that hold, without those that others imply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from crackle_stream.detect.conservation.balance import (
    plainest,
    propose_balances,
    propose_products,
    simplest_first,
)
from crackle_stream.detect.conservation.confirm import Confirmed, confirm
from crackle_stream.detect.conservation.extend import extensions
from crackle_stream.detect.conservation.implied import Implied
from crackle_stream.detect.conservation.law import Columns, Law, Values
from crackle_stream.detect.conservation.null_space import LARGEST, propose_long_balances
from crackle_stream.detect.conservation.power_law import propose_power_laws

_PAIR_FACTORS: Final = 4
"""Coefficients that sums of pairs give a term: 1 and 2, with either sign."""

_MOST: Final = 400
"""Most proposals of one search that are tested, the simplest."""

_SAID_AS_BALANCE: Final = (1.0, 2.0)
"""Ratios of two metrics that are balances; all others are said as power laws."""


class Laws:
    """Laws accepted so far, on one set of columns, and all that they imply."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.accepted: list[Confirmed] = []
        self.implied = Implied(len(columns.names))

    def offer(self, laws: Iterable[Law], factors: int) -> None:
        """Accept those that hold and are not implied by simpler ones, in the order given."""
        for law in laws:
            for form in [law] if law.noise else extensions(self.columns, law):
                found = None if self._known(form) else confirm(self.columns, form, factors)
                if found is not None:
                    self.accepted.append(found)
                    self.take(form.vector(len(self.columns.names)))
                    break

    def take(self, vector: Values) -> None:
        """Count a law as known; one that names no previous values holds for them as well."""
        self.implied.add(vector)
        metrics = len(self.columns.names) // 2
        if not self.columns.logs and not vector[metrics:].any():
            self.implied.add(np.roll(vector, metrics))

    def _known(self, law: Law) -> bool:
        return self.implied.implies(law.vector(len(self.columns.names)))


def discover(levels: Columns, logs: Columns) -> tuple[list[Confirmed], list[Confirmed]]:
    """Find linear balances and power laws, each with exact search first.

    Proportional metrics come first, since they count for both forms; then balances from pair sums,
    longer ones from the null space, exact products, and last the approximate power laws.
    """
    balances, products = Laws(levels), Laws(logs)
    proposed = list(_both(propose_products(logs)))
    products.offer((law for law in proposed if len(law.places) == 2), _PAIR_FACTORS)
    _share_proportions(products, balances)
    balances.offer(_both(propose_balances(levels)), _PAIR_FACTORS)
    longer = propose_long_balances(levels.values, balances.implied.basis)
    balances.offer(_both(simplest_first(plainest(longer))), 2 * LARGEST)
    products.offer((law for law in proposed if len(law.places) > 2), _PAIR_FACTORS)
    exact = [set(found.law.places) for found in balances.accepted + products.accepted]
    # Where parts make up a whole, one that outweighs the others is nearly proportional to it.
    approximate = propose_power_laws(logs)
    for law in approximate:
        if not any(known >= set(law.places) for known in exact):
            strict = Law(law.places, law.weights), Law(law.places, law.weights, rounded=True)
            products.offer([*strict, law], 2 * LARGEST)
    return balances.accepted, products.accepted


def _both(vectors: Values) -> Iterator[Law]:
    """Give each vector as a law that is exact, and as one within rounding."""
    for vector in vectors[:_MOST]:
        places = np.flatnonzero(vector)
        for rounded in (False, True):
            yield Law(tuple(places.tolist()), tuple(vector[places].tolist()), rounded)


def _share_proportions(products: Laws, balances: Laws) -> None:
    """Let each proportional pair count as a balance; twice and the same are said as one."""
    for found in list(products.accepted):
        ratio = found.kept.said
        if found.law.weights == (1.0, -1.0):
            law = Law(found.law.places, (1.0, -ratio), found.law.rounded)
            if max(ratio, 1 / ratio) in _SAID_AS_BALANCE:
                _say_as_balance(found, law, products, balances)
            balances.take(law.vector(len(balances.columns.names)))


def _say_as_balance(found: Confirmed, law: Law, products: Laws, balances: Laws) -> None:
    whole = Law(law.places, tuple(w / min(map(abs, law.weights)) for w in law.weights), law.rounded)
    before = len(balances.accepted)
    balances.offer([whole], _PAIR_FACTORS)
    if len(balances.accepted) > before:
        products.accepted.remove(found)
