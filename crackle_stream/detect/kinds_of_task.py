"""What groups of tasks stand for: a word of their labels, and which are one before and after."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from crackle_stream.detect.describe import sides
from crackle_stream.pattern import ClusteringPattern, CorrelationPattern, PhaseTransitionPattern

_WORD: Final = re.compile(r"[^\W\d_](?:[\w.]*\w)?")
"""A word of a label: it begins with a letter, and may hold digits and dots, as v1.8 does."""
LABELS: Final = 5
"""Fewer labels than this share a word by chance."""
APART: Final = 2.0
"""A metric tells groups apart whose centres are this many of their spreads apart."""
SHARE: Final = 0.9
"""Groups make a correlation when their centres alone would give so much of its coefficient."""
MOST: Final = 0.8
"""Or when so much of the variance of both is between them, and their centres so correlated."""


def name_groups(groups: Sequence[ClusteringPattern]) -> list[str]:
    """Give each group the words that all its labels share and other groups' labels lack.

    Labels are those of the tasks nearest to the centre. A word counts where each group has it in
    all of them or in none; a group without such a word has the empty name.

    Examples
    --------
    >>> name_groups([])
    []
    """
    words = [[set(_WORD.findall(label)) for label in group.involved_tasks] for group in groups]
    if any(len(own) < LABELS for own in words):
        return [""] * len(groups)
    everywhere = [set.intersection(*own) for own in words]
    anywhere = [set.union(*own) for own in words]
    sometimes = {
        word for some, own in zip(anywhere, everywhere, strict=True) for word in some - own
    }
    shared = set.intersection(*everywhere) if everywhere else set()
    return [" ".join(sorted(own - sometimes - shared)) for own in everywhere]


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


def makes(groups: Sequence[ClusteringPattern], pair: CorrelationPattern) -> bool:
    """Whether two metrics move together because groups of tasks differ in both.

    The coefficient that centres and spreads of the groups give, with independence within each, is
    held against that of the pair.
    """
    if pair.lag or pair.form == "nonlinear":
        return False
    if any(name not in group.center for group in groups for name in pair.subject):
        return False
    weights = np.array([group.size for group in groups], float)
    centers = np.array([[group.center[name] for name in pair.subject] for group in groups])
    spreads = np.array([[group.spread[name] for name in pair.subject] for group in groups])
    off = centers - np.average(centers, axis=0, weights=weights)
    between = np.average(off**2, axis=0, weights=weights)
    total = np.average(off**2 + spreads**2, axis=0, weights=weights)
    both = np.average(off.prod(axis=1), weights=weights)
    enough = abs(both) >= SHARE * abs(pair.r) * np.sqrt(total.prod())
    # A step that was taken out of the pair, but stands between groups, hides no more than that.
    divided = np.all(between >= MOST * total) and abs(both) >= MOST * np.sqrt(between.prod())
    return bool(both * pair.r > 0 and (enough or divided))
