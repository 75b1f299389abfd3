"""Lines that mean harm, or are just wrong, are refused with a reason and a place."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest

from crackle_stream.event import TaskEvent
from crackle_stream.ingest.chunks import Chunk, read_chunks
from crackle_stream.source import Rejection

GOOD = b'{"metrics":{"x":1}}'
DEEP = 100_000


def read_between_good_lines(line: bytes, **options: Any) -> Chunk:
    """Read a line with good ones around it, which must come through."""
    data = b"\n".join([GOOD] * 3 + [line] + [GOOD] * 3)
    chunks = list(read_chunks(io.BytesIO(data), "s", **options))
    assert sum(chunk.read for chunk in chunks) == 7
    good = [chunk.batch.event(i) for chunk in chunks for i in range(len(chunk.batch))]
    assert sum(event.metrics == {"x": 1} for event in good) >= 6
    return next((chunk for chunk in chunks if chunk.rejections), chunks[0])


def rejection_of(line: bytes, **options: Any) -> Rejection:
    (rejection,) = read_between_good_lines(line, **options).rejections
    return rejection


def event_of(line: bytes, **options: Any) -> TaskEvent:
    chunk = read_between_good_lines(line, **options)
    assert not chunk.rejections
    return chunk.batch.event(3)


@pytest.mark.parametrize(
    ("line", "reason", "path"),
    [
        (b'{"metrics":{"a":NaN}}', "not_finite", "$.metrics.a"),
        (b'{"metrics":{"a":-Infinity}}', "not_finite", "$.metrics.a"),
        (b'{"metrics":{"a":1e999}}', "not_finite", "$.metrics.a"),
        (b'{"metrics":{"a b":1e400}}', "not_finite", '$.metrics["a b"]'),
        (b'{"metrics":{},"value":[0,1e400]}', "not_finite", "$.value[1]"),
        (b'{"metrics":{},"duration":1e999}', "not_finite", "$.duration"),
        (b'{"metrics":{"a":9007199254740993}}', "integer_too_large", "$.metrics.a"),
        (b'{"metrics":{"a":-9007199254740993}}', "integer_too_large", "$.metrics.a"),
        (b'{"metrics":{"a":1' + b"0" * 300 + b"}}", "integer_too_large", "$.metrics.a"),
        (b'{"metrics":{},"n":9007199254740993}', "integer_too_large", "$.n"),
        (b'{"metrics":{},"attributes":{"n":9007199254740993}}', "integer_too_large", None),
        (b'{"metrics":{"a":true}}', "wrong_type", "$.metrics.a"),
        (b'{"metrics":{"a":"1"}}', "wrong_type", "$.metrics.a"),
        (b'{"metrics":{"a":{}}}', "wrong_type", "$.metrics.a"),
        (b'{"metrics":[1]}', "wrong_type", "$.metrics"),
        (b'{"metrics":null}', "wrong_type", "$.metrics"),
        (b'{"metrics":{},"label":7}', "wrong_type", "$.label"),
        (b'{"metrics":{},"label":null}', "wrong_type", "$.label"),
        (b'{"metrics":{},"id":7}', "wrong_type", "$.id"),
        (b'{"metrics":{},"error":[]}', "wrong_type", "$.error"),
        (b'{"metrics":{},"outcome":"passed"}', "wrong_type", "$.outcome"),
        (b'{"metrics":{},"outcome":[]}', "wrong_type", "$.outcome"),
        (b'{"metrics":{},"duration":"3s"}', "wrong_type", "$.duration"),
        (b'{"metrics":{},"attributes":[]}', "wrong_type", "$.attributes"),
        (b'{"metrics":{},"attributes":{"a":{}}}', "wrong_type", "$.attributes.a"),
        (b'{"metrics":{},"time":true}', "wrong_type", "$.time"),
        (b'{"metrics":{},"time":"2026-03-01T12:00:00"}', "no_zone", "$.time"),
        (b'{"metrics":{},"time":"noon"}', "bad_time", "$.time"),
        (b'{"metrics":{},"time":"2026-02-30T12:00:00Z"}', "bad_time", "$.time"),
        (b'{"metrics":{},"time":1690391261123}', "bad_time", "$.time"),
        (b"{}", "missing_metrics", None),
        (b'{"label":"a"}', "missing_metrics", None),
        (b'{"metrics":{"a":1e999,"a":1}}', "not_finite", None),
        (b"7", "not_an_object", None),
        (b'[{"metrics":{}}]', "not_an_object", None),
        (b"null", "not_an_object", None),
        (b'{"metrics":{}}x', "invalid_json", None),
        (b'{"metrics":{}}{"metrics":{}}', "invalid_json", None),
        (b'{"metrics":{}} {"metrics":{}}', "invalid_json", None),
        (b'{"metrics":{}', "invalid_json", None),
        (b'\xef\xbb\xbf{"metrics":{}}', "invalid_json", None),
        (b'{"metrics":{},"label":"\\ud800"}', "invalid_json", None),
        (b'{"metrics":{},"label":"a\x00b"}', "invalid_json", None),
        (b"\x00", "invalid_json", None),
        (b'{"metrics":{},"label":"\xff"}', "invalid_utf8", None),
        (b'{"metrics":{"\xc3":1}}', "invalid_utf8", None),
        (b'{"metrics":{},"value":"\xff"}', "invalid_utf8", None),
        (b'{"metrics":{},"other":"\xed\xa0\x80"}', "invalid_utf8", None),
        (b"[" * DEEP, "too_deep", None),
        (b'{"metrics":{},"value":' + b"[" * DEEP + b"]" * DEEP + b"}", "too_deep", None),
        (b'{"metrics":{},"value":' + b"[" * 900 + b"]" * 900 + b"}", "too_deep", None),
        (b'{"metrics":{"a":NaN},"b":' + b"[" * 900 + b"]" * 900 + b"}", "too_deep", None),
        (b'{"metrics":{},"other":' + b'{"a":' * 40 + b"1" + b"}" * 41, "too_deep", None),
    ],
)
def test_a_bad_line_is_refused_with_its_reason_and_place(
    line: bytes, reason: str, path: str | None
) -> None:
    rejection = rejection_of(line)
    assert (rejection.reason, rejection.line) == (reason, 4)
    assert path is None or rejection.path == path
    assert rejection.offset == 3 * (len(GOOD) + 1)
    assert rejection.excerpt == line[:4096]
    assert rejection.sha256 == hashlib.sha256(line).hexdigest()
    assert rejection.detail


@pytest.mark.parametrize("line", [b"[", b'{"metrics":{}},', b"{", b"]"])
def test_a_line_of_an_array_or_an_indented_object_says_how_to_write_it(line: bytes) -> None:
    assert "each event on a line of its own" in rejection_of(line).detail


def test_a_line_of_three_megabytes_is_refused_at_its_place() -> None:
    line = b'{"metrics":{"x":1},"label":"' + b"y" * 3_000_000 + b'"}'
    rejection = rejection_of(line)
    assert (rejection.reason, rejection.line) == ("line_too_long", 4)
    assert rejection.sha256 == hashlib.sha256(line).hexdigest()


@pytest.mark.parametrize(
    ("line", "metrics"),
    [
        (b'{"metrics":{"a":9007199254740992,"b":-9007199254740992}}', {"a": 2**53, "b": -(2**53)}),
        (b'{"metrics":{"a":1e300,"b":9007199254740993.0}}', {"a": 1e300, "b": 2**53}),
        (b'{"metrics":{"a":1e-400}}', {"a": 0}),
        (b'{"metrics":{"a":1,"a":2}}', {"a": 2}),
        (b'{"metrics":{"a":null}}', {}),
        (b'{"metrics":{}}', {}),
        (b'{"m\\u0065trics":{"\\u0061":1}}', {"a": 1}),
    ],
)
def test_what_json_leaves_open_is_read_as_documented(
    line: bytes, metrics: dict[str, float]
) -> None:
    assert event_of(line).metrics == metrics


def test_unknown_scalars_are_attributes_and_an_attribute_of_that_name_wins() -> None:
    line = b'{"metrics":{},"host":"a","n":1,"deep":{"x":1},"attributes":{"n":2}}'
    assert event_of(line).attributes == {"host": "a", "n": 2}
