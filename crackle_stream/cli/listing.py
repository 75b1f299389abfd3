"""How what is in a log is written: as aligned lines for people, or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from crackle_stream.event import to_line
from crackle_stream.log.block import Block
from crackle_stream.log.info import LogInfo
from crackle_stream.log.verify import Verdict, told
from crackle_stream.report.counting import counted
from crackle_stream.report.inert import inert
from crackle_stream.report.terminal import escape
from crackle_stream.timestamp import format_time


def info_listing(info: LogInfo) -> str:
    """Write what a log holds, for people."""
    state = "closed in order" if info.closed else "open, or not closed in order"
    return _aligned(
        [
            ("events", f"{info.events:,}"),
            *_positions(info),
            ("rejections", f"{info.rejections:,}"),
            ("labels", f"{'more than ' if info.more_labels else ''}{info.labels:,}"),
            ("metrics", _metrics(info)),
            ("first time", _moment(info.first_time)),
            ("last time", _moment(info.last_time)),
            ("size", f"{info.bytes:,} bytes in {counted(info.segments, 'segment')}"),
            ("state", state),
            ("log id", f"{info.log_id} (format {info.format})"),
            *(("read", f"{at.source} up to line {at.line:,}") for at in info.sources),
        ]
    )


def _metrics(info: LogInfo) -> str:
    names = ", ".join(info.metrics) or "none"
    return f"{names} and more" if info.more_metrics else names


def verdicts_listing(verdicts: Mapping[str, Verdict]) -> str:
    """Write in what state the bytes of a log are, and of what is beside it, for people."""
    texts = [f"{escape(name)}\n{_verdict(verdict)}" for name, verdict in verdicts.items()]
    return "\n\n".join(texts).partition("\n")[2]


def verdicts_json(verdict: Verdict, decisions: Verdict | None = None) -> bytes:
    """Write the same as JSON: that of the log, and in it that of the decisions."""
    beside = {} if decisions is None else {"decisions": _present(decisions)}
    return inert(msgspec.json.encode(_present(verdict) | beside))


def info_json(info: LogInfo) -> bytes:
    """Write what a log holds, as JSON."""
    return inert(msgspec.json.encode(_present(info)))


def event_lines(blocks: Iterable[Block]) -> Iterator[bytes]:
    """Write events as lines of JSON, a block at a time."""
    encoder = msgspec.json.Encoder()
    for block in blocks:
        events = (block.batch.event(row) for row in range(len(block.batch)))
        yield inert(encoder.encode_lines(to_line(event) for event in events))


def event_array(blocks: Iterable[Block]) -> Iterator[bytes]:
    """Write the same as one JSON array."""
    before = b"[\n"
    for lines in event_lines(blocks):
        yield before + lines.rstrip(b"\n").replace(b"\n", b",\n")
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def _present(listed: LogInfo | Verdict) -> dict[str, object]:
    """Give the fields that are there: absent rather than null, as everywhere."""
    fields = {name: getattr(listed, name) for name in listed.__struct_fields__}
    return {name: value for name, value in fields.items() if value is not None}


def _positions(info: LogInfo) -> Iterator[tuple[str, str]]:
    """Tell of the positions only where they are not simply those of the events."""
    if info.first:
        yield (
            "begins",
            f"at position {info.first:,}; {info.removed:,} events before it were removed",
        )
    for missing in info.missing:
        when = format_time(missing.latest)
        yield (
            missing.reason,
            f"{missing.positions:,} events in {missing.gaps:,} gaps, the last of {when}",
        )
    if info.next != info.events:
        yield "next", f"position {info.next:,}"


def _verdict(verdict: Verdict) -> str:
    intact = f"below position {verdict.events:,}"
    rows = [("state", verdict.state), ("what", verdict.summary), ("intact", intact)]
    rows += [("damage", told(damage)) for damage in verdict.damages]
    rows += [("unknown", name) for name in verdict.unknown]
    return _aligned(rows)


def _moment(nanoseconds: int | None) -> str:
    return "none" if nanoseconds is None else format_time(nanoseconds)


def _aligned(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(escape(name)) for name, _ in rows)
    return "\n".join(f"{escape(name):{width}}  {escape(text)}" for name, text in rows)
