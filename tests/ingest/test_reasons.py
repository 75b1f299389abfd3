"""The table of reason codes says what the code does."""

import ast
import re
from pathlib import Path

import pytest

import crackle_stream
from crackle_stream.ingest.limits import NAMES, Limits
from crackle_stream.ingest.reasons import REASONS

PACKAGE = Path(crackle_stream.__file__).parent
DOCUMENT = PACKAGE.parent / "schemas" / "reasons.md"


def codes_given():
    """Find the reason of each `Flaw` and `Rejection` that is made anywhere."""
    for module in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Flaw", "Rejection"):
                first = node.args[:1] if node.func.id == "Flaw" else []
                named = [word.value for word in node.keywords if word.arg == "reason"]
                for value in [*first, *named]:
                    yield from (
                        part.value
                        for part in ast.walk(value)
                        if isinstance(part, ast.Constant) and isinstance(part.value, str)
                    )


def rows(section):
    text = DOCUMENT.read_text("utf-8").partition(f"\n{section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \| ([^|]*) \|", text, re.M)


@pytest.fixture
def document():
    if not DOCUMENT.exists():
        pytest.skip("only the repository has the document")
    return DOCUMENT.read_text("utf-8")


def test_every_code_that_is_given_stands_in_the_table_and_no_other():
    # `no_zone` and `bad_time` are chosen by an expression whose value has a name.
    assert set(codes_given()) | {"no_zone", "bad_time"} == set(REASONS)


def test_the_document_says_the_same_as_the_code(document):
    told = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", document.partition("\n## ")[0], re.M))
    assert told == {code: text.replace("2**53", "2^53") for code, text in REASONS.items()}


def test_the_document_has_the_limits_with_their_defaults(document):
    units = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20}
    told = {}
    for name, value in rows("## Limits"):
        number, _, unit = value.partition(" ")
        told[NAMES[name]] = int(number) * units[unit]
    assert Limits(**told) == Limits()
    assert set(told) == set(NAMES.values())
