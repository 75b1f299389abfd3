"""What cooling finds: patterns, each with its proof, as a contract in JSON.

Four kinds are built in; what a detector of your own finds is of a fifth, `custom`, so that the
four keep the meaning, the null and the share of false patterns that their detectors state.

The contract grows and never changes: keys keep their order and meaning, absent is left out.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

Kind: TypeAlias = Literal["clustering", "phase_transition", "conservation", "correlation"]
KINDS: tuple[Kind, ...] = ("clustering", "phase_transition", "conservation", "correlation")
"""The kinds that are built in."""
CUSTOM: Final = "custom"
"""The kind of what detectors of your own find."""

PhaseForm: TypeAlias = Literal["level", "spread", "trend", "distribution", "drift"]
LawForm: TypeAlias = Literal["constant", "linear", "power"]
CorrelationForm: TypeAlias = Literal["linear", "monotone", "nonlinear"]

Status: TypeAlias = Literal["appeared", "confirmed", "changed", "weakened", "gone", "acknowledged"]
"""What became of a pattern since the checkpoint before, or that somebody knows of it."""

CONFIDENCE: Final = (
    "From 0 to 1: the share of patterns of this kind and form with as small a q-value that were"
    " true on a stated planted mix; at most 0.6 where a handful of tasks was judged by thresholds."
)


class Span(Struct, frozen=True, omit_defaults=True):
    """The stretch a pattern was found in: its ends in analysis order, and its size.

    Parameters
    ----------
    first, last
        Log positions of its ends.
    n
        How many tasks it has.
    first_time, last_time
        Times of its ends, where they have any.
    """

    first: int
    last: int
    n: int
    first_time: str | None = None
    last_time: str | None = None


class Evidence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a pattern is believed.

    Parameters
    ----------
    n
        Tasks the test looked at.
    effect
        Size of the effect in the unit that the size gate of its kind is stated in.
    p_value
        Under the null that the detector's docstring states.
    q_value
        The same, corrected over every hypothesis of its kind at the checkpoint.
    tested
        How many hypotheses those were.
    """

    n: int
    effect: float
    p_value: float
    q_value: float
    tested: int


class Level(Struct, frozen=True):
    """One side of a change: its mean, standard deviation and number of tasks."""

    mean: float
    std: float
    n: int


class Stretch(Struct, frozen=True, omit_defaults=True):
    """From which log position to which something held; times of both where they have any."""

    first: int
    last: int
    first_time: str | None = None
    last_time: str | None = None


class CracklePattern(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """A finding: what every kind of pattern says.

    Parameters
    ----------
    id
        Stateless: a hash of kind, subject, form and place.
    description
        One sentence.
    confidence
        From 0 to 1: the share of patterns of its kind, and form, with as small a q-value (corrected
        by Benjamini and Hochberg, at any rate) that were true on the stated planted mix; at most
        0.6 where a handful of tasks was judged by thresholds alone.
    subject
        The metrics it is about, sorted (a lagged correlation: the leading one first).
    metrics
        The pattern's own numbers by name.
    involved_tasks, involved_count
        Labels of the tasks responsible (at most 20), and how many they are.
    window
        The stretch looked at.
    group, checkpoint
        The label group, and the log position the checkpoint stands at.
    evidence
        The proof.
    finding
        Patterns with the same one belong together.
    partial
        Whether time ran out before everything was looked at.
    life, status
        Where one checkpoint follows another: what stays the same while a pattern is found again,
        though its place moves a little; and what became of it. What was acknowledged, and says
        what it said then, is `acknowledged` at any checkpoint.
    """

    id: str
    description: str
    confidence: Annotated[float, Meta(description=CONFIDENCE)]
    subject: tuple[str, ...]
    metrics: dict[str, float]
    involved_tasks: tuple[str, ...]
    involved_count: int
    window: Span
    group: str | None = None
    checkpoint: int | None = None
    evidence: Evidence
    finding: str | None = None
    partial: bool = False
    life: str | None = None
    status: Status | None = None

    @property
    def kind(self) -> Kind | Literal["custom"]:
        """Which kind of pattern this is."""
        kind: Any = self.__struct_config__.tag
        return kind  # type: ignore[no-any-return]

    @property
    def family(self) -> str:
        """What it is hidden and corrected by: its kind, or the name of a detector of your own."""
        return self.kind


class ClusteringPattern(CracklePattern, frozen=True, kw_only=True, tag="clustering"):
    """Tasks that behave alike and unlike the others: one group of them.

    Parameters
    ----------
    members
        Log positions of the group (on request).
    size
        How many tasks are in it.
    center, spread
        Median and robust standard deviation per metric, in the metric's own unit.
    separation
        Gap to the nearest other group over the spread within.
    borders
        Where groups follow one another in time instead of taking turns: log positions of the
        first tasks of stretches that are this group's, or follow one of its own.
    """

    members: tuple[int, ...] | None = None
    size: int
    center: dict[str, float]
    spread: dict[str, float]
    separation: float
    borders: tuple[int, ...] | None = None


class PhaseTransitionPattern(CracklePattern, frozen=True, kw_only=True, tag="phase_transition"):
    """A metric that changed its regime, or (`drift`) wanders without one.

    Parameters
    ----------
    form
        What changed: level, spread, slope (`trend`), shape (`distribution`); or `drift`.
    at, at_label, at_time
        Log position, label and time of the first task after the change.
    at_low, at_high
        Log positions between which the change lies with 95 % confidence.
    before, after
        The segments on both sides.
    """

    form: PhaseForm
    at: int | None = None
    at_label: str | None = None
    at_time: str | None = None
    at_low: int | None = None
    at_high: int | None = None
    before: Level | None = None
    after: Level | None = None


class ConservationPattern(CracklePattern, frozen=True, kw_only=True, tag="conservation"):
    """A quantity that stays the same from task to task.

    Parameters
    ----------
    form
        `constant`: one metric; `linear`: sum of coefficient times metric; `power`: product of
        metric to its exponent.
    terms
        Coefficient (or exponent) per metric; ``"x[-1]"`` is a metric's previous value.
    constant
        The value that is conserved.
    residual
        Robust standard deviation around it, in the constant's unit (`power`: of its logarithm).
    holds
        Log positions between which it holds.
    exceptions, exception_count
        Positions of single tasks that break it (at most 100), and how many there are.
    broke_at, broke_label, broke_time
        Position, label and time of the first task from which on it no longer holds.
    """

    form: LawForm
    terms: dict[str, float]
    constant: float
    residual: float
    holds: Stretch
    exceptions: tuple[int, ...] | None = None
    exception_count: int | None = None
    broke_at: int | None = None
    broke_label: str | None = None
    broke_time: str | None = None


class CorrelationPattern(CracklePattern, frozen=True, kw_only=True, tag="correlation"):
    """Two metrics that move together.

    Parameters
    ----------
    form
        `linear`, `monotone` (ranks), or `nonlinear` (Chatterjee's xi).
    r
        Coefficient of that form.
    lag
        Events by which the first of `subject` leads.
    explained_by
        The third metric that both move with, and beside which nothing is left of the correlation.
    """

    form: CorrelationForm
    r: float
    lag: int
    explained_by: str | None = None


class CustomPattern(CracklePattern, frozen=True, kw_only=True, tag=CUSTOM):
    """What a detector of your own found.

    Parameters
    ----------
    detector
        Its name.
    form
        Which of the things it looks for.
    claim
        What it says, in one sentence without the place.
    at, at_label, at_time
        Log position, label and time of the first task of it, where it has a place.
    until
        Log position of the last one.
    """

    detector: str
    form: str
    claim: str
    at: int | None = None
    at_label: str | None = None
    at_time: str | None = None
    until: int | None = None

    @property
    def family(self) -> str:
        """The name of the detector."""
        return self.detector


Pattern: TypeAlias = (
    ClusteringPattern
    | PhaseTransitionPattern
    | ConservationPattern
    | CorrelationPattern
    | CustomPattern
)


class Note(Struct, frozen=True):
    """Something recognised that is no pattern: an identifier, a clock, a setting, a re-ordering.

    Parameters
    ----------
    topic
        What kind of thing.
    text
        One sentence.
    subject
        The metrics it is about.
    at
        Log position of the task from which on it is so, where there is one.
    """

    topic: str
    text: str
    subject: tuple[str, ...] = ()
    at: int | UnsetType = UNSET


def pattern_id(kind: str, *place: str | int | float | None) -> str:
    """Give the id of a pattern: 12 hex digits of SHA-256 over its kind, subject, form and place.

    Examples
    --------
    >>> pattern_id("correlation", "a", "b", 0) == pattern_id("correlation", "a", "b", 0)
    True
    """
    text = msgspec.json.encode([kind, *place])
    return hashlib.sha256(text).hexdigest()[:12]
