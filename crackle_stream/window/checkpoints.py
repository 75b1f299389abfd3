"""Where in a log cooling happens: `--every` and `--at`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.errors import UsageError
from crackle_stream.timestamp import NO_TIME, parse_time
from crackle_stream.window.spec import parse_extent

_FORMS: Final = "5000, time:2026-03-01T12:00Z, label:deploy-*, marker:NAME or end"


class CheckpointSpec(Struct, frozen=True, kw_only=True):
    """The checkpoints asked for. A checkpoint at N sees the positions below N.

    Parameters
    ----------
    every
        One each time the log holds another so many events.
    every_span
        One each time event time passes a multiple of so many nanoseconds since 1970.
    positions
        At these N.
    times
        Before the first event at or after these moments, in nanoseconds.
    labels
        After each event whose label matches one of these globs.
    markers
        Where markers of these names stand.
    end
        At the end.

    Examples
    --------
    >>> CheckpointSpec.parse("1000", ["5000", "end"])
    CheckpointSpec(every=1000, every_span=None, positions=(5000,), times=(), labels=(),
                   markers=(), end=True)
    """

    every: int | None = None
    every_span: int | None = None
    positions: tuple[int, ...] = ()
    times: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    end: bool = True

    @classmethod
    def parse(cls, every: str | None = None, at: Sequence[str] = ()) -> CheckpointSpec:
        """Read ``--every`` and all ``--at``; with neither, the end.

        Raises
        ------
        UsageError
            When a text names no checkpoint.
        """
        kind, size = parse_extent(every, "step") if every else (None, None)
        places = [_parse_place(text) for text in at]
        return cls(
            every=size if kind == "count" else None,
            every_span=size if kind == "time" else None,
            positions=tuple(sorted({p for p in places if isinstance(p, int)})),
            times=tuple(sorted({int(rest) for kind, rest in _named(places) if kind == "time"})),
            labels=tuple(rest for kind, rest in _named(places) if kind == "label"),
            markers=tuple(rest for kind, rest in _named(places) if kind == "marker"),
            end="end" in at or not (every or at),
        )


class CheckpointFinder:
    """Finds the checkpoints of a growing log, whatever portions it comes in.

    Parameters
    ----------
    spec
        The checkpoints asked for.
    start
        Log position of the first event; checkpoints stand behind it.

    Examples
    --------
    >>> finder = CheckpointFinder(CheckpointSpec.parse("2", ["label:deploy"]))
    >>> times = np.full(5, NO_TIME)
    >>> finder.feed(0, times, ["a", "a", "deploy", "a", "a"])
    [2, 3, 4]
    >>> finder.finish()
    []
    """

    def __init__(self, spec: CheckpointSpec, start: int = 0) -> None:
        self.spec = spec
        self.count = start
        self._last = start
        self._latest = NO_TIME
        self._label_matches: dict[str, bool] = {}

    @property
    def needs_labels(self) -> bool:
        """Whether `feed` must be given labels."""
        return bool(self.spec.labels)

    def feed(
        self, first: int, times: NDArray[np.int64], labels: Sequence[str] | None = None
    ) -> list[int]:
        """Take in the next events in log order and give the new checkpoints, rising.

        Parameters
        ----------
        first
            Log position of the first of them; must follow on what was fed before.
        times
            int64 nanoseconds, `NO_TIME` where absent.
        labels
            Needed when the spec has labels.

        Raises
        ------
        ValueError
            When events were passed over, or labels are missing.
        """
        if first != self.count:
            raise ValueError(f"checkpoints expected position {self.count}, got {first}")
        if self.needs_labels and labels is None:
            raise ValueError("checkpoints at labels need the labels of events")
        self.count += len(times)
        found = {*self._by_position(first), *self._by_time(first, times)}
        if self.spec.labels and labels is not None:
            found.update(first + i + 1 for i, label in enumerate(labels) if self._matches(label))
        return self._new(found)

    def skip(self, position: int) -> list[int]:
        """Pass over positions up to one, at which there is no event; gives new checkpoints."""
        first, self.count = self.count, max(position, self.count)
        return self._new(set(self._by_position(first)))

    def marker(self, name: str, position: int) -> list[int]:
        """Take in a marker that stands at a position; gives it when it is asked for and new."""
        return self._new({position} if name in self.spec.markers else set())

    def finish(self) -> list[int]:
        """Give the checkpoint at the end, when it is asked for and new."""
        return self._new({self.count} if self.spec.end else set())

    def _by_position(self, first: int) -> Iterator[int]:
        yield from (p for p in self.spec.positions if first < p <= self.count)
        if self.spec.every:
            start = (first // self.spec.every + 1) * self.spec.every
            yield from range(start, self.count + 1, self.spec.every)

    def _by_time(self, first: int, times: NDArray[np.int64]) -> list[int]:
        if not (self.spec.every_span or self.spec.times) or not len(times):
            return []
        latest = np.maximum.accumulate(np.concatenate([[self._latest], times]))
        self._latest = int(latest[-1])
        before, after = latest[:-1], latest[1:]
        crossed = np.zeros(len(times), np.bool_)
        if self.spec.every_span:
            crossed |= before // self.spec.every_span < after // self.spec.every_span
            # The first time of all passes no boundary: nothing was there before it.
            crossed &= before != NO_TIME
        for moment in self.spec.times:
            crossed |= (before < moment) & (after >= moment)
        return [first + row for row in np.flatnonzero(crossed).tolist()]

    def _matches(self, label: str) -> bool:
        known = self._label_matches.get(label)
        if known is None:
            if len(self._label_matches) >= 65_536:
                self._label_matches.clear()
            known = any(fnmatchcase(label, glob) for glob in self.spec.labels)
            self._label_matches[label] = known
        return known

    def _new(self, found: set[int]) -> list[int]:
        new = sorted(position for position in found if position > self._last)
        self._last = new[-1] if new else self._last
        return new


def _parse_place(text: str) -> int | tuple[str, str]:
    kind, _, rest = text.partition(":")
    if text.isdecimal() and int(text) > 0:
        return int(text)
    if text == "end":
        return "end", ""
    if kind == "time" and rest:
        return kind, str(_moment(rest))
    if kind in ("label", "marker") and rest:
        return kind, rest
    raise UsageError(f"{text!r} is no checkpoint: write {_FORMS}")


def _moment(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise UsageError(f"checkpoint at {text!r}: {error}") from error


def _named(places: Sequence[int | tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return (place for place in places if not isinstance(place, int))
