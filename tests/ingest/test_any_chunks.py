"""How a stream is cut changes nothing of what is read; what fuzzing found stays found."""

from __future__ import annotations

import hashlib
import io
import random

import pytest

from crackle_stream.ingest.chunks import read_chunks
from crackle_stream.ingest.limits import Limits
from crackle_stream.ingest.lines import BOM
from crackle_stream.ingest.mapping import FieldMapping
from tests.torture import fuzz_lines
from tests.torture.fuzz_lines import Trickle

GOOD = b'{"metrics":{"x":1}}'
LIMIT = Limits(line_bytes=30)


def readings(text, limits=LIMIT):
    """Read a text at once, and byte by byte."""
    whole = fuzz_lines.read(io.BytesIO(text), FieldMapping(), limits, 1 << 24)
    return whole, fuzz_lines.read(Trickle(text, random.Random(1)), FieldMapping(), limits, 1)


@pytest.mark.parametrize("size", [29, 30, 31, 32, 33, 34])
def test_a_mark_at_the_beginning_is_no_part_of_a_line_that_may_be_too_long(size):
    line = GOOD + b" " * (size - len(GOOD))
    whole, parts = readings(BOM + line + b"\n" + GOOD)
    assert whole == parts
    assert len(whole.events) == (2 if size <= 30 else 1)
    for rejection in whole.rejections:
        assert (rejection.offset, rejection.excerpt) == (len(BOM), line)
        assert rejection.sha256 == hashlib.sha256(line).hexdigest()


def test_a_line_of_too_many_blanks_is_refused_and_one_of_fewer_is_passed_over():
    whole, parts = readings(b"\n".join((GOOD, b" " * 30, b" " * 31, b"\t" * 99, GOOD)))
    assert whole == parts
    assert [rejection.line for rejection in whole.rejections] == [3, 4]
    assert whole.read == 4


def test_a_line_that_is_too_long_says_nothing_of_the_shape_of_others():
    long = b'{"timestamp":1700000000,"name":"job","metrics":[{"name":"a","value":1}]}'
    whole, parts = readings(b"\n".join((long, GOOD, b'{"metrics":{"x":true}}')))
    assert whole == parts
    assert [rejection.line for rejection in whole.rejections] == [1, 3]


def test_a_source_whose_first_line_was_too_long_is_read_on_in_the_same_shape():
    long = b'{"ts":1700000000,"metrics":[{"name":"a","value":1}]}'
    text = long + b"\n" + GOOD + b"\n"
    *_, last = read_chunks(io.BytesIO(text), "s", limits=LIMIT)
    more = io.BytesIO(text + b'{"metrics":{"x":2}}\n')
    (chunk,) = read_chunks(more, "s", limits=LIMIT, start=last.position)
    assert chunk.batch.event(0).metrics == {"x": 2}


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_mutated_lines_are_read_alike_in_any_chunks(first):
    for seed in range(first, first + 50):
        text = fuzz_lines.make(random.Random(seed))
        assert list(fuzz_lines.flaws(text, seed)) == []
