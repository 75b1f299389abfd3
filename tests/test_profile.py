"""Profiles: what is hidden, and what a profile file may say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crackle_stream import CoolingRate, ThermalProfile
from crackle_stream.errors import UsageError
from crackle_stream.pattern import KINDS
from crackle_stream.profile import MetricSettings, load_profile

HIDING = {
    "clustering": ThermalProfile.without_clustering,
    "phase_transition": ThermalProfile.without_phase_transitions,
    "conservation": ThermalProfile.without_conservation,
    "correlation": ThermalProfile.without_correlations,
}

FULL = """
rate = "slow"
without = ["correlation"]
max_duration_s = 2.5
max_metrics = 50
max_groups = 20

[metrics.seconds]
unit = "s"
better = "lower"

[metrics.run_id]
ignore = true
"""


@given(st.lists(st.sampled_from(KINDS)))
def test_hiding_kinds_hides_those_and_nothing_else(kinds):
    profile = ThermalProfile.slow_cooling()
    for kind in kinds:
        profile = HIDING[kind](profile)
    assert [kind for kind in KINDS if not profile.looks_for(kind)] == sorted(
        set(kinds), key=KINDS.index
    )
    assert (profile.rate, profile.max_duration_s) == (CoolingRate.slow(), 300.0)


def test_no_detection_looks_for_nothing():
    assert not any(map(ThermalProfile.no_detection().looks_for, KINDS))


def test_another_rate_or_limit_keeps_the_rest():
    profile = ThermalProfile.fast_cooling().without_clustering()
    slow = profile.with_rate("slow").with_max_duration(None)
    assert (slow.rate, slow.max_duration_s) == (CoolingRate.slow(), None)
    assert slow.without == profile.without
    assert profile.with_rate(CoolingRate.slow()) == profile.with_rate("slow")


def test_a_rate_or_a_limit_that_cannot_be_meant_is_a_usage_error():
    with pytest.raises(UsageError, match="no cooling rate 'quick': choose fast, normal or slow"):
        ThermalProfile().with_rate("quick")
    for seconds in (0, -1, float("nan")):
        with pytest.raises(UsageError, match="is no limit"):
            ThermalProfile().with_max_duration(seconds)


@pytest.mark.parametrize("name", ["crackle.toml", "pyproject.toml"])
def test_a_profile_file_says_everything_that_a_profile_holds(tmp_path, name):
    table = "[tool.crackle]" if name == "pyproject.toml" else ""
    nested = "[tool.crackle.metrics." if table else "[metrics."
    (tmp_path / name).write_text(table + FULL.replace("[metrics.", nested))
    profile = load_profile(tmp_path / name)
    assert profile == ThermalProfile(
        rate=CoolingRate.slow(),
        without=frozenset({"correlation"}),
        max_duration_s=2.5,
        settings={
            "seconds": MetricSettings(unit="s", better="lower"),
            "run_id": MetricSettings(ignore=True),
        },
        max_metrics=50,
        max_groups=20,
    )
    assert profile.ignores("run_id")
    assert not profile.ignores("seconds")
    assert not profile.ignores("another")


@pytest.mark.parametrize(
    "text", ["", "[tool.ruff]\nline-length = 100\n", "[project]\nname = 'x'\n"]
)
def test_a_project_without_a_profile_has_the_default_without_a_limit(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    assert load_profile(tmp_path / "pyproject.toml") == ThermalProfile().with_max_duration(None)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("crackle.toml", b"rate = 'quick'", r"'quick' - at `\$.rate`"),
        ("crackle.toml", b"rats = 'slow'", "unknown field `rats`"),
        (
            "crackle.toml",
            b"without = ['clusters']",
            r"at \$.without\[0\]: 'clusters' is not one of clustering, ",
        ),
        ("crackle.toml", b"[metrics.x]\nbetter = 'up'", "'up' - at"),
        ("crackle.toml", b"max_duration_s = 0", "max_duration_s must be more than 0"),
        ("crackle.toml", b"max_duration_s = nan", "max_duration_s must be more than 0"),
        ("crackle.toml", b"max_metrics = 0", r">= 1 - at `\$.max_metrics`"),
        ("crackle.toml", b"max_groups = 'all'", r"at `\$.max_groups`"),
        ("crackle.toml", b"rate = ,", "line 1"),
        ("crackle.toml", b"\xff", "utf-8"),
        ("pyproject.toml", b"[tool.crackle]\nrate = 'quick'", r"at `\$.tool.crackle.rate`"),
        ("pyproject.toml", b"tool = 'crackle'", r"at `\$.tool`"),
        ("pyproject.toml", b"[tool]\ncrackle = 3", r"at `\$.tool.crackle`"),
    ],
)
def test_a_profile_file_that_cannot_be_meant_says_where(tmp_path, name, text, why):
    (tmp_path / name).write_bytes(text)
    with pytest.raises(UsageError, match=why) as raised:
        load_profile(tmp_path / name)
    assert str(tmp_path / name) in str(raised.value)


@pytest.mark.parametrize("place", ["", "missing.toml"])
def test_a_profile_file_that_cannot_be_read_is_a_usage_error(tmp_path, place):
    with pytest.raises(UsageError, match="profile file"):
        load_profile(tmp_path / place)
