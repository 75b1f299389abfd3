"""What a detector of your own is: it observes panes, its summaries merge, and they detect.

A detector that a package registers under the entry point group ``crackle_stream.detectors``, or
that a profile is given (`ThermalProfile.with_detector`), runs beside the four that are built in.
It says what it sees and how likely that would be by chance; correction for all that was tested,
gates of size, ranking, findings, witnesses and rendering are done for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from typing import Self

    from crackle_stream.pattern import Span
    from crackle_stream.table import Table

GROUP: Final = "crackle_stream.detectors"
"""The group of entry points."""

Gate: TypeAlias = Literal["separation", "correlation", "shift", "variation", "none"]
"""Which threshold of the cooling rate the size of an effect is held against.

``separation``, ``correlation`` and ``shift`` must reach their threshold; ``variation`` (robust
coefficient of variation of a near-constant metric) must stay at or below it; ``none``: exact
laws and drift pass on evidence alone.
"""


class DetectorError(Exception):
    """A detector of your own is not what it must be, or gave what cannot be used."""


class Claim(Struct, frozen=True, kw_only=True):
    """What a detector believes to see.

    Parameters
    ----------
    form
        Which of the things that the detector looks for, in a word or two.
    subject
        The metrics it is about, as they are named in the window.
    text
        One sentence without its place, which is added: ``"x bursts to 12 sd"``.
    p_value
        The chance of at least such an effect under the null, raw: without any correction.
    effect
        How large it is, in the unit of the gate.
    gate
        Which threshold of the rate the effect is held against; by default none.
    n
        Tasks the test looked at; by default the window's.
    at, until
        Log positions of the first and the last task of it, where it has a place.
    involved
        Log positions of the tasks responsible, most responsible first; 20 are named.
    involved_count
        How many those are; by default as many as are given.
    metrics
        Further numbers by name.
    """

    form: str
    subject: tuple[str, ...]
    text: str
    p_value: float
    effect: float
    gate: Gate = "none"
    n: int | None = None
    at: int | None = None
    until: int | None = None
    involved: tuple[int, ...] = ()
    involved_count: int | None = None
    metrics: dict[str, float] = {}


class Verdict(Struct, frozen=True):
    """All that a detector says of one window.

    Parameters
    ----------
    claims
        In any order that is always the same.
    tested
        How many hypotheses were tested, those without a claim included, which count as less
        significant than those with one; by default as many as there are claims.
    """

    claims: tuple[Claim, ...] = ()
    tested: int | None = None


class WindowView(Protocol):
    """A window as a detector sees it, beside its own summary of all the window's rows."""

    @property
    def names(self) -> tuple[str, ...]:
        """Metric names, sorted."""
        ...

    @property
    def span(self) -> Span:
        """Log positions of the window's ends in analysis order, and its number of rows."""
        ...

    @property
    def group(self) -> str | None:
        """The label group the window is about."""
        ...

    @property
    def sample(self) -> Table:
        """Runs of consecutive rows: all of them when `exact`, else a bounded choice."""
        ...

    @property
    def exact(self) -> bool:
        """Whether the sample is the whole window."""
        ...

    @property
    def scan(self) -> _Scan:
        """Reads rows again, ``scan(start, stop)``, numbered from 0 at the window's start."""
        ...


class Summary(Protocol):
    """What a detector keeps of a stretch of consecutive rows: a value, of bounded size.

    `observe` and `merge` give a new one and change none, since windows that overlap share them.
    Panes and merges come in an order that depends on the rows alone, so that results are the same
    bytes online, replayed or spread over workers, provided that nothing but the arguments
    enters: no clock, no unseeded randomness, no order of a set.
    """

    def observe(self, pane: Table) -> Self:
        """Summarise this stretch and the rows that follow it: 1 to `PANE_ROWS`, NaN is absent."""
        ...

    def merge(self, other: Self) -> Self:
        """Summarise this stretch and the other, which follows it; associative."""
        ...

    def detect(self, view: WindowView) -> Verdict:
        """Say what is in the window that this summarises; asked twice, it answers the same."""
        ...


class Detector(Protocol):
    """What an entry point gives, or a class that makes one when called without arguments."""

    @property
    def name(self) -> str:
        """The name of the entry point: lower-case letters, digits, ``-`` and ``_``."""
        ...

    def start(self) -> Summary:
        """Give the summary of no rows."""
        ...


class Registered(Struct, frozen=True):
    """A detector in a profile.

    Parameters
    ----------
    name
        Its name.
    package
        What it comes from: a distribution and its version, or a module.
    detector
        The detector itself.
    """

    name: str
    package: str
    detector: Detector


class Failure(Struct, frozen=True):
    """A detector of your own that failed; what all others found stands.

    Parameters
    ----------
    detector
        Its name.
    text
        What happened, first.
    windows
        In how many windows nothing of it can be said.
    """

    detector: str
    text: str
    windows: int = 1


class _Scan(Protocol):
    def __call__(self, start: int, stop: int, /) -> Iterator[Table]: ...
