from pathlib import Path

import pytest
from click.testing import CliRunner

from crackle_stream.cli import main

SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.mark.parametrize("noun", ["event", "pattern"])
def test_a_schema_is_printed_as_it_stands_in_its_file(noun):
    printed = CliRunner().invoke(main, ["schema", noun]).stdout
    assert printed == (SCHEMAS / f"{noun}.schema.json").read_text("utf-8")


def test_the_version_names_what_results_depend_on():
    told = CliRunner().invoke(main, ["version"]).stdout
    assert [line.split()[0] for line in told.splitlines()] == [
        "crackle-stream",
        "numpy",
        "scipy",
        "river",
        "msgspec",
        "click",
        "python",
    ]
