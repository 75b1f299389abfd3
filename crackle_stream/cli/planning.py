"""From options to a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from crackle_stream.cli.say import say
from crackle_stream.cooling.plan import Plan
from crackle_stream.plugins import check_known
from crackle_stream.profile import CONFIG_FILE, RateName, ThermalProfile, load_profile
from crackle_stream.timestamp import SECOND, parse_span
from crackle_stream.window.checkpoints import CheckpointSpec
from crackle_stream.window.groups import GroupSpec
from crackle_stream.window.spec import WindowSpec


class PlanOptions(Struct, frozen=True, kw_only=True):
    """The options of `plan_options`, and what is gated, as given."""

    rate: RateName | None = None
    without: tuple[str, ...] = ()
    fail_on: tuple[str, ...] = ()
    window: str | None = None
    slide: str | None = None
    every: str | None = None
    at: tuple[str, ...] = ()
    group_by: str | None = None
    order: Literal["time", "log"] = "time"
    lateness: str | None = None
    members: bool = False
    profile: str | None = None
    max_duration: str | None = None
    quiet: bool = False


def plan_of(given: dict[str, Any]) -> Plan:
    """Make the plan that options ask for.

    Raises
    ------
    UsageError
        When an option cannot be meant.
    """
    options = msgspec.convert(given, PlanOptions)
    return Plan(
        window=WindowSpec.parse(options.window, options.slide),
        checkpoints=CheckpointSpec.parse(options.every, options.at),
        order=options.order,
        lateness=None if options.lateness is None else parse_span(options.lateness),
        group_by=None if options.group_by is None else GroupSpec.parse(options.group_by),
        profile=_profile(options),
        members=options.members,
    )


def _profile(options: PlanOptions) -> ThermalProfile:
    """Let options override the file; without either there is no limit on the time.

    What is hidden is hidden before the detectors that are installed are imported.
    """
    profile = _from_file(options)
    if options.rate is not None:
        profile = profile.with_rate(options.rate)
    if options.max_duration is not None:
        profile = profile.with_max_duration(parse_span(options.max_duration) / SECOND)
    for name in options.fail_on:
        check_known(name, "--fail-on")
    for name in options.without:
        check_known(name, "--without")
        profile = profile.hiding(name)
    return profile.with_installed_detectors()


def _from_file(options: PlanOptions) -> ThermalProfile:
    if options.profile is not None:
        return load_profile(Path(options.profile))
    if not Path(CONFIG_FILE).is_file():
        return ThermalProfile(max_duration_s=None)
    if not options.quiet:
        say(f"profile: {CONFIG_FILE} of this directory")
    return load_profile(Path(CONFIG_FILE))
