"""Every limit one below, at and one above, from bytes through the log and back, both decoders."""

from __future__ import annotations

import io
import math
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from crackle_stream import Kiln
from crackle_stream.errors import UsageError
from crackle_stream.event import TaskEvent
from crackle_stream.ingest.chunks import read_chunks
from crackle_stream.ingest.limits import LARGEST_EVENT, NAMES, Limits, parse_limits
from crackle_stream.ingest.mapping import FieldMapping
from crackle_stream.ingest.reasons import REASONS
from crackle_stream.ingest.size import size_of
from crackle_stream.log.eventlog import EventLog

NATIVE = FieldMapping()
MAPPED = FieldMapping(time=".time", time_unit="s")
"""Says what is so anyway, so that lines mean the same, but are read by the other decoder."""

DEFAULT = Limits()
SIGNS = ["x", "é", "陶", "😀"]
both = pytest.mark.parametrize("mapping", [NATIVE, MAPPED], ids=["native", "mapped"])


def through(
    data: bytes, mapping: FieldMapping = NATIVE, limits: Limits = DEFAULT
) -> tuple[list[TaskEvent], list[str]]:
    """Read lines into a log, and give back its events and the reasons of the others."""
    with EventLog.in_memory() as log:
        for chunk in read_chunks(io.BytesIO(data), "s", mapping=mapping, limits=limits):
            log.append(chunk.batch, chunk.rejections, chunk.position)
        events = [block.batch.event(i) for block in log.blocks() for i in range(len(block.batch))]
        return events, [rejection.reason for rejection in log.rejections()]


def text_of(size: int, sign: str) -> str:
    """Make a text of so many bytes."""
    width = len(sign.encode())
    return sign * (size // width) + "x" * (size % width)


def line_of(**fields: Any) -> bytes:
    return msgspec.json.encode({"metrics": {"x": 1}, **fields})


def labelled(size: int, sign: str) -> bytes:
    return line_of(label=text_of(size, sign))


def named(size: int, sign: str) -> bytes:
    return line_of(metrics={text_of(size, sign): 1})


def measured(size: int, sign: str) -> bytes:
    return line_of(metrics={f"{sign}{i}": i for i in range(size)})


def nested(size: int, sign: str) -> bytes:
    value: Any = sign
    for _ in range(size - 1):
        value = [value]
    return line_of(value=value)


def nested_elsewhere(size: int, sign: str) -> bytes:
    value: Any = sign
    for _ in range(size - 1):
        value = {sign: value}
    return line_of(other=value)


def nested_among_many(size: int, sign: str) -> bytes:
    """Have more unknown fields than a decoder is made for."""
    many = b",".join(b'"f%d":1' % i for i in range(40))
    return nested_elsewhere(size, sign)[:-1] + b"," + many + b"}"


def long(size: int, sign: str) -> bytes:
    empty = len(line_of(error=""))
    return line_of(error=text_of(size - empty, sign))


def large(size: int, sign: str) -> bytes:
    empty = size_of(TaskEvent(metrics={"x": 1.0}, error="x" * 70_000)) - 70_000
    return line_of(error=text_of(size - empty, sign))


LIMITS = [
    (labelled, "label", "label_too_long"),
    (named, "name", "name_too_long"),
    (measured, "metrics", "too_many_metrics"),
    (nested, "nesting", "too_deep"),
    (nested_elsewhere, "nesting", "too_deep"),
    (nested_among_many, "nesting", "too_deep"),
]


@both
@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("repeat", [1, 100])
@pytest.mark.parametrize(("make", "name", "reason"), LIMITS)
def test_a_limit_holds_one_below_at_and_one_above(
    make: Any, name: str, reason: str, repeat: int, sign: str, mapping: FieldMapping
) -> None:
    """Also where all lines are alike, so that a decoder is made for them."""
    most = getattr(Limits(), NAMES[name])
    for size, sound in [(most - 1, True), (most, True), (most + 1, False)]:
        events, reasons = through((make(size, sign) + b"\n") * repeat, mapping)
        assert (len(events), reasons) == ((repeat, []) if sound else (0, [reason] * repeat))


@both
@pytest.mark.parametrize("most", [40, 200])
@pytest.mark.parametrize(("make", "name", "reason"), [*LIMITS, (long, "line", "line_too_long")])
def test_a_limit_that_was_set_holds_in_the_same_way(
    make: Any, name: str, reason: str, most: int, mapping: FieldMapping
) -> None:
    limits = parse_limits([f"{name}={most}"])
    sizes = [most - 1, most, most + 1]
    data = b"\n".join(make(size, "é") for size in sizes)
    events, reasons = through(data, mapping, limits)
    assert (len(events), reasons) == (2, [reason])


@both
@pytest.mark.parametrize("sign", ["x", "😀"])
def test_a_line_of_a_mebibyte_is_read_and_no_longer_one(sign: str, mapping: FieldMapping) -> None:
    sizes = [(1 << 20) - 1, 1 << 20, (1 << 20) + 1]
    lines = [long(size, sign) for size in sizes]
    assert list(map(len, lines)) == sizes
    events, reasons = through(b"\n".join(lines), mapping)
    assert (len(events), reasons) == (2, ["line_too_long"])
    assert events[1].error == text_of((1 << 20) - len(line_of(error="")), sign)


@both
@pytest.mark.parametrize("most", [100_000, LARGEST_EVENT])
def test_an_event_fills_a_frame_and_no_more(most: int, mapping: FieldMapping) -> None:
    limits = Limits(line_bytes=17 << 20, frame_bytes=most)
    for size, sound in [(most - 1, True), (most, True), (most + 1, False)]:
        events, reasons = through(large(size, "é"), mapping, limits)
        assert reasons == ([] if sound else ["frame_too_large"])
        assert [size_of(event) for event in events] == ([size] if sound else [])


def test_an_event_as_large_as_a_line_may_be_fits_into_a_frame_whatever_it_holds() -> None:
    """No event of a line of the default length needs to be measured."""
    room = Limits().line_bytes - 60
    fillings = [
        {"value": [1e15] * (room // 20)},
        {"attributes": {f"{i:x}": 0.1 for i in range(room // 14)}},
        {"error": "\\" * (room // 2)},
    ]
    for fields in fillings:
        line = line_of(**fields)
        assert room // 2 < len(line) <= Limits().line_bytes
        events, _ = through(line, MAPPED)
        assert size_of(events[0]) < 5 * len(line) < LARGEST_EVENT


@both
@pytest.mark.parametrize("field", ["id", "error", "value", "attribute", "unknown"])
def test_other_texts_are_bounded_by_the_line_alone(field: str, mapping: FieldMapping) -> None:
    text = text_of(1_000_000, "陶")
    fields: dict[str, Any] = (
        {"attributes": {"note": text}} if field == "attribute" else {field: text}
    )
    (event,), _ = through(line_of(**fields), mapping)
    attributes = event.attributes or {}
    assert text in (event.id, event.error, event.value, *attributes.values())


@both
def test_attributes_are_as_many_as_the_line_holds(mapping: FieldMapping) -> None:
    attributes = {f"a{i}": i for i in range(50_000)}
    events, _ = through(line_of(attributes=attributes) + b"\n" + line_of(**attributes), mapping)
    assert [event.attributes for event in events] == [attributes, attributes]


NUMBERS: list[tuple[str, float | str]] = [
    ("0", 0.0),
    ("-0.0", -0.0),
    ("1e-400", 0.0),
    ("-1e-400", -0.0),
    ("5e-324", 5e-324),
    ("2.2250738585072011e-308", 2.2250738585072011e-308),
    ("1e308", 1e308),
    ("1.7976931348623157e308", 1.7976931348623157e308),
    ("1.7976931348623159e308", "not_finite"),
    ("-1e309", "not_finite"),
    ("NaN", "not_finite"),
    ("Infinity", "not_finite"),
    ("9007199254740991", 2.0**53 - 1),
    ("9007199254740992", 2.0**53),
    ("-9007199254740992", -(2.0**53)),
    ("9007199254740993", "integer_too_large"),
    ("-9007199254740993", "integer_too_large"),
    ("18446744073709551616", "integer_too_large"),
    ("9007199254740993.0", 2.0**53),
    ("9007199254740993e0", 2.0**53),
    ("1" + "0" * 400, "integer_too_large"),
    ("0." + "0" * 400 + "1", 0.0),
    ("true", "wrong_type"),
    ('"1"', "wrong_type"),
    ('"NaN"', "wrong_type"),
    ("[1]", "wrong_type"),
    ("01", "invalid_json"),
    ("+1", "invalid_json"),
    (".5", "invalid_json"),
    ("0x10", "invalid_json"),
    ("1_000", "invalid_json"),
]


@both
@pytest.mark.parametrize("repeat", [1, 100])
@pytest.mark.parametrize(("written", "meant"), NUMBERS)
def test_a_number_comes_back_bit_by_bit_or_is_refused_by_name(
    written: str, meant: float | str, repeat: int, mapping: FieldMapping
) -> None:
    line = b'{"metrics":{"x":%s}}\n' % written.encode()
    events, reasons = through(line * repeat, mapping)
    if isinstance(meant, str):
        assert (events, reasons) == ([], [meant] * repeat)
        return
    assert reasons == []
    found = [event.metrics["x"] for event in events]
    assert {(x, math.copysign(1, x)) for x in found} == {(meant, math.copysign(1, meant))}
    assert len(found) == repeat


@both
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('{"metrics":{}}', {}),
        ('{"metrics":{"x":null}}', {}),
        ('{"metrics":{"x":null,"y":2}}', {"y": 2}),
        ('{"metrics":{"%s":null,"y":2}}' % ("é" * 70), {"y": 2}),
        ('{"metrics":{"x":1,"x":2}}', {"x": 2}),
        ('{"metrics":{"x":1},"metrics":{"y":2}}', {"y": 2}),
        ('{"metrics":{"x":1e999},"metrics":{"y":2}}', "not_finite"),
        ('{"metrics":{"":1}}', {"": 1}),
        ('{"metrics":{"a.b":1," ":2}}', {"a.b": 1, " ": 2}),
        ('{"metrics":null}', None),
        ('{"metrics":"x"}', "wrong_type"),
        ('{"metrics":{"x":{"y":1}}}', "wrong_type"),
    ],
)
def test_unusual_metrics_mean_the_same_to_both_decoders(
    written: str, meant: dict[str, float] | str | None, mapping: FieldMapping
) -> None:
    events, reasons = through(written.encode(), mapping)
    if isinstance(meant, dict):
        assert [event.metrics for event in events] == [meant]
    elif meant is None:
        assert reasons[0] in ("wrong_type", "missing_metrics")
    else:
        assert reasons == [meant]


scalars = st.one_of(
    st.integers(-(2**54), 2**54),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.text(max_size=6),
)
events_of_lines = st.fixed_dictionaries(
    {
        "metrics": st.dictionaries(
            st.text(max_size=6), st.integers() | st.floats(width=32), max_size=4
        )
    },
    optional={
        "label": st.text(max_size=8),
        "time": st.integers(-(2**33), 2**34) | st.text(max_size=3),
        "value": st.recursive(scalars, lambda inner: st.lists(inner, max_size=2), max_leaves=4),
        "duration": st.floats(allow_nan=False, allow_infinity=False),
        "error": st.text(max_size=6),
        "n": st.text(max_size=6) | st.booleans(),
    },
)
SMALL = Limits(line_bytes=160, label_bytes=6, name_bytes=4, metrics=3, nesting=3)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(events_of_lines, min_size=1, max_size=6))
@example([{"metrics": {}, "label": "", "value": None}])
def test_both_decoders_agree_about_every_line_of_an_events_shape(records: list[Any]) -> None:
    data = b"\n".join(msgspec.json.encode(record) for record in records)
    assert through(data, NATIVE, SMALL) == through(data, MAPPED, SMALL)


def test_limits_are_understood_with_units_and_others_stay() -> None:
    limits = parse_limits(["line=2MiB", "label=1KiB", "name=64", "frame=1MiB"])
    assert limits == Limits(
        line_bytes=2 << 20, label_bytes=1024, name_bytes=64, frame_bytes=1 << 20
    )


@pytest.mark.parametrize(
    "given",
    ["", "line", "line=", "=3", "lines=3", "line=-1", "line=0", "line=2GB", "line=1e6", "nesting=1",
     "nesting=513", "metrics=65537", "frame=16MiB", "label=١"],
)  # fmt: skip
def test_a_limit_that_cannot_be_meant_is_a_mistake_that_is_named(given: str) -> None:
    with pytest.raises(UsageError, match="limit"):
        parse_limits([given])


def test_the_deepest_limit_is_one_that_the_decoders_keep() -> None:
    limits = Limits(nesting=512)
    for make in (nested, nested_elsewhere):
        data = b"\n".join(make(size, "x") for size in (511, 512, 513))
        for mapping in (NATIVE, MAPPED):
            events, reasons = through(data, mapping, limits)
            assert (len(events), reasons) == (2, ["too_deep"])


def test_a_kiln_keeps_its_limits_one_below_at_and_one_above() -> None:
    empty = size_of(TaskEvent(metrics={}, error="x" * 60)) - 60
    kiln = Kiln(limits=Limits(label_bytes=8, name_bytes=8, metrics=2, frame_bytes=100))
    for event, most in [
        (lambda n: TaskEvent(metrics={}, label=text_of(n, "é")), 8),
        (lambda n: TaskEvent(metrics={text_of(n, "é"): 1.0}), 8),
        (lambda n: TaskEvent(metrics={str(i): 1.0 for i in range(n)}), 2),
        (lambda n: TaskEvent(metrics={}, error="x" * (n - empty)), 100),
    ]:
        kiln.add_entry(event(most - 1))
        kiln.add_entry(event(most))
        with pytest.raises(ValueError, match="more than"):
            kiln.add_entry(event(most + 1))
    assert kiln.task_count() == 8


@pytest.mark.parametrize(
    ("event", "what"),
    [
        (TaskEvent(metrics={}, label="\ud800"), "half a character"),
        (TaskEvent(metrics={"\udfff": 1.0}), "half a character"),
        (TaskEvent(metrics={}, attributes={"n": 2**53 + 1}), "as text"),
        (TaskEvent(metrics={}, attributes={"n": 2**80}), "as text"),
        (TaskEvent(metrics={}, attributes={"n": math.nan}), "finite"),
        (TaskEvent(metrics={}, attributes={"n": [1]}), "scalar"),  # type: ignore[dict-item]
        (TaskEvent(metrics={"x": math.inf}), "finite"),
    ],
)
def test_what_json_cannot_say_is_refused_by_a_kiln_before_it_is_written(
    event: TaskEvent, what: str
) -> None:
    kiln = Kiln()
    with pytest.raises(ValueError, match=what):
        kiln.add_entry(event)
    kiln.add_entry(TaskEvent(metrics={}))
    assert kiln.task_count() == 1


def test_every_reason_that_is_given_stands_in_the_table() -> None:
    assert {reason for _, _, reason in LIMITS} <= set(REASONS)
