"""Golden files: written anew with ``CRACKLE_WRITE_GOLDEN=1 pytest tests/cli``, then read."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from crackle_stream.cli import main
from crackle_stream.cli.group import COMMANDS

GOLDEN = Path(__file__).parent / "golden"
PATHS = [
    [],
    *([name] for name in COMMANDS),
    ["log", "info"],
    ["log", "verify"],
    ["log", "cat"],
    ["log", "mark"],
    ["log", "retain"],
    ["log", "forget"],
    ["log", "compact"],
    ["log", "salvage"],
    ["quarantine", "list"],
    ["quarantine", "show"],
    ["quarantine", "retry"],
]


def help_of(path):
    done = CliRunner().invoke(main, [*path, "--help"], prog_name="crackle", terminal_width=80)
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_is_as_it_was(path):
    golden = GOLDEN / f"{'-'.join(['crackle', *path])}.txt"
    if os.environ.get("CRACKLE_WRITE_GOLDEN"):
        golden.write_text(help_of(path), "utf-8")
    assert help_of(path) == golden.read_text("utf-8")


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_has_an_example_and_fits_any_terminal(path):
    text = help_of(path)
    assert "Example" in text
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 80


def test_every_option_says_what_it_does():
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        options = [p for p in command.params if isinstance(p, click.Option)]
        assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("arguments", [["--help"], ["cool", "--help"], ["log", "cat", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys\n"
        "from crackle_stream.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "heavy = {'numpy', 'scipy', 'river'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
