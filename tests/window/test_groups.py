from __future__ import annotations

import pytest

from crackle_stream.errors import UsageError
from crackle_stream.window.groups import NO_GROUP, OTHER, GroupMapper, GroupSpec


@pytest.mark.parametrize(
    ("text", "label", "group"),
    [
        ("label", "build-1", "build-1"),
        ("etl-*", "etl-load", "etl-*"),
        ("etl-*", "ETL-load", None),
        ("etl-*", "my-etl-load", None),
        (r"re:(\w+)-\d+", "build-17", "build"),
        (r"re:\d+", "build-17", "17"),
        (r"re:(a)|b", "b", None),
        (r"re:^x", "build", None),
        ("*\n*", "a\nb", "*\n*"),
    ],
)
def test_a_label_has_the_group_its_spec_says(text, label, group):
    assert GroupSpec.parse(text).group_of(label) == group


@pytest.mark.parametrize("text", ["", "re:", "re:(", "re:*"])
def test_groups_that_cannot_be_meant_are_refused(text):
    with pytest.raises(UsageError):
        GroupSpec.parse(text)


def test_groups_are_numbered_as_the_log_brings_them_up_whatever_the_portions():
    labels = ["b-1", "a-1", "nobody", "b-2", "c-9", "a-3"]
    whole, parts = (GroupMapper(GroupSpec.parse(r"re:(\w)-\d")) for _ in range(2))
    codes = whole.codes(labels)
    assert codes.tolist() == [0, 1, NO_GROUP, 0, 2, 1]
    assert [code for label in labels for code in parts.codes([label])] == codes.tolist()
    assert whole.names == ["b", "a", "c"]


@pytest.mark.parametrize(("distinct", "overflow"), [(99, 0), (100, 0), (101, 1)])
def test_groups_beyond_the_bound_are_counted_together_and_said(distinct, overflow):
    mapper = GroupMapper(GroupSpec(), limit=100)
    labels = [f"task {i}" for i in range(distinct)]
    codes = mapper.codes(labels)
    assert mapper.overflow == overflow == len(mapper.notes())
    assert [mapper.names[code] for code in codes] == (labels[:100] + [OTHER] * overflow)


def test_a_group_once_beyond_the_bound_stays_there():
    mapper = GroupMapper(GroupSpec(), limit=1)
    mapper.codes(["a"])
    assert mapper.codes(["b", "a", "b"]).tolist() == [1, 0, 1]
    assert mapper.overflow == 2


def test_labels_read_again_are_not_counted_again():
    mapper = GroupMapper(GroupSpec(), limit=1)
    mapper.codes(["a", "b", "c"], 0)
    mapper.codes(["b", "c", "d"], 1)
    assert mapper.overflow == 3


def test_the_memory_of_labels_is_bounded_and_forgetting_changes_nothing():
    mapper = GroupMapper(GroupSpec.parse(r"re:^\w+"), limit=3)
    labels = [f"build {i}" for i in range(70_000)]
    assert set(mapper.codes(labels).tolist()) == {0}
    assert mapper.codes(["build 1"]).tolist() == [0]
    assert len(mapper._cache) <= 65_536
