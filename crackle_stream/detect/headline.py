"""One sentence for several patterns that belong together."""

from __future__ import annotations

from collections.abc import Sequence, Set
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from msgspec.structs import replace

from crackle_stream.detect.describe import (
    FEW,
    describe,
    law,
    listed,
    moved,
    movement,
    place_of,
    reach,
    tasks,
)
from crackle_stream.detect.kinds_of_task import CLEAREST, kinds_of, name_groups, telling
from crackle_stream.detect.returns import Returns
from crackle_stream.detect.twins import Twins
from crackle_stream.pattern import (
    ClusteringPattern,
    ConservationPattern,
    CorrelationPattern,
    CustomPattern,
    Pattern,
    PhaseTransitionPattern,
)

Broken: TypeAlias = ConservationPattern | PhaseTransitionPattern
"""What happened at a place: a law ended, or a metric changed."""

NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NAMED: Final = 3
"""Label groups of which it is said what happened in each; more are counted."""


class Known(NamedTuple):
    """What else is known at the checkpoint of a finding.

    Parameters
    ----------
    twins
        Metrics that are one quantity, and are told as one.
    returns
        Earlier changes, by the ids of those that undo them.
    steps
        Changes of level, place by place.
    """

    twins: Twins = Twins()
    returns: Returns = MappingProxyType({})
    steps: Sequence[Sequence[PhaseTransitionPattern]] = ()


def headline(members: Sequence[Pattern], known: Known = Known()) -> str:  # noqa: B008
    """Say in one sentence what the patterns of one finding show together.

    Parameters
    ----------
    members
        At least one, strongest first, as `find_findings` groups them.
    known
        What else there is to say of them.
    """
    # What comes with a change or a law is said by it: groups, correlations.
    if any(isinstance(m, ConservationPattern | PhaseTransitionPattern) for m in members):
        members = [m for m in members if not isinstance(m, ClusteringPattern | CorrelationPattern)]
    lead = members[0]
    if isinstance(lead, CustomPattern):
        return _lasting(lead, members)
    if isinstance(lead, CorrelationPattern):
        return _web(lead, [m for m in members if isinstance(m, CorrelationPattern)], known.twins)
    if isinstance(lead, ClusteringPattern):
        groups = [m for m in members if isinstance(m, ClusteringPattern)]
        return _division(groups, [m for m in members if m not in groups], known)
    if isinstance(lead, PhaseTransitionPattern) and lead.at is None:
        return _wandering(lead, members)
    if isinstance(lead, ConservationPattern) and lead.broke_at is None:
        return _held(lead, [m for m in members if isinstance(m, ConservationPattern)])
    happened = [m for m in members if isinstance(m, ConservationPattern | PhaseTransitionPattern)]
    return _change(happened, known.twins) + _undone(happened, known.returns)


def in_words(number: int) -> str:
    """Write a small number as a word.

    Examples
    --------
    >>> in_words(3), in_words(12)
    ('three', '12')
    """
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def _change(members: Sequence[Broken], twins: Twins) -> str:
    """Laws that ended at one place, and changes there."""
    members = [member for member in members if not _is_implied(member, members)]
    groups = list(dict.fromkeys(member.group for member in members))
    told = {group: _acts([m for m in members if m.group == group], twins) for group in groups}
    acts, where = told[groups[0]], place_of(members[0])
    if len(groups) == len(acts) == 1:
        one = len({(m.subject, m.form) for m in members}) == 1
        return describe(members[0]) if one else f"{_groups(members)}{acts[0]} at {where}"
    shifts = [m for m in members if isinstance(m, PhaseTransitionPattern)]
    metrics = {twins.of(m.group, m.subject[0]) for m in shifts}
    what = f"{in_words(len(metrics))} metrics changed together" if len(metrics) > 1 else ""
    if len(groups) == 1:
        return f"{_groups(members)}at {where}{_told(acts, len(acts) - len(metrics), what)}"
    what = f" {what}" if what else ""
    each = [f"in {group} {listed(acts, most=3)}" for group, acts in list(told.items())[:NAMED]]
    more = len(groups) - len(each)
    each += [f"and in {in_words(more)} more groups"] if more else []
    return f"at {where}{what}: {'; '.join(each)}"


def _is_implied(member: Broken, members: Sequence[Broken]) -> bool:
    """Whether a law with earlier values ended since a shorter one of the same metrics did."""
    return isinstance(member, ConservationPattern) and any(
        isinstance(other, ConservationPattern)
        and other.group == member.group
        and set(other.subject) <= set(member.subject)
        and len(other.terms) < len(member.terms)
        for other in members
    )


def _told(acts: Sequence[str], ended: int, what: str) -> str:
    """Say first which laws ended, then what else happened, and to how many metrics."""
    laws, shifts = acts[:ended], acts[ended:]
    if not shifts or not what:
        return f": {listed(acts)}"
    return f" {f'{listed(laws)} and ' if laws else ''}{what}: {listed(shifts)}"


def _acts(members: Sequence[Broken], twins: Twins) -> list[str]:
    """Say what each metric did, all at once, and which laws ended; twins are told as one."""
    acts: dict[str, dict[str, Broken]] = {}
    same: dict[str, set[str]] = {}
    for member in members:
        about = f"law {member.id}"
        if isinstance(member, PhaseTransitionPattern):
            about = twins.of(member.group, member.subject[0])
            same.setdefault(about, set()).add(member.subject[0])
        acts.setdefault(about, {}).setdefault(member.form, member)
    return [_act(list(parts.values()), same.get(about, set())) for about, parts in acts.items()]


def _act(parts: Sequence[Broken], same: Set[str]) -> str:
    lead = parts[0]
    if isinstance(lead, ConservationPattern):
        return f"{law(lead)} no longer holds"
    name = moved(lead)
    others = listed(sorted(same - set(lead.subject)), most=2)
    alike = f" (and {others} with it)" if others else ""
    told = [movement(part) for part in parts if isinstance(part, PhaseTransitionPattern)]
    first, *rest = (act.removeprefix(name) for act in told)
    also = (f" and{act}".replace(" and scatters", ", scattering") for act in rest)
    return f"{name}{alike}{first}{''.join(also)}"


def _undone(members: Sequence[Broken], returns: Returns) -> str:
    """Name the change that is undone, where at least half of what changed level is back."""
    levels = [m for m in members if m.form == "level"]
    back = [returns[m.id] for m in levels if m.id in returns]
    return (
        f", back to what was before {place_of(back[0])}" if 2 * len(back) >= len(levels) > 0 else ""
    )


def _web(lead: CorrelationPattern, members: Sequence[CorrelationPattern], twins: Twins) -> str:
    """Pairs of metrics that are connected."""
    pairs = {twins.subject(member): member for member in reversed(members)}
    if len(pairs) == 1:
        return _lasting(lead, members)
    metrics = sorted({name for pair in pairs for name in pair})
    sizes = sorted(f"{abs(member.r):.2f}" for member in pairs.values())
    span = f"of {sizes[0]}" if sizes[0] == sizes[-1] else f"from {sizes[0]} to {sizes[-1]}"
    told = f"{in_words(len(metrics))} metrics are correlated: {listed(metrics)}"
    return f"{_groups(members)}{told} ({len(pairs)} pairs, coefficients {span})"


def _division(members: Sequence[ClusteringPattern], pairs: Sequence[Pattern], known: Known) -> str:
    """Groups of the tasks of one window, which may make pairs of metrics move together."""
    if len(members) == 1:
        return describe(members[0])
    scene = members[0].group, members[0].window
    here = ([c for c in step if (c.group, c.window) == scene] for step in known.steps)
    kinds, step = kinds_of(members, here)
    named = zip(kinds, name_groups([kind[0] for kind in kinds]), strict=True)
    sizes = [(str(sum(group.size for group in kind)), name) for kind, name in named]
    shown = listed([f"{size} like {name}" if name else size for size, name in sizes])
    around = "" if step is None else f", each before and after {place_of(step)}"
    apart = listed(telling([kind[0] for kind in kinds]), most=CLEAREST)
    driven = sorted({name for pair in pairs for name in pair.subject})
    so = f", which makes {listed(driven)} correlate" if driven else ""
    told = f"{tasks(members[0].window.n)} fall into {in_words(len(kinds))} groups, of {shown}"
    return f"{_groups(members)}{told}{around}, told apart by {apart}{so}"


def _wandering(lead: Pattern, members: Sequence[Pattern]) -> str:
    metrics = sorted({member.subject[0] for member in members})
    if len(metrics) == 1:
        return describe(lead)
    alike = any("slope" in member.metrics for member in members)
    how = "drift without a single change" if alike else "wander like random walks"
    told = f"{in_words(len(metrics))} metrics {how}: {listed(metrics)}"
    return f"{_groups(members)}{told}"


def _groups(members: Sequence[Pattern]) -> str:
    groups = _named_groups(members)
    return f"in {groups}: " if groups else ""


def _named_groups(members: Sequence[Pattern]) -> str:
    groups = sorted({member.group for member in members if member.group is not None})
    return listed(groups) if len(groups) <= FEW else f"{in_words(len(groups))} groups"


def _held(lead: ConservationPattern, members: Sequence[ConservationPattern]) -> str:
    """Laws that hold; where they repeat one another they are named together."""
    equations = list(dict.fromkeys(law(member) for member in members))
    if len(equations) == 1:
        return _lasting(lead, members)
    return f"{_groups(members)}{listed(equations, most=3)} hold over {tasks(reach(lead))}"


def _lasting(lead: Pattern, members: Sequence[Pattern]) -> str:
    """What is seen once, or again in other windows or label groups."""
    groups = {member.group for member in members}
    if len(groups) > 1:
        return f"{describe(replace(lead, group=None))}, in {_named_groups(members)}"
    windows = {(member.window.first, member.window.last) for member in members}
    return describe(lead) + (f", in {in_words(len(windows))} windows" if len(windows) > 1 else "")
