"""Why a pattern is believed and what it depends on, in sentences made of its numbers alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

from crackle_stream.cooling.explanation import Explanation, Gates, Rival
from crackle_stream.detect.describe import figure, listed, sides, tasks
from crackle_stream.pattern import (
    KINDS,
    ConservationPattern,
    PhaseTransitionPattern,
)
from crackle_stream.report.counting import counted
from crackle_stream.report.explain_nulls import UNITS, null_of, sort_of


def verdict(why: Explanation) -> str:
    """Say whether it was found, and how sure that is."""
    kind, form = why.pattern.family.replace("_", " "), getattr(why.pattern, "form", None)
    what = kind if form is None else f"{kind} ({form})"
    if not why.passed:
        return f"{what}; a candidate that did not pass: it is not in the report"
    few = ", judged by size alone among so few tasks" if why.handful else ""
    sure = math.floor(why.pattern.confidence * 100) / 100
    return f"{what}, found at {why.rate.name} rate with confidence {sure:.2f}{few}"


def evidence(why: Explanation) -> Iterator[str]:
    """Say what the gates looked at."""
    proof, sort = why.pattern.evidence, sort_of(why.pattern)
    yield f"effect: {figure(proof.effect)} {UNITS[sort]}, in {tasks(proof.n)}; {_asked(why)}."
    if why.handful:
        yield (
            f"p = {chance(proof.p_value)}: told for what it is worth, since the sizes alone of "
            "fewer than 30 tasks are looked at, at fast rate only."
        )
        return
    supposed = f"so likely is as much by chance, supposing {null_of(why.pattern)}"
    yield f"p = {chance(proof.p_value)}: {supposed}."
    gate = _own(why)
    method = "Benjamini-Yekutieli" if why.rate.any_dependence else "Benjamini-Hochberg"
    said = "at most" if gate.sure else "more than"
    yield (
        f"q = {chance(proof.q_value)}, which is p corrected by {method} for "
        f"{counted(proof.tested, 'hypothesis', 'hypotheses')} of its kind: {said} the "
        f"{figure(gate.level)} that its kind is allowed of false ones."
    )


def chance(value: float) -> str:
    """Write a p-value or a q-value.

    Examples
    --------
    >>> chance(0.00123), chance(0.0)
    ('0.0012', 'less than 1e-300')
    """
    return f"{value:.2g}" if value > 1e-299 else "less than 1e-300"


def also_tested(why: Explanation) -> Iterator[str]:
    """Say how much was looked at beside it."""
    kind = why.pattern.family.replace("_", " ")
    proof = why.pattern.evidence
    if why.handful:
        tests = counted(proof.tested, "hypothesis", "hypotheses")
        yield f"{tests} of all kinds among so few tasks."
        return
    where = counted(why.windows, "window")
    yield (
        f"{counted(proof.tested, 'hypothesis', 'hypotheses')} of {kind} in {where}, of which the "
        f"search brought up {counted(why.candidates, 'candidate')}."
    )
    if why.places > 1:
        yield f"The same is seen in {why.places} windows; this is the clearest of them."
    if why.nearest is not None:
        yield (
            f"Nearest to passing among the {kind} candidates that did not: "
            f"{why.nearest.description}, {reason(why.nearest)} ({why.nearest.id})."
        )
    elif why.candidates > 1:
        others = "other candidates" if why.passed else "others"
        yield f"All {others} of its kind passed."


def reason(rival: Rival) -> str:
    """Say which gates a candidate did not pass."""
    missed = []
    if rival.threshold is not None and not _large(rival):
        word = "above" if rival.effect > rival.threshold else "below"
        missed.append(f"effect {figure(rival.effect)} {word} {figure(rival.threshold)}")
    if rival.q_value > rival.level:
        missed.append(f"q = {chance(rival.q_value)} above {figure(rival.level)}")
    return " and ".join(missed)


def _large(rival: Rival) -> bool:
    if rival.threshold is None:
        return True
    nearly_constant = rival.kind == "conservation"
    return (rival.effect <= rival.threshold) == nearly_constant or rival.effect == rival.threshold


def what_if(why: Explanation) -> Iterator[str]:
    """Say what would have to differ for it to vanish, or, where it did not pass, to be found."""
    if why.handful:
        yield "Among 30 tasks or more, or at normal and slow rate, this size would need evidence."
        return
    yield _rates(why)
    yield from (text for text in (_size(why), _p_value(why), _level(why), _exceptions(why)) if text)
    yield from _fewer(why)


def _own(why: Explanation) -> Gates:
    return next(gate for gate in why.gates if gate.rate == why.rate.name)


def _asked(why: Explanation) -> str:
    asked = [g for g in why.gates if g.threshold is not None]
    if not asked:
        return "no least size is asked of it" if why.gates else "enough at fast rate"
    most = "at most" if sort_of(why.pattern) == "constant law" else "at least"
    return f"asked is {most} " + listed([f"{figure(g.threshold or 0)} at {g.rate}" for g in asked])


def _rates(why: Explanation) -> str:
    passed = [gate.rate for gate in why.gates if gate.passed]
    failed = [f"not at {gate.rate} ({_missed(gate, why)})" for gate in why.gates if not gate.passed]
    if not passed:
        return f"It is found at no rate: {listed(failed)}."
    shown = f"It is found at {listed(passed)}"
    return f"{shown}, {listed(failed)}." if failed else f"{shown}: at every rate."


def _missed(gate: Gates, why: Explanation) -> str:
    missed = []
    if not gate.large and gate.threshold is not None:
        effect = why.pattern.evidence.effect
        word = "above" if effect > gate.threshold else "below"
        missed.append(f"effect {figure(effect)} {word} {figure(gate.threshold)}")
    if not gate.sure:
        missed.append(f"q = {chance(gate.q_value)} above {figure(gate.level)}")
    if not gate.enough:
        missed.append("too few tasks")
    return " and ".join(missed)


def _size(why: Explanation) -> str:
    threshold, effect = _own(why).threshold, why.pattern.evidence.effect
    if threshold is None:
        return ""
    if sort_of(why.pattern) == "constant law":
        return (
            f"At {why.rate.name} rate its coefficient of variation may be {figure(threshold)} at "
            f"most; it is {figure(effect)}."
        )
    left = _in_unit(why, threshold / effect) if effect else ""
    span = f"from {figure(effect)} to {figure(threshold)}{left}"
    if effect < threshold:
        return f"Its effect would have to grow {span} to be large enough at {why.rate.name} rate."
    return (
        f"Its effect could shrink {span} and would still be large enough at {why.rate.name} rate."
    )


def _in_unit(why: Explanation, share: float) -> str:
    """Say what the least size is in the unit of the metric, where that is proportional to it."""
    pattern = why.pattern
    if not isinstance(pattern, PhaseTransitionPattern):
        return ""
    if pattern.form == "spread":
        return f" (a ratio of spreads of {figure(math.exp(share * pattern.evidence.effect))})"
    if pattern.form != "level" or pattern.before is None or pattern.after is None:
        return ""
    low, high = sides(pattern)
    shift = abs(high - low)
    unit = why.units.get(pattern.subject[0])
    amounts = [figure(x) + (f" {unit}" if unit else "") for x in (shift, shift * share)]
    return f" (a change of {amounts[0]} to one of about {amounts[1]})"


def _p_value(why: Explanation) -> str:
    largest, p_value = why.margins.largest_p, why.pattern.evidence.p_value
    if largest is None:
        return ""
    if p_value > largest:
        return (
            f"Its p-value of {chance(p_value)} would have to be at most {chance(largest)}, all "
            "others being as they are."
        )
    times = largest / p_value if p_value > 1e-299 else math.inf
    larger = f"{times:.2g} times as large" if math.isfinite(times) else "larger by far"
    return (
        f"Its p-value could be {larger}, {chance(largest)}, and it would still pass, all others "
        "being as they are."
    )


def _level(why: Explanation) -> str:
    gate = _own(why)
    least = gate.q_value * len(KINDS)
    if not gate.sure or not 1e-299 < least < 1:
        return ""
    return (
        f"It is sure enough at any false discovery level down to {least:.2g}, where "
        f"{figure(why.rate.false_discovery)} is allowed."
    )


def _exceptions(why: Explanation) -> str:
    most, pattern = why.margins.most_exceptions, why.pattern
    if most is None or not isinstance(pattern, ConservationPattern):
        return ""
    now = pattern.exception_count or 0
    rows = int(pattern.metrics.get("rows", pattern.evidence.n))
    if pattern.form == "constant":
        return ""
    more = max(most - now, 0) + 1
    broken = "1 does" if now == 1 else f"{now:,} do" if now else "none does"
    return (
        f"Of the {tasks(rows)} of its stretch {most:,} may break it, {broken}: {more:,} more "
        "here and there would end it as a law."
    )


def _fewer(why: Explanation) -> Iterator[str]:
    fewer, which = why.margins.fewer, why.margins.fewer_which
    if not fewer or which is None:
        return
    kept = [one.tasks for one in fewer if one.found]
    lost = next((one.tasks for one in fewer if not one.found), None)
    again = f"Looked for again in {which}"
    if not kept:
        yield f"{again} {fewer[0].tasks:,} tasks alone, it is not found there."
    elif lost is None:
        yield f"{again} {kept[-1]:,} tasks alone, it is still found; fewer were not tried."
    else:
        yield f"{again} {kept[-1]:,} tasks alone, it is still found; in {lost:,} no more."
