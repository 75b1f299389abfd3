"""The schemas in the repository are those of the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crackle_stream.schema import event_schema, pattern_schema, schema_text

SCHEMAS = Path(__file__).parent.parent / "schemas"


@pytest.mark.parametrize(
    ("name", "schema"), [("event", event_schema()), ("pattern", pattern_schema())]
)
def test_a_schema_file_says_what_the_structs_say(name: str, schema: dict[str, Any]) -> None:
    file = SCHEMAS / f"{name}.schema.json"
    assert file.read_text("utf-8") == schema_text(schema)


def test_the_event_schema_asks_for_metrics_only_and_describes_every_field() -> None:
    event = event_schema()["$defs"]["EventLine"]
    assert event["required"] == ["metrics"]
    assert all("description" in field for field in event["properties"].values())


def test_the_pattern_schema_knows_the_four_kinds_and_that_of_your_own_detectors() -> None:
    kinds = set(pattern_schema()["discriminator"]["mapping"])
    assert kinds == {"clustering", "phase_transition", "conservation", "correlation", "custom"}
