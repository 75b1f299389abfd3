"""What groups of tasks stand for: a word of their labels, and which are one before and after."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import numpy as np

from crackle_stream.detect.describe import sides
from crackle_stream.pattern import ClusteringPattern, CorrelationPattern, PhaseTransitionPattern

_WORD: Final = re.compile(r"[^\W\d_](?:[\w.]*\w)?")
"""A word of a label: it begins with a letter, and may hold digits and dots, as v1.8 does."""
LONGEST: Final = 32
"""Longer words name nothing that is read at a glance."""
LABELS: Final = 5
"""Fewer labels than this share a word by chance."""
APART: Final = 2.0
"""A metric tells groups apart whose centres are this many of their spreads apart."""
SHARE: Final = 0.9
"""Groups make a correlation when their centres alone would give so much of its coefficient,"""
WITHIN: Final = 0.5
"""and when what is left asks for no closer correlation than this within the groups."""
CLEAREST: Final = 3
"""Only metrics that tell groups apart best are said to be driven by them,"""
FEW: Final = 4
"""and only by few groups: many may be pieces of one line that the metrics move along."""

Kinds: TypeAlias = Sequence[Sequence[ClusteringPattern]]
"""Groups, or pairs of groups that are one kind of task before and after a step."""


def name_groups(groups: Sequence[ClusteringPattern]) -> list[str]:
    """Give each group the words that all its labels share and other groups' labels lack.

    Labels are those of the tasks nearest to the centre. A word counts where each group has it in
    all of them or in none; a group without such a word has the empty name.

    Examples
    --------
    >>> name_groups([])
    []
    """
    words = [[_words(label) for label in group.involved_tasks] for group in groups]
    if any(len(own) < LABELS for own in words):
        return [""] * len(groups)
    everywhere = [set.intersection(*own) for own in words]
    anywhere = [set.union(*own) for own in words]
    sometimes = {
        word for some, own in zip(anywhere, everywhere, strict=True) for word in some - own
    }
    shared = set.intersection(*everywhere) if everywhere else set()
    return [" ".join(sorted(own - sometimes - shared)) for own in everywhere]


def _words(label: str) -> set[str]:
    return {word for word in _WORD.findall(label) if len(word) <= LONGEST}


def telling(members: Sequence[ClusteringPattern]) -> list[str]:
    """Name the metrics that tell groups apart, the one that does it best first."""
    names = sorted({name for member in members for name in member.center})
    names.sort(key=lambda name: -_apart(members, name))
    return [name for name in names if _apart(members, name) >= APART] or names[:1]


def _apart(members: Sequence[ClusteringPattern], name: str) -> float:
    centres = [member.center[name] for member in members if name in member.center]
    spreads = [member.spread.get(name, 0.0) for member in members]
    apart, within = max(centres) - min(centres), max(spreads)
    if within:
        return apart / within
    return np.inf if apart else 0.0


def same_before_and_after(
    groups: Sequence[ClusteringPattern], changes: Iterable[PhaseTransitionPattern]
) -> list[tuple[ClusteringPattern, ClusteringPattern]]:
    """Pair groups that are one kind of task before and after a change of level.

    The centres of a pair differ by the step of every metric that changed and by nothing else,
    within the spread of the groups.

    Parameters
    ----------
    groups
        Of one window.
    changes
        Those at one place in it.
    """
    ends = {change.subject[0]: sides(change) for change in changes}
    steps = {name: after - before for name, (before, after) in ends.items()}
    pairs: list[tuple[ClusteringPattern, ClusteringPattern]] = []
    free = list(groups)
    for one in groups:
        others = [other for other in free if other is not one and _is_moved(one, other, steps)]
        if one in free and others:
            pairs.append((one, others[0]))
            free = [group for group in free if group not in pairs[-1]]
    return pairs


def _is_moved(one: ClusteringPattern, other: ClusteringPattern, steps: dict[str, float]) -> bool:
    if one.center.keys() != other.center.keys() or steps.keys().isdisjoint(one.center):
        return False
    return all(
        abs(other.center[name] - one.center[name] - steps.get(name, 0.0))
        <= max(one.spread[name], other.spread[name])
        for name in one.center
    )


def kinds_of(
    groups: Sequence[ClusteringPattern], steps: Iterable[Sequence[PhaseTransitionPattern]]
) -> tuple[Kinds, PhaseTransitionPattern | None]:
    """Give groups that are one kind of task together, where one step divides each kind in two.

    Parameters
    ----------
    groups
        Of one window.
    steps
        Changes of level in it, place by place.
    """
    for step in filter(None, steps if len(groups) > 2 else ()):
        pairs = same_before_and_after(groups, step)
        if 2 * len(pairs) == len(groups):
            return pairs, step[0]
    return [(group,) for group in groups], None


def makes(kinds: Kinds, pair: CorrelationPattern) -> bool:
    """Whether two metrics move together because kinds of task differ in both.

    The coefficient that centres and spreads give, with independence within each kind, is held
    against that of the pair, from which steps were taken out.
    """
    if pair.lag or pair.form == "nonlinear" or len(kinds) > FEW:
        return False
    if not set(pair.subject) <= set(telling([kind[0] for kind in kinds])[:CLEAREST]):
        return False
    if any(name not in kind[0].center for kind in kinds for name in pair.subject):
        return False
    weights = np.array([sum(group.size for group in kind) for kind in kinds], float)
    centers = np.array([[kind[0].center[name] for name in pair.subject] for kind in kinds])
    spreads = np.array([[kind[0].spread[name] for name in pair.subject] for kind in kinds])
    off = centers - np.average(centers, axis=0, weights=weights)
    within = np.average(spreads**2, axis=0, weights=weights)
    total = np.average(off**2, axis=0, weights=weights) + within
    both = np.average(off.prod(axis=1), weights=weights) * np.sign(pair.r)
    asked = abs(pair.r) * np.sqrt(total.prod())
    return bool(both >= SHARE * asked and asked - both <= WITHIN * np.sqrt(within.prod()))
