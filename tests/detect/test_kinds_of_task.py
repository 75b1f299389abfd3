"""What groups of tasks stand for, and what else they explain."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from crackle_stream.detect.findings import find_findings
from crackle_stream.detect.kinds_of_task import makes, name_groups
from crackle_stream.pattern import (
    ClusteringPattern,
    CorrelationPattern,
    Level,
    Pattern,
    PhaseTransitionPattern,
)

BY_HAND = Path(__file__).parent / "data" / "patterns.jsonl"
PATTERNS = msgspec.json.Decoder(Pattern).decode_lines(BY_HAND.read_bytes())
GROUP = next(p for p in PATTERNS if isinstance(p, ClusteringPattern))
PAIR = next(p for p in PATTERNS if isinstance(p, CorrelationPattern))
LEVEL = next(p for p in PATTERNS if isinstance(p, PhaseTransitionPattern))


def group(name: str, size: int, labels: str = "", **center: float) -> ClusteringPattern:
    made = {"id": name, "size": size, "center": center, "spread": dict.fromkeys(center, 1.0)}
    tasks = tuple(f"run-{i} {labels}" for i in range(20))
    subject = tuple(sorted(center))
    return replace(GROUP, involved_tasks=tasks, subject=subject, borders=None, **made)


CANARY = [
    group("1", 400, "v1.8", ms=100.0, mb=300.0),
    group("2", 300, "v1.8", ms=130.0, mb=300.0),
    group("3", 200, "v1.9 canary", ms=160.0, mb=450.0),
    group("4", 100, "v1.9 canary", ms=190.0, mb=450.0),
]
STEP = replace(LEVEL, subject=("ms",), before=Level(110.0, 9.0, 600), after=Level(140.0, 9.0, 400))


def test_groups_are_named_by_the_words_that_their_labels_share_and_others_lack() -> None:
    assert name_groups(CANARY) == ["v1.8", "v1.8", "canary v1.9", "canary v1.9"]


def test_a_word_that_a_group_has_now_and_then_names_none() -> None:
    one = replace(CANARY[0], involved_tasks=("a web", "b web", "c web", "d web", "e"))
    other = replace(CANARY[1], involved_tasks=("a", "b", "c", "d", "e"))
    assert name_groups([one, other]) == ["", ""]


def test_few_labels_name_no_group() -> None:
    groups = [replace(one, involved_tasks=one.involved_tasks[:4]) for one in CANARY]
    assert name_groups(groups) == [""] * 4


def test_groups_that_a_step_moved_are_told_as_one_kind_before_and_after() -> None:
    (_, (step, kinds)) = find_findings([STEP, *CANARY])
    assert step.patterns == (STEP.id,)
    assert kinds.headline == (
        "1,000 tasks fall into two groups, of 700 like v1.8 and 300 like canary v1.9, each before"
        " and after build-512 (2026-03-01T12:00:00Z), told apart by mb and ms"
    )


@pytest.mark.parametrize("other", [{"ms": 133.0, "mb": 300.0}, {"ms": 130.0, "mb": 320.0}])
def test_groups_that_differ_by_more_than_the_step_are_told_apart(other: dict[str, float]) -> None:
    groups = [CANARY[0], group("2", 300, "v1.8", **other), *CANARY[2:]]
    assert "fall into four groups" in find_findings([STEP, *groups])[1][1].headline


def test_a_correlation_that_groups_make_is_told_with_them() -> None:
    pair = replace(PAIR, subject=("mb", "ms"), r=0.99, window=GROUP.window)
    (_, (_, finding)) = find_findings([STEP, pair, *CANARY])
    assert finding.headline.endswith("told apart by mb and ms, which makes mb and ms correlate")
    assert finding.patterns[-1] == pair.id
    assert len(find_findings([replace(pair, r=-0.99), STEP, *CANARY])[1]) == 3


def test_what_the_centres_alone_give_is_the_coefficient_of_such_groups() -> None:
    """An oracle: draw the groups and correlate."""
    rng = np.random.default_rng(1)
    a = np.concatenate([rng.normal(0, 1, 700), rng.normal(3, 1, 300)])
    b = np.concatenate([rng.normal(0, 1, 700), rng.normal(2, 1, 300)])
    r = float(np.corrcoef(a, b)[0, 1])
    kinds = [[group("1", 700, a=0.0, b=0.0)], [group("2", 300, a=3.0, b=2.0)]]
    pair = replace(PAIR, subject=("a", "b"), r=r)
    assert makes(kinds, pair)
    assert not makes(kinds, replace(pair, r=1.2 * r))


def test_groups_along_one_line_do_not_make_what_holds_within_them_too() -> None:
    a = np.concatenate([np.linspace(-1, 1, 700), 9 + np.linspace(-1, 1, 300)])
    kinds = [[group("1", 700, a=0.0, b=0.0)], [group("2", 300, a=9.0, b=9.0)]]
    r = float(np.corrcoef(a, a)[0, 1])
    assert not makes(kinds, replace(PAIR, subject=("a", "b"), r=r))
