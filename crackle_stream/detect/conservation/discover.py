"""Choose among proposed laws: the simplest that hold, without those that others imply."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from crackle_stream.detect.conservation.balance import (
    plainest,
    propose_balances,
    propose_products,
    simplest_first,
)
from crackle_stream.detect.conservation.confirm import Confirmed, confirm
from crackle_stream.detect.conservation.conversion import propose_conversions
from crackle_stream.detect.conservation.extend import extensions
from crackle_stream.detect.conservation.implied import Implied
from crackle_stream.detect.conservation.law import Columns, Law, Values
from crackle_stream.detect.conservation.merit import best_first
from crackle_stream.detect.conservation.null_space import (
    propose_long_balances,
    propose_rounded_balances,
)
from crackle_stream.detect.conservation.power_law import propose_power_laws

_SAID_AS_BALANCE: Final = (1.0, 2.0)
"""Ratios of two metrics that are balances; all others are said as power laws."""

_FITTED: Final = 1e-2
"""How near a fitted slope may come to one that is known, and be the same."""


class Laws:
    """Laws accepted so far, on one set of columns, and all that they imply."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.accepted: list[Confirmed] = []
        self.implied = Implied(len(columns.names))

    def offer(self, laws: Iterable[Law]) -> None:
        """Accept those that hold and are not implied by better ones, in the order given."""
        for law in laws:
            if not self._known(law):
                self._consider(law)

    def convert(self, laws: Iterable[Law]) -> None:
        """Accept lines between two metrics that no laws tie yet, as they are."""
        for law in laws:
            one, other = self.implied.tied()[list(law.places)]
            vector = law.vector(len(self.columns.names))
            if one != other and not self.implied.implies(vector, _FITTED):
                self._accept_first(_strictly(law))

    def take(self, vector: Values) -> None:
        """Count a law as known; one that names no previous values holds for them as well."""
        self.implied.add(vector)
        metrics = len(self.columns.names) // 2
        if not self.columns.logs and not vector[metrics:].any():
            self.implied.add(np.roll(vector, metrics))

    def _consider(self, law: Law) -> None:
        """Accept a law if what better laws leave of it is proven: that, or else the law itself.

        Less a law that holds, it may come down to fewer terms, `failed = any_failed`, or no more
        than a metric that is mostly zero.
        """
        rest = self._rest(law)
        if rest is None:
            self._accept_first([law] if law.noise else extensions(self.columns, law))
        elif (
            len(rest.places) > 1
            and not law.noise
            and not self._accept_first(extensions(self.columns, rest))
        ):
            self._accept_first([law], rest)

    def _rest(self, law: Law) -> Law | None:
        """Give what a law comes down to less those that hold, if that has fewer terms."""
        shorter = self.implied.shortest(law.vector(len(self.columns.names)))
        places = np.flatnonzero(shorter)
        if len(places) == len(law.places):
            return None
        weights = shorter[places] * np.sign(shorter[places[:1]])
        return Law(tuple(places.tolist()), tuple(weights.tolist()), law.rounded)

    def _accept_first(self, forms: Iterable[Law], rest: Law | None = None) -> bool:
        """Accept the first form that holds, and tell whether nothing more is to be said."""
        for form in forms:
            if self._known(form):
                return True
            if (found := confirm(self.columns, form, rest)) is not None:
                self.accepted.append(found)
                self.take(form.vector(len(self.columns.names)))
                return True
        return False

    def _known(self, law: Law) -> bool:
        return self.implied.implies(law.vector(len(self.columns.names)))


def discover(levels: Columns, logs: Columns) -> tuple[list[Confirmed], list[Confirmed]]:
    """Find linear balances and power laws, each with exact search first.

    Proportional metrics come first, since they count for both forms, those within rounding after
    exact sums; then all balances from pair sums and from the null space, conversions, products,
    and last the approximate power laws.
    """
    balances, products = Laws(levels), Laws(logs)
    proposed = best_first(logs, propose_products(logs))
    pairs, more = ([law for law in proposed if (len(law.places) == 2) == two] for two in (1, 0))
    _offer_proportions((law for law in pairs if not law.rounded), products, balances)
    sums = _sums(balances, propose_balances(levels))
    balances.offer(law for law in sums if not law.rounded)
    _offer_proportions(pairs, products, balances)
    balances.offer(sums)
    if balances.accepted:
        balances.offer(_sums(balances, np.empty((0, len(levels.names)))))
    balances.convert(propose_conversions(levels))
    products.offer(more)
    tied = balances.implied.tied()
    # Where parts make up a whole, one that outweighs the others is nearly proportional to it.
    exact = [set(tied[list(found.law.places)]) for found in balances.accepted + products.accepted]
    for law in propose_power_laws(logs):
        if not any(known >= set(tied[list(law.places)]) for known in exact):
            products.offer([*_strictly(law), law])
    return balances.accepted, products.accepted


def _sums(balances: Laws, pairs: Values) -> list[Law]:
    """Give sums of up to four terms with longer ones that do not follow from those known."""
    levels, known = balances.columns, balances.implied.basis
    longer = propose_long_balances(levels.values, known), propose_rounded_balances(levels, known)
    vectors = simplest_first(np.concatenate([pairs, plainest(np.vstack(longer))]))
    # What ties two metrics leaves less to the others than a sum would that has both.
    return sorted(best_first(levels, vectors), key=lambda law: len(law.places) > 2)


def _strictly(law: Law) -> tuple[Law, Law]:
    return Law(law.places, law.weights), Law(law.places, law.weights, rounded=True)


def _offer_proportions(pairs: Iterable[Law], products: Laws, balances: Laws) -> None:
    """Offer proportional pairs, each with what follows from it for sums."""
    for law in pairs:
        before = len(products.accepted)
        products.offer([law])
        for found in products.accepted[before:]:
            if found.law.weights == (1.0, -1.0):
                _share(found, products, balances)


def _share(found: Confirmed, products: Laws, balances: Laws) -> None:
    """Count a proportional pair as a balance; twice and the same are said as one."""
    ratio = found.kept.said
    law = Law(found.law.places, (1.0, -ratio), found.law.rounded)
    vector = law.vector(len(balances.columns.names))
    if balances.implied.implies(vector):
        products.accepted.remove(found)
    elif max(ratio, 1 / ratio) in _SAID_AS_BALANCE:
        _say_as_balance(found, law, products, balances)
    balances.take(vector)


def _say_as_balance(found: Confirmed, law: Law, products: Laws, balances: Laws) -> None:
    whole = Law(law.places, tuple(w / min(map(abs, law.weights)) for w in law.weights), law.rounded)
    before = len(balances.accepted)
    balances.offer([whole])
    if len(balances.accepted) > before:
        products.accepted.remove(found)
