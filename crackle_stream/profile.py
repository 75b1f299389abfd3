"""Which detectors run, how sensitive they are, how long cooling may take."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from crackle_stream.detector import Detector, Registered
from crackle_stream.errors import UsageError
from crackle_stream.pattern import KINDS

RateName: TypeAlias = Literal["fast", "normal", "slow"]

MAX_METRICS: Final = 512
MAX_GROUPS: Final = 1_000


class CoolingRate(Struct, frozen=True):
    """How willing the detectors are: size thresholds and the false discovery level.

    Parameters
    ----------
    name
        `fast` (many fine patterns), `normal` or `slow` (few, sure).
    cluster_threshold
        Least separation of a group: gap over spread within.
    correlation_threshold
        Least coefficient.
    phase_transition_sensitivity
        Least change, in robust standard deviations within the segments.
    conservation_tolerance
        The tolerance of a near-constant metric, in the seed's measure.
    constant_variation
        Largest robust coefficient of variation of a near-constant metric.
    min_tasks_for_detection
        Fewer tasks than this give no pattern.
    false_discovery
        Share of false patterns that is accepted, over all four kinds.
    any_dependence
        Whether the correction holds under any dependence (Benjamini-Yekutieli).

    Examples
    --------
    >>> CoolingRate.fast().cluster_threshold
    1.5
    """

    name: RateName
    cluster_threshold: float
    correlation_threshold: float
    phase_transition_sensitivity: float
    conservation_tolerance: float
    constant_variation: float
    min_tasks_for_detection: int
    false_discovery: float
    any_dependence: bool

    @classmethod
    def fast(cls) -> CoolingRate:
        """Many fine patterns, as from quenching."""
        return cls("fast", 1.5, 0.5, 0.3, 0.5, 0.5, 2, 0.20, False)

    @classmethod
    def normal(cls) -> CoolingRate:
        """Balanced."""
        return cls("normal", 2.5, 0.7, 0.5, 0.3, 0.005, 3, 0.05, False)

    @classmethod
    def slow(cls) -> CoolingRate:
        """Few patterns, each with much behind it."""
        return cls("slow", 4.0, 0.9, 0.8, 0.1, 0.001, 5, 0.01, True)

    @classmethod
    def named(cls, name: str) -> CoolingRate:
        """Give the rate of that name.

        Raises
        ------
        UsageError
            When there is none.
        """
        rates = {rate.name: rate for rate in (cls.fast(), cls.normal(), cls.slow())}
        if name not in rates:
            raise UsageError(f"no cooling rate {name!r}: choose fast, normal or slow")
        return rates[name]


class MetricSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What a profile file may say of one metric."""

    unit: str | None = None
    better: Literal["lower", "higher"] | None = None
    ignore: bool = False


class ThermalProfile(Struct, frozen=True, kw_only=True):
    """A cooling rate, the kinds of pattern looked for, and the time that may be spent.

    Parameters
    ----------
    rate
        Thresholds and the false discovery level.
    without
        Kinds, and detectors of your own by name, that are not reported.
    max_duration_s
        Seconds that a cooling may take; None is no limit.
    settings
        What is known of single metrics.
    max_metrics, max_groups
        How many distinct metric names, and groups of labels, are looked at: the first in the log.
        Further ones are counted under ``__other__``. Memory grows with both.
    detectors
        Those of your own, which run beside the four that are built in.

    Examples
    --------
    >>> profile = ThermalProfile.slow_cooling().without_correlations()
    >>> profile.rate.name, profile.looks_for("correlation")
    ('slow', False)
    """

    rate: CoolingRate = msgspec.field(default_factory=CoolingRate.normal)
    without: frozenset[str] = frozenset()
    max_duration_s: float | None = 60.0
    settings: dict[str, MetricSettings] = msgspec.field(default_factory=dict)
    max_metrics: int = MAX_METRICS
    max_groups: int = MAX_GROUPS
    detectors: tuple[Registered, ...] = ()

    @classmethod
    def fast_cooling(cls) -> ThermalProfile:
        """Low thresholds; at most 10 seconds."""
        return cls(rate=CoolingRate.fast(), max_duration_s=10.0)

    @classmethod
    def default(cls) -> ThermalProfile:
        """Balanced; at most 60 seconds."""
        return cls()

    @classmethod
    def slow_cooling(cls) -> ThermalProfile:
        """High thresholds; at most 300 seconds."""
        return cls(rate=CoolingRate.slow(), max_duration_s=300.0)

    @classmethod
    def no_detection(cls) -> ThermalProfile:
        """Record only."""
        return cls(without=frozenset(KINDS))

    def with_rate(self, rate: CoolingRate | str) -> ThermalProfile:
        """Give the same profile at another rate.

        Raises
        ------
        UsageError
            When there is no rate of that name.
        """
        rate = CoolingRate.named(rate) if isinstance(rate, str) else rate
        return msgspec.structs.replace(self, rate=rate)

    def with_max_duration(self, seconds: float | None) -> ThermalProfile:
        """Give the same profile with another limit; None is no limit.

        Raises
        ------
        UsageError
            When the limit is not more than 0.
        """
        if seconds is not None and not seconds > 0:
            raise UsageError(f"a cooling duration of {seconds} s is no limit: give more than 0")
        return msgspec.structs.replace(self, max_duration_s=seconds)

    def with_detector(self, detector: Detector) -> ThermalProfile:
        """Give the same profile with a detector of your own; changes no other pattern.

        Raises
        ------
        UsageError
            When it is no detector (``schemas/detectors.md`` says what one is), or its name is
            taken.
        """
        from crackle_stream.plugins import register

        return self._enlisting(register(detector))

    def with_installed_detectors(self) -> ThermalProfile:
        """Give the same profile with all detectors that installed packages register.

        The command line does so by itself. What is hidden is not imported.

        Raises
        ------
        UsageError
            When a name is taken.
        """
        from crackle_stream.plugins import load_installed

        return self._enlisting(*load_installed(self.without))

    def hiding(self, kind: str) -> ThermalProfile:
        """Give the same profile without patterns of a kind, or of a detector; changes no other."""
        return msgspec.structs.replace(self, without=self.without | {kind})

    def without_clustering(self) -> ThermalProfile:
        """Give the same profile without clustering."""
        return self.hiding("clustering")

    def without_phase_transitions(self) -> ThermalProfile:
        """Give the same profile without phase transitions."""
        return self.hiding("phase_transition")

    def without_conservation(self) -> ThermalProfile:
        """Give the same profile without conservation laws."""
        return self.hiding("conservation")

    def without_correlations(self) -> ThermalProfile:
        """Give the same profile without correlations."""
        return self.hiding("correlation")

    def looks_for(self, kind: str) -> bool:
        """Whether patterns of that kind, or of the detector of that name, are reported."""
        return kind not in self.without

    @property
    def own(self) -> tuple[Registered, ...]:
        """The detectors of your own that are looked for."""
        return tuple(one for one in self.detectors if self.looks_for(one.name))

    @property
    def families(self) -> tuple[str, ...]:
        """What is corrected by itself: each kind, and each detector of your own by name."""
        return (*KINDS, *(one.name for one in self.detectors))

    def ignores(self, metric: str) -> bool:
        """Whether the profile file says to leave a metric out."""
        return metric in self.settings and self.settings[metric].ignore

    def _enlisting(self, *detectors: Registered) -> ThermalProfile:
        from crackle_stream.plugins import check_names

        enlisted = self.detectors + detectors
        check_names(enlisted)
        return msgspec.structs.replace(self, detectors=enlisted)


class _ProfileFile(Struct, forbid_unknown_fields=True):
    rate: RateName = "normal"
    without: tuple[str, ...] = ()
    max_duration_s: float | None = None
    metrics: dict[str, MetricSettings] = msgspec.field(default_factory=dict)
    max_metrics: Annotated[int, Meta(ge=1)] = MAX_METRICS
    max_groups: Annotated[int, Meta(ge=1)] = MAX_GROUPS


class _Tools(Struct):
    crackle: _ProfileFile = msgspec.field(default_factory=_ProfileFile)


class _ProjectFile(Struct):
    tool: _Tools = msgspec.field(default_factory=_Tools)


CONFIG_FILE: Final = "crackle.toml"


def load_profile(path: Path) -> ThermalProfile:
    """Read a profile from ``crackle.toml``, or from ``[tool.crackle]`` of a ``pyproject.toml``.

    Raises
    ------
    UsageError
        When the file cannot be read, or says something that is not known.
    """
    from crackle_stream.plugins import check_known

    try:
        content = tomllib.loads(path.read_text("utf-8"))
        if path.name == "pyproject.toml":
            file = msgspec.convert(content, _ProjectFile).tool.crackle
        else:
            file = msgspec.convert(content, _ProfileFile)
    except (OSError, ValueError) as error:
        raise UsageError(f"profile file {path}: {error}") from error
    if file.max_duration_s is not None and not file.max_duration_s > 0:
        raise UsageError(f"profile file {path}: max_duration_s must be more than 0")
    for place, name in enumerate(file.without):
        check_known(name, f"profile file {path} at $.without[{place}]")
    return ThermalProfile(
        rate=CoolingRate.named(file.rate),
        without=frozenset(file.without),
        max_duration_s=file.max_duration_s,
        settings=file.metrics,
        max_metrics=file.max_metrics,
        max_groups=file.max_groups,
    )
