"""How what is in a log is written: as aligned lines for people, or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from crackle_stream.event import to_line
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.info import LogInfo, Verdict
from crackle_stream.report.terminal import escape
from crackle_stream.timestamp import format_time


def info_listing(info: LogInfo) -> str:
    """Write what a log holds, for people."""
    state = "closed in order" if info.closed else "open, or not closed in order"
    return _aligned(
        [
            ("events", f"{info.events:,}"),
            ("rejections", f"{info.rejections:,}"),
            ("labels", f"{info.labels:,}"),
            ("metrics", ", ".join(info.metrics) or "none"),
            ("first time", _moment(info.first_time)),
            ("last time", _moment(info.last_time)),
            ("size", f"{info.bytes:,} bytes in {info.segments:,} segments"),
            ("state", state),
            ("log id", f"{info.log_id} (format {info.format})"),
            *(("read", f"{at.source} up to line {at.line:,}") for at in info.sources),
        ]
    )


def verdict_listing(verdict: Verdict) -> str:
    """Write in what state a log's bytes are, for people."""
    return _aligned(
        [("state", verdict.state), ("what", verdict.summary), ("events", f"{verdict.events:,}")]
    )


def json_listing(listed: LogInfo | Verdict) -> bytes:
    """Write either as JSON; absent rather than null, as everywhere."""
    fields = {name: getattr(listed, name) for name in listed.__struct_fields__}
    present = {name: value for name, value in fields.items() if value is not None}
    return msgspec.json.encode(present)


def event_lines(log: EventLog) -> Iterator[bytes]:
    """Write a log's events as lines of JSON, a block at a time."""
    encoder = msgspec.json.Encoder()
    for block in log.blocks():
        events = (block.batch.event(row) for row in range(len(block.batch)))
        yield encoder.encode_lines(to_line(event) for event in events)


def event_array(log: EventLog) -> Iterator[bytes]:
    """Write the same as one JSON array."""
    before = b"[\n"
    for lines in event_lines(log):
        yield before + lines.rstrip(b"\n").replace(b"\n", b",\n")
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def _moment(nanoseconds: int | None) -> str:
    return "none" if nanoseconds is None else format_time(nanoseconds)


def _aligned(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(escape(name)) for name, _ in rows)
    return "\n".join(f"{escape(name):{width}}  {escape(text)}" for name, text in rows)
