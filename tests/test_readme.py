"""The README is true: its console blocks print what they say, its Python blocks run."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.M | re.S)
CONSOLE = [text for language, text in BLOCKS if language == "console"]
PYTHON = [text for language, text in BLOCKS if language == "python"]


def commands(block):
    """Give each `$ command` of a block with the output that stands below it."""
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, output = re.fullmatch(r"((?:.*\|\n)*.*)\n?((?:.|\n)*)", part).groups()
        yield command, output


@pytest.mark.parametrize("block", CONSOLE, ids=lambda text: text.split("\n")[0])
def test_a_console_block_prints_what_the_readme_says(block, tmp_path):
    (tmp_path / "replay").symlink_to(ROOT / "replay")
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    for command, expected in commands(block):
        done = subprocess.run(
            ["bash", "-c", f"{command} 2>&1"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        pattern = re.escape(expected.rstrip("\n")).replace(r"\.\.\.", r"(.|\n)*")
        assert re.fullmatch(pattern, done.stdout.rstrip("\n")), done.stdout


@pytest.mark.parametrize("block", PYTHON, ids=lambda text: text.split("\n")[0])
def test_a_python_block_runs_and_prints_what_the_readme_says(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = doctest.DocTestParser().get_doctest(block, {}, "README", "README.md", 0)
    assert example.examples
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert runner.run(example).failed == 0


def test_every_command_that_the_readme_names_is_one():
    crackle = Path(sys.executable).parent / "crackle"
    shown = subprocess.run([crackle, "--help"], capture_output=True, text=True, check=True)
    assert set(re.findall(r"`?crackle ([a-z]+)", "".join(CONSOLE))) <= set(shown.stdout.split())
