"""Decisions beside a log that nobody decided: refused as such, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from crackle_stream import TaskEvent
from crackle_stream.cooling.decisions import DIRECTORY, Decisions
from crackle_stream.errors import LogFormatError
from crackle_stream.event import Scalar, batch_events
from crackle_stream.log.eventlog import EventLog


@pytest.mark.parametrize("topic", ["marker", "reset", "amendment"])
@pytest.mark.parametrize("position", [None, -1, 2**63, 1.5, "1", "x", True])
def test_a_decision_without_a_place_is_refused_by_name(
    tmp_path: Path, topic: str, position: Scalar
) -> None:
    attributes: dict[str, Scalar] = {"name": "n", "position": position, "since": 0}
    event = TaskEvent(metrics={"x": 1.0}, label=topic, attributes=attributes)
    with EventLog.create_or_open(tmp_path / DIRECTORY) as log:
        log.append(batch_events([event]))
    decisions = Decisions(tmp_path / DIRECTORY)
    read = {
        "marker": decisions.markers,
        "reset": decisions.last_reset,
        "amendment": lambda: decisions.amendments(5),
    }
    with pytest.raises(LogFormatError, match=f"a {topic} among the decisions has no position"):
        read[topic]()
