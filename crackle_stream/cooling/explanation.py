"""Why a pattern was found: its numbers, its tasks, what else was tested, what it depends on."""

from __future__ import annotations

from msgspec import Struct

from crackle_stream.cooling.picture import Picture
from crackle_stream.pattern import Pattern
from crackle_stream.profile import CoolingRate, RateName


class Gates(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a pattern fares at one cooling rate.

    Parameters
    ----------
    rate
        The rate.
    threshold
        What its effect is held against; absent where evidence alone counts.
    large
        Whether the effect passes it.
    level
        The false discovery level of its kind.
    q_value
        Corrected as that rate asks for.
    sure
        Whether that is at most the level.
    enough
        Whether the window has as many tasks as that rate asks for.
    """

    rate: RateName
    threshold: float | None = None
    large: bool
    level: float
    q_value: float
    sure: bool
    enough: bool

    @property
    def passed(self) -> bool:
        """Whether the pattern is said at that rate."""
        return self.large and self.sure and self.enough


class Responsible(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task responsible: where and when it is, and its values of the metrics in question.

    `row` is its place in the window, in the order of analysis.
    """

    position: int
    row: int
    label: str
    time: str | None = None
    values: dict[str, float]


class Rival(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another candidate of the same checkpoint.

    Parameters
    ----------
    id, kind, description
        As in its pattern.
    effect, threshold, q_value, level
        What its gates looked at.
    passed
        Whether it is in the report.
    shortfall
        How many times too small its effect, or too large its q-value is: the larger of both.
    """

    id: str
    kind: str
    description: str
    effect: float
    threshold: float | None = None
    q_value: float
    level: float
    passed: bool
    shortfall: float


class Fewer(Struct, frozen=True):
    """What is found in fewer of the tasks: looked for again, not computed from the evidence."""

    tasks: int
    found: bool


class Margins(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a pattern is from vanishing at the rate that was asked.

    Parameters
    ----------
    largest_p
        The p-value up to which it would still pass, all others being as they are.
    most_exceptions
        Tasks that may break a law before it is none any more.
    fewer
        Whether it is still found in fewer tasks, from many to few.
    fewer_which
        Which tasks those are.
    """

    largest_p: float | None = None
    most_exceptions: int | None = None
    fewer: tuple[Fewer, ...] = ()
    fewer_which: str | None = None


class Explanation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that `crackle explain` says of one pattern.

    Parameters
    ----------
    checkpoint, label
        The checkpoint.
    passed
        Whether the pattern is in its report.
    handful
        Whether it was judged by thresholds alone, among fewer than 30 tasks.
    headline
        Of its finding.
    together
        Ids of the other patterns of its finding.
    pattern
        The pattern.
    places
        In how many windows of the checkpoint it is seen; the strongest is explained.
    rate
        What was asked.
    gates
        At every rate, fast first.
    tasks
        Those responsible.
    picture
        What a plot shows.
    units
        Of the metrics in question, where the profile has them.
    windows
        In how many windows of the checkpoint its kind was looked for.
    candidates
        How many of its kind the search brought up there.
    rivals, related
        Candidates about some of the same metrics, and how many those are in all.
    nearest
        The one that failed by least, among those of the same kind.
    margins
        How far it is from vanishing.
    """

    checkpoint: int
    label: str | None = None
    passed: bool
    handful: bool
    headline: str
    together: tuple[str, ...]
    pattern: Pattern
    places: int
    rate: CoolingRate
    gates: tuple[Gates, ...]
    tasks: tuple[Responsible, ...]
    picture: Picture | None
    units: dict[str, str]
    windows: int
    candidates: int
    rivals: tuple[Rival, ...]
    related: int
    nearest: Rival | None = None
    margins: Margins
