"""Numbers of any size: looked at where arithmetic reaches them, else named; never a warning."""

from __future__ import annotations

import numpy as np
import pytest

from crackle_stream.clock import Deadline
from crackle_stream.detect.examine import Examination, examine
from crackle_stream.detect.reach import LARGEST, SMALLEST
from crackle_stream.detect.view import table_of, view_table
from crackle_stream.profile import ThermalProfile

FAST = ThermalProfile.fast_cooling()
SHAPES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "heavy": lambda rng, n: rng.standard_cauchy(n),
    "spanning": lambda rng, n: np.exp(rng.normal(size=n) * 20),
    "whole": lambda rng, n: rng.integers(-9, 9, n).astype(float),
    "step": lambda rng, n: (np.arange(n) > n // 2).astype(float),
    "rare": lambda rng, n: (rng.random(n) < 0.05).astype(float),
}


def examined(columns: dict[str, np.ndarray]) -> Examination:
    return examine(view_table(table_of(dict(columns))), FAST, Deadline(None))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e-300, 1e-59, 1e-12, 1.0, 1e12, 1e30, 1e250])
@pytest.mark.parametrize("n", [3, 24, 60])
def test_columns_of_any_size_are_examined_without_a_warning(scale: float, n: int) -> None:
    rng = np.random.default_rng(n)
    columns = {name: scale * make(rng, n) for name, make in SHAPES.items()}
    columns["beside"] = rng.normal(size=n)
    columns["sum"] = columns["normal"] + columns["step"]
    examined(columns)


@pytest.mark.filterwarnings("error")
def test_constants_of_nature_in_one_column_are_examined() -> None:
    sizes = np.random.default_rng(0).permutation(np.linspace(-60, 50, 350))
    examined({"value": 10**sizes, "negative": -(10**sizes), "digits": sizes.round()})


def lopsided(seed: int) -> dict[str, np.ndarray]:
    """Give columns that mix what is tiny, usual and huge, of few digits or many, some absent."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([2, 3, 12, 24, 60, 120]))
    columns = {}
    for name in "abcdef"[: rng.integers(2, 7)]:
        mixed = 10.0 ** rng.choice([-320, -300, -61, -20, 0, 3, 20, 59], n)
        column = [
            mixed * rng.normal(size=n),
            np.exp(rng.uniform(-138, 138, n)),
            np.where(rng.random(n) < 0.5, 0.0, mixed),
            np.full(n, mixed[0]),
            rng.normal(size=n) * mixed[0] + mixed[-1],
            np.where(np.arange(n) == n // 2, 1e60, rng.integers(0, 3, n) * mixed[0]),
        ][rng.integers(6)]
        column[rng.random(n) < rng.choice([0, 0, 0.3, 1])] = np.nan
        columns[name] = np.array([float(f"{value:.3g}") for value in column])
    columns["a"][0] = 1.0
    return columns | {"conversion": columns["a"] * 1e-200, "sum": columns["a"] + columns["b"]}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seeds", np.array_split(np.arange(240), 12))
def test_tiny_and_huge_numbers_side_by_side_are_examined_without_a_warning(
    seeds: np.ndarray,
) -> None:
    for seed in seeds.tolist():
        examined(lopsided(seed))


@pytest.mark.parametrize(("number", "why"), [(9 * LARGEST, "beyond"), (SMALLEST / 9, "below")])
def test_a_metric_out_of_reach_is_named_and_changes_nothing_else(number: float, why: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=60) + 5 * (np.arange(60) > 30)
    alone = examined({"x": x})
    both = examined({"x": x, "y": number * (np.arange(60) > 30)})
    assert both.detections["phase_transition"] == alone.detections["phase_transition"]
    (note,) = both.notes
    assert note.topic == "reach"
    assert note.subject == ("y",)
    assert why in note.text


def test_numbers_too_small_beside_others_count_as_zero_and_are_named() -> None:
    rng = np.random.default_rng(2)
    part, rest = rng.integers(1, 50, 80).astype(float), rng.integers(1, 50, 80).astype(float)
    part[::4] = 0
    with_zeros = examined({"part": part, "rest": rest, "whole": part + rest})
    specks = np.where(part == 0, 1e-70, part)
    with_specks = examined({"part": specks, "rest": rest, "whole": part + rest})
    assert with_specks.detections == with_zeros.detections
    assert with_zeros.detections["conservation"].candidates
    (note,) = with_specks.notes
    assert (note.topic, note.subject) == ("reach", ("part",))
    assert note.text == "numbers below 1e-60 count as zero: part"
