import pytest

from crackle_stream.cli.planning import plan_of
from crackle_stream.errors import UsageError
from crackle_stream.timestamp import MINUTE


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_options_there_is_no_limit_on_the_time():
    assert plan_of({}).profile.max_duration_s is None


def test_a_limit_is_a_span():
    assert plan_of({"max_duration": "1m30s"}).profile.max_duration_s == 90.0


def test_lateness_is_in_nanoseconds():
    assert plan_of({"lateness": "5m"}).lateness == 5 * MINUTE


def test_hidden_kinds_add_to_those_of_the_profile(directory):
    (directory / "mine.toml").write_text('without = ["clustering"]')
    profile = plan_of({"profile": "mine.toml", "without": ["correlation"]}).profile
    assert profile.without == {"clustering", "correlation"}


def test_the_profile_of_the_directory_is_taken_and_named(directory, capsys):
    (directory / "crackle.toml").write_text('rate = "slow"')
    assert plan_of({}).profile.rate.name == "slow"
    assert capsys.readouterr().err == "profile: crackle.toml of this directory\n"


def test_a_profile_that_is_named_comes_before_that_of_the_directory(directory, capsys):
    (directory / "crackle.toml").write_text('rate = "slow"')
    (directory / "mine.toml").write_text('rate = "fast"')
    assert plan_of({"profile": "mine.toml"}).profile.rate.name == "fast"
    assert capsys.readouterr().err == ""


def test_an_option_comes_before_the_profile(directory):
    (directory / "crackle.toml").write_text('rate = "slow"\nmax_duration_s = 5')
    profile = plan_of({"rate": "fast", "max_duration": "1m", "quiet": True}).profile
    assert (profile.rate.name, profile.max_duration_s) == ("fast", 60.0)


def test_a_profile_with_unknown_words_is_refused(directory):
    (directory / "crackle.toml").write_text('speed = "slow"')
    with pytest.raises(UsageError, match="speed"):
        plan_of({"quiet": True})
