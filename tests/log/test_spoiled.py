"""What a writer does with a log whose bytes were harmed."""

from __future__ import annotations

import pytest

from tests.torture.spoiled import LOGS, shortened, writers


@pytest.mark.parametrize("kind", LOGS)
def test_a_writer_keeps_what_it_cuts_of_a_log_cut_short(kind: str) -> None:
    assert list(shortened(kind, step=23)) == []


def test_a_writer_refuses_flipped_bits_or_loses_nothing_acknowledged() -> None:
    assert list(writers("left open")) == []
