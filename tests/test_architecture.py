"""The walls: which room may import which, what is public, and what start-up loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import crackle_stream

PACKAGE = Path(crackle_stream.__file__).parent
ROOMS = ("ingest", "log", "stats", "window", "detect", "cooling", "report", "cli")
NOUNS = {
    *("clock", "detector", "errors", "event", "pattern", "plugins", "profile"),
    *("source", "table", "timestamp"),
}
DOORS = {"kiln", "firing", "task", "schema", "testing"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported_names(module: Path) -> set[str]:
    tree = ast.parse(module.read_text("utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name for name in names if name.split(".")[0] == "crackle_stream"}


def place(dotted: str) -> str:
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_rooms_before_it_and_the_root_nouns(module):
    parts = module.relative_to(PACKAGE).with_suffix("").parts
    here = parts[0]
    if here in DOORS or here in ("__init__", "cli"):
        return
    allowed = set(NOUNS)
    if here in ROOMS:
        allowed |= set(ROOMS[: ROOMS.index(here) + 1])
    wrong = {name for name in imported_names(module) if place(name) not in allowed}
    assert not wrong, f"{here} reaches for {wrong}"


def test_every_module_stands_in_a_known_place():
    places = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in MODULES}
    assert places <= set(ROOMS) | NOUNS | DOORS | {"__init__"}


def test_public_names_are_sorted_and_all_of_them_load():
    assert crackle_stream.__all__ == sorted(crackle_stream.__all__)
    for name in crackle_stream.__all__:
        assert getattr(crackle_stream, name).__name__ == name


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Oven'"):
        _ = crackle_stream.Oven


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import crackle_stream", ("numpy", "scipy", "river", "click")),
        ("from crackle_stream.cli import main", ("scipy", "river", "numpy")),
        ("from crackle_stream import Kiln; Kiln()", ("scipy", "river")),
    ],
)
def test_heavy_rooms_are_loaded_only_when_they_are_used(code, forbidden):
    report = "import sys; print(*(name for name in sys.argv[1:] if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}", *forbidden],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []
