"""Detectors of installed packages on the command line: found, hidden, gated, failing, refused."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from crackle_stream.cli import main
from crackle_stream.pattern import Pattern

EXAMPLE = Path(__file__).parents[1] / "detectors" / "crackle-stuck" / "crackle_stuck.py"

CALM = """
from crackle_stream import Claim, Verdict

class Calm:
    name = "{name}"
    def start(self): return self
    def observe(self, pane): return self
    def merge(self, other): return self
    def detect(self, view):
        {detect}
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Give a function that installs a package of one module with one detector, as pip would."""
    places = tmp_path / "site"
    places.mkdir()
    monkeypatch.syspath_prepend(places)
    modules = set()

    def installed(name, module, *, target, package=None):
        package = package or f"crackle-{name}"
        stem = target.split(":")[0]
        modules.add(stem)
        (places / f"{stem}.py").write_text(module)
        told = places / f"{package.replace('-', '_')}-0.1.0.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1.0\n")
        entry = f"[crackle_stream.detectors]\n{name} = {target}\n"
        (told / "entry_points.txt").write_text(entry)

    yield installed
    for stem in modules:
        sys.modules.pop(stem, None)


@pytest.fixture
def stuck(install):
    install("stuck", EXAMPLE.read_text(), target="crackle_stuck:Stuck")


def calm(install, name, detect, **other):
    module = CALM.format(name=name, detect=detect)
    install(name, module, target=f"crackle_{name}:Calm", **other)


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    """One metric steps at the 120th task, the other is stuck for 30 from the 60th on."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    latency = rng.normal(30, 1, 240) + 10 * (np.arange(240) >= 120)
    flow = rng.normal(5, 1, 240)
    flow[60:90] = 5.5
    lines = (
        {"label": f"build-{i}", "time": 60 * i, "metrics": {"flow": f, "latency_ms": x}}
        for i, (f, x) in enumerate(zip(flow.tolist(), latency.tolist(), strict=True))
    )
    (tmp_path / "events.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def found(*arguments):
    done = run("cool", "events.jsonl", "--format", "jsonl", *arguments)
    assert done.exit_code == 0, done.stderr
    return msgspec.json.Decoder(Pattern).decode_lines(done.stdout)


def test_what_an_installed_detector_finds_is_a_pattern_with_place_and_proof(stuck):
    (pattern,) = (pattern for pattern in found() if pattern.kind == "custom")
    assert (pattern.detector, pattern.form, pattern.subject) == ("stuck", "repeat", ("flow",))
    assert (pattern.at, pattern.at_label, pattern.until) == (60, "build-60", 89)
    assert (
        pattern.description
        == "flow is stuck at 5.5 for 30 tasks at build-60 (1970-01-01T01:00:00Z)"
    )
    assert pattern.evidence.p_value <= pattern.evidence.q_value < 1e-9
    assert (pattern.evidence.effect, pattern.evidence.tested) == (30.0, 2)


def test_the_report_for_people_says_it_like_any_other(stuck):
    text = run("cool", "events.jsonl").stdout
    assert "flow is stuck at 5.5 for 30 tasks at build-60" in text
    assert "position 60 until 89" in text


def test_an_installed_detector_changes_no_other_pattern(install):
    before = found()
    install("stuck", EXAMPLE.read_text(), target="crackle_stuck:Stuck")
    after = found()
    assert len(after) == len(before) + 1
    assert [pattern for pattern in after if pattern.kind != "custom"] == before


def test_workers_and_windows_change_no_byte(stuck):
    arguments = ["cool", "events.jsonl", "--window", "80", "--slide", "40", "--format", "json"]
    alone, two = (run(*arguments, *more).stdout for more in ([], ["--workers", "2"]))
    assert b'"detector":"stuck"' in alone.encode()
    assert alone == two


def test_a_detector_is_hidden_by_its_name_and_is_not_imported_then(install, directory):
    install("stuck", "raise RuntimeError('imported')", target="crackle_stuck:Stuck")
    assert run("cool", "events.jsonl", "--without", "stuck").stderr.count("\n") == 1
    (directory / "crackle.toml").write_text('without = ["stuck"]')
    assert "imported" not in run("cool", "events.jsonl").stderr


def test_a_name_that_nobody_has_is_refused_with_those_there_are(stuck):
    done = run("cool", "events.jsonl", "--without", "stick")
    assert done.exit_code == 2
    assert "--without: 'stick' is not one of" in done.stderr
    assert "correlation, stuck" in done.stderr


def test_a_gate_can_be_set_on_a_detector(stuck):
    done = run("cool", "events.jsonl", "--fail-on", "stuck")
    assert done.exit_code == 1
    assert "--fail-on stuck: 1 found" in done.stderr


FAILING = {
    "raise ValueError('two\\nlines \\x1b[2J')": "detect raised ValueError: two lines \\x1b[2J "
    "(crackle_calm, line ",
    "raise ValueError(10000 * 'long')": "detect raised ValueError: longlong",
    "return None": "detect gave NoneType, and not a Verdict",
    "import sys; sys.exit(3)": "detect raised SystemExit: 3",
    "return Verdict((Claim(form='x', subject=(), text='x', p_value=float('nan'), effect=1),))": (
        "the p_value of a claim is nan, and not a finite number"
    ),
    "return Verdict((Claim(form='x', subject=(), text='x', p_value=1.5, effect=1),))": (
        "the p_value 1.5 of a claim is not within 0 and 1"
    ),
    "return Verdict((Claim(form='x', subject=(), text='x', p_value=0, effect=1, at=240),))": (
        "a claim names position 240, which is not in the window"
    ),
    "import random; return Verdict((), tested=random.getrandbits(40))": (
        "detect gave two answers of one window"
    ),
}


@pytest.mark.parametrize("detect", FAILING)
def test_a_detector_that_fails_is_named_and_takes_nothing_else_along(install, detect):
    before = found()
    calm(install, "calm", detect)
    done = run("cool", "events.jsonl", "--format", "json", "-q")
    assert done.exit_code == 0
    assert f"crackle: the detector calm (crackle-calm 0.1.0): {FAILING[detect]}" in done.stderr
    assert "Update or uninstall it, or leave it out with --without calm" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr) < 800
    (checkpoint,) = json.loads(done.stdout)["checkpoints"]
    assert checkpoint["partial"]
    assert checkpoint["failures"][0]["detector"] == "calm"
    assert found("-q") == before


def test_the_report_for_people_says_that_it_is_partial(install):
    calm(install, "calm", "raise ValueError('no')")
    assert "partial: the detector calm (crackle-calm" in run("cool", "events.jsonl").stdout


def test_a_detector_that_fails_in_some_windows_speaks_of_the_others(install):
    detect = (
        "if view.span.first == 80: raise ValueError\n"
        "        return Verdict((Claim(form='x', subject=(), text='x', p_value=0, effect=1,"
        " at=view.span.first),))"
    )
    calm(install, "calm", detect)
    done = run("cool", "events.jsonl", "--window", "40", "--format", "jsonl")
    said = msgspec.json.Decoder(Pattern).decode_lines(done.stdout)
    assert sorted(p.at for p in said if p.kind == "custom") == [0, 40, 120, 160, 200]
    assert "in 1 of 6 windows" in done.stderr


def test_a_gate_on_a_detector_that_failed_is_met_since_nobody_watched(install):
    calm(install, "calm", "raise ValueError('no')")
    done = run("cool", "events.jsonl", "--fail-on", "calm")
    assert done.exit_code == 1
    assert "--fail-on calm: cannot be told, since it failed" in done.stderr


@pytest.mark.parametrize(
    ("module", "target", "said"),
    [
        ("import nonesuch", "crackle_stuck:Stuck", "ModuleNotFoundError: No module named 'none"),
        ("", "crackle_stuck:Stuck", "has no attribute 'Stuck'"),
        ("def Stuck(: ...", "crackle_stuck:Stuck", "SyntaxError"),
        ("Stuck = 3", "crackle_stuck:Stuck", "it has no `name`"),
        ("class Stuck: name = 'stuck'", "crackle_stuck:Stuck", "it has no `start()`"),
        (CALM.format(name="other", detect="..."), "crackle_stuck:Calm", "its name is 'other'"),
        ("import sys; sys.exit()", "crackle_stuck:Stuck", "SystemExit"),
    ],
)
def test_a_detector_that_cannot_be_loaded_is_named_and_the_others_run(
    install, module, target, said
):
    before = found()
    install("stuck", module, target=target)
    done = run("cool", "events.jsonl", "--format", "jsonl")
    assert "the detector stuck (crackle-stuck 0.1.0): " in done.stderr
    assert f"{target} cannot be loaded: " in done.stderr
    assert said in done.stderr
    assert msgspec.json.Decoder(Pattern).decode_lines(done.stdout) == before
    assert said in run("version").stdout


@pytest.mark.parametrize("name", ["stuck", "clustering", "custom"])
def test_two_of_one_name_and_the_names_of_kinds_are_refused(install, stuck, name):
    calm(install, name, "return Verdict()", package="other-package")
    done = run("cool", "events.jsonl")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "other-package 0.1.0" in done.stderr
    assert "uninstall" in done.stderr


def test_two_of_one_name_can_be_hidden(install, stuck):
    calm(install, "stuck", "return Verdict()", package="other-package")
    assert "custom" not in {pattern.kind for pattern in found("--without", "stuck")}


def test_the_version_lists_what_is_loaded(stuck):
    assert run("version").stdout.splitlines()[-1] == "detector stuck (crackle-stuck 0.1.0)"


def test_the_plan_names_the_detectors_and_their_packages(stuck):
    done = run("cool", "events.jsonl", "--format", "json")
    profile = json.loads(done.stdout)["plan"]["profile"]
    assert profile["detectors"] == [{"name": "stuck", "package": "crackle-stuck 0.1.0"}]


@pytest.mark.parametrize("arguments", [["--help"], ["cool", "--help"], ["version", "--help"]])
def test_help_looks_for_no_detectors(stuck, directory, arguments):
    code = (
        "import sys\n"
        "from crackle_stream.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "early = {'crackle_stuck', 'importlib.metadata'} & set(sys.modules)\n"
        "sys.exit(f'imported {early}' if early else 0)\n"
    )
    command = [sys.executable, "-c", code, *arguments]
    path = f"{directory / 'site'}:{Path(__file__).parents[2]}"
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr


def test_the_example_is_what_its_page_shows():
    page = Path(__file__).parents[2] / "schemas" / "detectors.md"
    assert EXAMPLE.read_text() in page.read_text()
    assert (EXAMPLE.parent / "pyproject.toml").read_text() in page.read_text()


def test_watching_names_a_detector_that_fails_once(install):
    calm(install, "calm", "raise ValueError('no')")
    done = run("watch", "events.jsonl", "--every", "60")
    assert done.stderr.count("the detector calm (crackle-calm 0.1.0): detect raised") == 1
