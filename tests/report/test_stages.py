"""What became of a finding, from what became of its patterns."""

from types import SimpleNamespace

import pytest

from crackle_stream.report.stages import became


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ([None, None], None),
        (["appeared", "appeared"], "appeared"),
        (["confirmed"], "confirmed"),
        (["acknowledged", "acknowledged"], "acknowledged"),
        (["acknowledged", None], None),
        (["acknowledged", "confirmed"], "confirmed"),
        (["acknowledged", "weakened"], "weakened"),
        (["acknowledged", "appeared"], "changed"),
        (["confirmed", "appeared"], "changed"),
        (["confirmed", "changed"], "changed"),
        (["weakened", "changed"], "changed"),
        (["weakened", "confirmed"], "weakened"),
    ],
)
def test_a_finding_is_new_if_all_of_it_is_and_changed_if_some_of_it_is_new(statuses, said):
    assert became([SimpleNamespace(status=status) for status in statuses]) == said
