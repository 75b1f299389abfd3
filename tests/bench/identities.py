"""Tables with one planted identity among metrics that tempt: flags, counts, copies, near copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import numpy as np
from msgspec import Struct

from crackle_stream.pattern import ConservationPattern
from tests.bench.streams import Values
from tests.bench.table import Row

Terms: TypeAlias = Mapping[str, float]
Table: TypeAlias = dict[str, Values]


class Planted(Struct, frozen=True):
    """A table and its truth.

    Parameters
    ----------
    columns
        The metrics.
    law
        The identity that was planted.
    power
        Whether it is one of logarithms.
    others
        What else is true of the table: of copies.
    """

    columns: Table
    law: Terms
    power: bool = False
    others: tuple[Terms, ...] = ()


Plant: TypeAlias = Callable[[np.random.Generator, int], Planted]


def amounts(rng: np.random.Generator, n: int, mean: float) -> Values:
    """Give counts of events whose rate is lognormal."""
    return rng.poisson(mean * np.exp(rng.uniform(0.2, 0.8) * rng.normal(size=n))).astype(float)


def total(rng: np.random.Generator, n: int) -> Planted:
    """Give two to seven counts, small ones and rare ones among them, and their sum."""
    parts = {f"part{i}": amounts(rng, n, rng.choice([0.5, 4, 60, 900])) for i in range(2)}
    parts["part0"] += amounts(rng, n, 400)
    for i in range(2, int(rng.integers(2, 8))):
        rare = rng.random(n) < rng.choice([0.1, 1.0], p=[0.2, 0.8])
        parts[f"part{i}"] = amounts(rng, n, rng.choice([0.5, 4, 60, 900])) * rare
    law = dict.fromkeys(parts, 1.0) | {"total": -1.0}
    return Planted(parts | {"total": np.sum(list(parts.values()), axis=0)}, law)


def weighted(rng: np.random.Generator, n: int) -> Planted:
    """Give a sum with coefficients 1, -1 and 2."""
    weights = rng.choice([1.0, -1.0, 2.0], int(rng.integers(2, 6)))
    parts = {f"part{i}": amounts(rng, n, 300) for i in range(len(weights))}
    made = sum(w * part for w, part in zip(weights, parts.values(), strict=True))
    law = dict(zip(parts, weights.tolist(), strict=True)) | {"made": -1.0}
    return Planted(parts | {"made": np.asarray(made)}, law)


def rounded_total(rng: np.random.Generator, n: int) -> Planted:
    """Give two to seven fractions and their sum, each rounded for itself."""
    parts = np.exp(rng.normal(2, 0.7, (int(rng.integers(2, 8)), n)))
    digits = int(rng.integers(1, 3))
    columns = {f"part{i}": np.round(part, digits) for i, part in enumerate(parts)}
    columns["total"] = np.round(parts.sum(axis=0), digits)
    return Planted(columns, dict.fromkeys(columns, 1.0) | {"total": -1.0})


def shares(rng: np.random.Generator, n: int) -> Planted:
    """Give three to eight percentages of a whole to one decimal."""
    parts = rng.dirichlet(rng.integers(1, 30, int(rng.integers(3, 9))), n).T * 100
    columns = {f"pct{i}": np.round(part, 1) for i, part in enumerate(parts)}
    return Planted(columns, dict.fromkeys(columns, 1.0))


def converted(rng: np.random.Generator, n: int) -> Planted:
    """Give one quantity on two scales with different zeros."""
    x = np.round(rng.normal(20, 6, n), 1)
    slope, zero = [(1.8, 32.0), (1.0, 273.15), (-0.5, 80.0), (4.186, -7.0)][rng.integers(4)]
    y = np.round(slope * x + zero, int(rng.integers(1, 3)))
    return Planted({"x": x, "y": y}, {"x": slope, "y": -1.0})


def unit(rng: np.random.Generator, n: int) -> Planted:
    """Give one quantity in two units, the coarser one rounded."""
    x = np.round(np.exp(rng.normal(8, 0.8, n)))
    factor = rng.choice([1000.0, 60.0, 1024.0])
    columns = {"x": x, "y": np.round(x / factor, int(rng.integers(2, 4)))}
    return Planted(columns, {"x": 1.0, "y": -1.0}, power=True)


def rate(rng: np.random.Generator, n: int) -> Planted:
    """Give a quotient of counts to two or three decimals, or as a percentage."""
    whole = amounts(rng, n, 4000) + 1
    part = rng.binomial(whole.astype(int), rng.uniform(0.1, 0.9, n)).astype(float)
    scale, digits = [(1, 3), (1, 2), (100, 1)][rng.integers(3)]
    columns = {"part": part, "whole": whole, "rate": np.round(scale * part / whole, digits)}
    return Planted(columns, {"part": 1.0, "whole": -1.0, "rate": -1.0}, power=True)


def product(rng: np.random.Generator, n: int) -> Planted:
    """Give a product of a count and a price."""
    count, price = amounts(rng, n, 200) + 1, np.round(rng.uniform(2, 90, n), 2)
    columns = {"count": count, "price": price, "cost": np.round(count * price, 2)}
    return Planted(columns, {"count": 1.0, "price": 1.0, "cost": -1.0}, power=True)


def stock(rng: np.random.Generator, n: int) -> Planted:
    """Give a stock and its flows."""
    come, go = amounts(rng, n, 300), amounts(rng, n, 300)
    columns = {"come": come, "go": go, "stock": 5000 + np.cumsum(come - go)}
    return Planted(columns, {"come": 1.0, "go": -1.0, "stock": -1.0, "stock[-1]": 1.0})


PLANTS: dict[str, Plant] = {
    "sum of 2 to 7 counts": total,
    "sum with factors -1, 1, 2": weighted,
    "sum of 2 to 7, each rounded": rounded_total,
    "3 to 8 shares of 100": shares,
    "two scales": converted,
    "two units": unit,
    "rate": rate,
    "product": product,
    "stock and flow": stock,
}


def invoice(rng: np.random.Generator, n: int) -> Planted:
    """Give a net sum, the tax on it, and both together, in cents."""
    net = np.round(np.exp(rng.normal(5, 1, n)), 2)
    tax = np.round(0.19 * net, 2)
    law = {"net": 1.0, "tax": 1.0, "gross": -1.0}
    return Planted(
        {"net": net, "tax": tax, "gross": np.round(net + tax, 2)},
        law,
        False,
        ({"net": 0.19, "tax": -1.0},),
    )


def regions(rng: np.random.Generator, n: int) -> Planted:
    """Give a multinomial split of a lognormal total into five to eight regions."""
    k = int(rng.integers(5, 9))
    whole = np.exp(rng.normal(7, 0.5, n)).astype(int)
    split = rng.multinomial(whole, rng.dirichlet(np.full(k, 2.0))).T.astype(float)
    columns = {f"region{i}": part for i, part in enumerate(split)} | {"all": whole.astype(float)}
    return Planted(columns, dict.fromkeys(columns, 1.0) | {"all": -1.0})


def confusion(rng: np.random.Generator, n: int) -> Planted:
    """Give the counts of a classifier's outcomes, their margins and their total."""
    tp, fp, fn, tn = rng.poisson(np.array([[80], [12], [25], [400]]), (4, n)).astype(float)
    columns = {
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "tn": tn,
        "positive": tp + fn,
        "cases": tp + fp + fn + tn,
    }
    other = {"tp": 1.0, "fn": 1.0, "positive": -1.0}
    law = {"positive": 1.0, "fp": 1.0, "tn": 1.0, "cases": -1.0}
    return Planted(columns, law, False, (other,))


def whole_shares(rng: np.random.Generator, n: int) -> Planted:
    """Give four percentages of a whole as whole numbers."""
    parts = np.round(rng.dirichlet([8, 6, 5, 4], n).T * 100)
    columns = {f"pct{i}": part for i, part in enumerate(parts)}
    return Planted(columns, dict.fromkeys(columns, 1.0))


def measured(rng: np.random.Generator, n: int) -> Planted:
    """Give a raw reading and what a calibration line makes of it, both rounded."""
    raw = np.round(rng.gamma(9, 40, n))
    slope, zero = [(0.0732, -4.1), (0.25, 11.0), (2.54, -30.0)][rng.integers(3)]
    return Planted(
        {"raw": raw, "value": np.round(slope * raw + zero, 2)}, {"raw": slope, "value": -1.0}
    )


def speed(rng: np.random.Generator, n: int) -> Planted:
    """Give bytes, seconds and their quotient to one or two decimals."""
    size, seconds = np.round(np.exp(rng.normal(12, 1, n))), np.round(rng.gamma(5, 3, n), 1) + 0.1
    columns = {
        "size": size,
        "seconds": seconds,
        "speed": np.round(size / seconds, int(rng.integers(1, 3))),
    }
    return Planted(columns, {"size": 1.0, "seconds": -1.0, "speed": -1.0}, power=True)


def account(rng: np.random.Generator, n: int) -> Planted:
    """Give a balance in cents and what is paid in and out."""
    paid, drawn = np.round(rng.gamma(2, 50, (2, n)), 2)
    columns = {"paid": paid, "drawn": drawn, "balance": np.round(1e4 + np.cumsum(paid - drawn), 2)}
    return Planted(columns, {"paid": 1.0, "drawn": -1.0, "balance": -1.0, "balance[-1]": 1.0})


LATER: dict[str, Plant] = {
    "net, tax and gross": invoice,
    "5 to 8 regions": regions,
    "confusion matrix": confusion,
    "4 whole percentages": whole_shares,
    "calibration": measured,
    "speed": speed,
    "account in cents": account,
}


def with_distractors(made: Planted, rng: np.random.Generator) -> Planted:
    """Break the law in up to one row of twenty, or from some row on, and add what tempts."""
    columns, n = dict(made.columns), len(next(iter(made.columns.values())))
    last = next(reversed(columns))
    step = 10.0 ** -next(
        d for d in range(7) if np.allclose(np.round(columns[last], d), columns[last])
    )
    odd = rng.random(n) < rng.choice([0.0, 0.01, 0.05])
    late = (np.arange(n) > 0.7 * n) & (rng.random() < 0.15)
    columns[last] = columns[last] + np.where(odd | late, 40 * step * rng.integers(1, 30, n), 0)
    first = next(iter(columns))
    smallest = min(columns, key=lambda name: float(np.median(columns[name])))
    tempting = {
        "flag": (columns[smallest] > np.quantile(columns[smallest], 0.3)) * 1.0,
        "capped": np.minimum(columns[smallest], np.quantile(columns[smallest], 0.95)),
        "copy": columns[first],
        "few": rng.poisson(0.4, n).astype(float),
        "free": amounts(rng, n, 500),
        "real": np.exp(rng.normal(size=n)),
        "share": np.round(rng.random(n) * 100, 1),
        "rare": (rng.random(n) < 0.05) * rng.integers(1, 9, n).astype(float),
        "walk": np.round(np.cumsum(rng.normal(0, 5, n))),
        "twin": np.round(columns[first] * np.exp(0.02 * rng.normal(size=n))),
    }
    names = rng.choice(list(tempting), int(rng.integers(2, 8)), replace=False).tolist()
    same = {"copy": first, "capped": smallest, "flag": smallest}
    others = made.others + tuple({same[name]: 1.0, name: -1.0} for name in names if name in same)
    return Planted(columns | {name: tempting[name] for name in names}, made.law, made.power, others)


class Score(Struct, frozen=True):
    """How a table's laws compare with its truth: found, false ones, true ones said again."""

    found: bool
    false: int
    again: int


def score(made: Planted, laws: list[ConservationPattern]) -> Score:
    """Compare the laws said of a table with what is true of it."""
    power = made.power
    truths = [made.law, *made.others]
    same = [law for law in laws if (law.form == "power") == power or len(law.terms) == 2]
    known = [_shifted(truth) for truth in truths] + truths
    of = [law for law in same if _true(law, known, truths)]
    copies = list(made.others)
    planted = [law for law in of if not _spanned(law.terms, copies, truths)]
    found = any(len(law.terms) <= len(made.law) for law in planted)
    return Score(found, len(laws) - len(of), max(0, len(of) - len(truths)))


def _true(law: ConservationPattern, known: list[Terms], truths: list[Terms]) -> bool:
    """Whether a law follows; a proportion also where it does as a balance."""
    (one, weight), *others = law.terms.items()
    proportion = law.form == "power" and len(others) == 1 and weight == -others[0][1] == 1
    line = {one: 1.0, others[0][0]: -law.constant} if proportion else law.terms
    return _spanned(line, known, truths) or _spanned(law.terms, known, truths)


def _shifted(terms: Terms) -> Terms:
    return {name + "[-1]": weight for name, weight in terms.items() if "[-1]" not in name}


def _spanned(terms: Terms, known: list[Terms], truths: list[Terms]) -> bool:
    names = sorted({name for each in (terms, *known, *truths) for name in each})
    vector = np.array([terms.get(name, 0.0) for name in names])
    basis = np.array([[each.get(name, 0.0) for name in names] for each in known])
    if len(basis) == 0:
        return False
    rest = vector - np.linalg.lstsq(basis.T, vector, rcond=None)[0] @ basis
    return bool(np.linalg.norm(rest) <= 2e-3 * np.linalg.norm(vector))


def identities(
    plants: Mapping[str, Plant],
    say: Callable[[Table], list[ConservationPattern]],
    draws: int,
    seed: int,
) -> Iterator[Row]:
    """Give how often each identity is found, and false and repeated laws a table."""
    for place, (name, plant) in enumerate(plants.items()):
        sums: Counter[str] = Counter()
        for turn in range(draws):
            rng = np.random.default_rng([seed, place, turn])
            made = with_distractors(plant(rng, int(rng.choice([60, 200, 600, 1500]))), rng)
            scored = score(made, say(made.columns))
            sums.update(found=scored.found, false=scored.false, again=scored.again)
        yield name, [sums[what] / draws for what in ("found", "false", "again")]
