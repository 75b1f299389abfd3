"""Which refused lines are meant, and how they are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from crackle_stream.cli.excerpt import excerpt
from crackle_stream.errors import UsageError
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.quarantine import Quarantined
from crackle_stream.report.inert import inert
from crackle_stream.report.terminal import PLAIN_WIDTH, columns, escape, shorten, wrap

SHORT: Final = 10
"""Digits of a key that are listed."""


class Selection(Struct, frozen=True, kw_only=True):
    """Refused lines of a log: those of some keys, or of a reason, or all that stay."""

    keys: frozenset[str] | None = None
    reason: str | None = None
    everything: bool = False

    @classmethod
    def of_keys(
        cls,
        log: EventLog,
        given: Sequence[str],
        *,
        reason: str | None = None,
        everything: bool = False,
    ) -> Selection:
        """Find the keys that begin as given; without any, all are meant.

        Raises
        ------
        UsageError
            When no key begins so, or several do.
        """
        if not given:
            return cls(reason=reason, everything=everything)
        found: dict[str, set[str]] = {prefix: set() for prefix in given}
        for line in log.quarantined():
            for prefix, keys in found.items():
                if line.key.startswith(prefix.lower()):
                    keys.add(line.key)
        meant = frozenset(_only(prefix, keys) for prefix, keys in found.items())
        return cls(keys=meant, reason=reason, everything=everything)

    def lines(self, log: EventLog) -> Iterator[Quarantined]:
        """Give the lines, in the order in which they were met."""
        return (line for line in log.quarantined() if self._is_meant(line))

    def _is_meant(self, line: Quarantined) -> bool:
        if line.resolved and not self.everything:
            return False
        if self.keys is not None and line.key not in self.keys:
            return False
        return self.reason in (None, line.rejection.reason)


def listing(log: EventLog, selection: Selection, format: str) -> Iterator[str]:  # noqa: A002
    """Write refused lines: text begins with how many there are for each reason."""
    lines = selection.lines(log)
    if format == "jsonl":
        yield from (f"{_json(line)}\n" for line in lines)
    elif format == "json":
        yield from _array(lines)
    else:
        counts = _counts(selection.lines(log))
        yield "".join(f"{line}\n" for line in wrap(counts, PLAIN_WIDTH))
        yield from (f"{_row(line)}\n" for line in lines)


def shown(line: Quarantined) -> str:
    """Write all that is known of a refused line, with a caret under the place that is wrong."""
    rejection = line.rejection
    rows = [
        ("key", line.key),
        ("source", rejection.source or "unknown"),
        ("line", f"{rejection.line:,}, at byte {rejection.offset:,}"),
        ("reason", rejection.reason),
        ("detail", rejection.detail),
        ("place", rejection.path or "the whole line"),
        ("sha256", rejection.sha256),
        ("resolved", "yes, by a later append" if line.resolved else "no"),
    ]
    text = "".join(f"{_wrapped(name, value)}\n" for name, value in rows)
    return f"{text}\n{excerpt(rejection)}\n"


def _only(prefix: str, keys: set[str]) -> str:
    if not keys:
        raise UsageError(
            f"no refused line has a key that begins with {prefix!r}: "
            "`crackle quarantine list --all` shows them"
        )
    if len(keys) > 1:
        few = ", ".join(sorted(keys)[:3])
        raise UsageError(f"{len(keys)} keys begin with {prefix!r}, such as {few}: give more of it")
    return keys.pop()


def _counts(lines: Iterator[Quarantined]) -> str:
    counts = Counter(line.rejection.reason for line in lines)
    if not counts:
        return "no lines are in quarantine"
    reasons = " ".join(f"{escape(reason)}={n:,}" for reason, n in counts.most_common())
    return f"{counts.total():,} in quarantine: {reasons}"


def _row(line: Quarantined) -> str:
    rejection = line.rejection
    where = f"{rejection.source or '?'}:{rejection.line}"
    state = "resolved: " if line.resolved else ""
    place = f" at {rejection.path}" if rejection.path else ""
    text = f"{state}{rejection.reason}{place}: {rejection.detail}"
    room = PLAIN_WIDTH - SHORT - 2
    where = _shorten_left(escape(where), room // 2)
    return f"{line.key[:SHORT]}  {where}  {shorten(escape(text), room - columns(where) - 2)}"


def _shorten_left(text: str, width: int) -> str:
    """Keep the end of a path, which tells files apart, and the line's number."""
    if columns(text) <= width:
        return text
    while columns(text) > width - 2:
        text = text[1:]
    return f"..{text}"


def _wrapped(name: str, value: str) -> str:
    return "\n".join(wrap(escape(value), PLAIN_WIDTH, f"{name:10}", " " * 10))


def _json(line: Quarantined) -> str:
    """Write a refused line as JSON; its bytes as text, with what is no UTF-8 replaced."""
    fields: dict[str, Any] = {"key": line.key, **msgspec.structs.asdict(line.rejection)}
    fields["excerpt"] = line.rejection.excerpt.decode("utf-8", "backslashreplace")
    fields["resolved"] = line.resolved
    present = {name: value for name, value in fields.items() if value is not None}
    return inert(msgspec.json.encode(present)).decode()


def _array(lines: Iterator[Quarantined]) -> Iterator[str]:
    before = "[\n"
    for line in lines:
        yield before + _json(line)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"
