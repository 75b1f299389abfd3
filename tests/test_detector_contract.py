"""The contract of detectors: an example package passes it, and breaks it in each way."""

import sys
from pathlib import Path

import numpy as np
import pytest

from crackle_stream.testing import CHECKS, case_of
from crackle_stream.testing.streams import events_of

sys.path.insert(0, str(Path(__file__).parent / "detectors" / "crackle-stuck"))

from crackle_stuck import Stuck


def planted():
    """Give three noisy metrics, one of which repeats a value for a while."""
    values = np.random.default_rng(3).normal(50, 5, (240, 3))
    values[100:130, 1] = values[100, 1]
    return events_of(values, ["a", "b", "c"])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_example_keeps_every_part_of_the_contract(check):
    check(case_of(Stuck(), planted()))
