"""What is acknowledged stays so while it says the same, and from its checkpoint on."""

import msgspec
import pytest
from msgspec.structs import replace

from crackle_stream import Kiln, TaskEvent
from crackle_stream.cooling.acknowledged import Acknowledgement, Acknowledgements
from crackle_stream.cooling.decisions import DIRECTORY, Decisions
from crackle_stream.errors import LogFormatError
from crackle_stream.event import batch_events
from crackle_stream.log.eventlog import EventLog


@pytest.fixture(scope="module")
def patterns():
    """Give a step, the groups on both sides of it, and a law that holds for most tasks."""
    kiln = Kiln()
    numbers = [(i * 7919 % 101 + i * 104729 % 37) / 10 for i in range(300)]
    kiln.add_entries(
        TaskEvent(label=f"secret-{i}", metrics={"rows": number + (40 if i >= 200 else 0)})
        for i, number in enumerate(numbers)
    )
    return kiln.cool()


@pytest.fixture
def step(patterns):
    return next(pattern for pattern in patterns if pattern.kind == "phase_transition")


def known(*decided):
    return Acknowledgements(decided)


def moved(step, by):
    return replace(step, at=step.at + by, at_low=step.at_low + by, at_high=step.at_high + by)


def test_what_is_acknowledged_has_that_status_and_the_rest_has_not(patterns, step):
    marked = known(Acknowledgement.of(step, 300, "deploy")).over(patterns)
    assert [p.status for p in marked] == [
        "acknowledged" if p is step else None for p in patterns
    ]  # fmt: skip


def test_a_change_is_known_also_where_it_moved_a_little_and_not_at_another_place(step):
    acknowledged = known(Acknowledgement.of(step, 300, "deploy"))
    assert acknowledged.of(moved(step, 3)).reason == "deploy"
    assert acknowledged.of(moved(step, 60)) is None


@pytest.mark.parametrize(
    "differs",
    [
        lambda p: replace(p, before=p.after, after=p.before),
        lambda p: replace(p, subject=("files",)),
        lambda p: replace(p, form="spread"),
        lambda p: replace(p, group="eu"),
    ],
    ids=["turned", "metric", "form", "group"],
)
def test_what_says_something_else_is_not_known(step, differs):
    assert known(Acknowledgement.of(step, 300, "deploy")).of(differs(step)) is None


def test_groups_are_known_by_their_centres(patterns):
    low, high = (p for p in patterns if p.kind == "clustering")
    acknowledged = known(Acknowledgement.of(low, 300, "old machines"))
    assert acknowledged.of(low) is not None
    assert acknowledged.of(high) is None


def test_it_can_be_taken_back_and_given_again(step):
    given = Acknowledgement.of(step, 300, "deploy")
    back = Acknowledgement.of(moved(step, 2), 310, withdrawn=True)
    assert known(given, back).of(step) is None
    assert known(given, back, given).of(step) is not None


def test_it_keeps_no_label(step):
    grouped = replace(step, group="secret group", at_label="secret-200", life="x", status="changed")
    text = msgspec.json.encode(Acknowledgement.of(grouped, 300, "deploy"))
    assert b"secret" in msgspec.json.encode(grouped)
    assert b"secret" not in text


def test_only_checkpoints_from_there_on_see_it(tmp_path, step):
    decisions = Decisions(tmp_path / DIRECTORY)
    decisions.acknowledge(Acknowledgement.of(step, 300, "deploy"))
    seen = {at: decisions.acknowledgements(at).of(step) for at in (299, 300, 900)}
    assert [found is not None for found in seen.values()] == [False, True, True]


def test_a_kiln_acknowledges_and_goes_on_saying_so():
    kiln = Kiln()
    numbers = [(i * 7919 % 101 + i * 104729 % 37) / 10 for i in range(300)]
    kiln.add_entries(
        TaskEvent(metrics={"rows": number + (40 if i >= 200 else 0)})
        for i, number in enumerate(numbers)
    )
    (found,) = (p for p in kiln.cool() if p.kind == "phase_transition")
    kiln.acknowledge(found, "deploy")
    kiln.add_entries(TaskEvent(metrics={"rows": number + 40}) for number in numbers[:50])
    (again,) = (p for p in kiln.cool() if p.kind == "phase_transition")
    assert again.status == "acknowledged"


def test_an_acknowledgement_that_nobody_wrote_is_refused_by_name(tmp_path):
    event = TaskEvent(metrics={}, label="acknowledgement", value={"key": 3})
    with EventLog.create_or_open(tmp_path / DIRECTORY) as log:
        log.append(batch_events([event]))
    with pytest.raises(LogFormatError, match="an acknowledgement among the decisions has no"):
        Decisions(tmp_path / DIRECTORY).acknowledgements(5)
