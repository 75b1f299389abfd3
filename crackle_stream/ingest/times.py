"""Many times at once: the same moments that `parse_time` reads one by one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from crackle_stream.timestamp import DAY, MINUTE, NO_TIME, SECOND, parse_time

_FORM = re.compile(r"0000-00-00[T ]00:00:00(?:\.(0{1,9})0*)?(?:Z|([+-])00:00)")
_LENGTHS: Final = frozenset(range(20, 48))
_LAST_SECOND: Final = (2**63 - 1) // SECOND - 1


def parse_times(
    times: Sequence[str | int | float | None],
) -> tuple[NDArray[np.int64], list[int]]:
    """Read the times of a chunk, by columns where they are written alike.

    Returns
    -------
    tuple
        int64 nanoseconds, `NO_TIME` where there is no time; and the indices of those that are no
        moment.

    Examples
    --------
    >>> parse_times(["2026-03-01T12:00:00.25Z", None, "yesterday"])[1]
    [2]
    """
    moments = np.full(len(times), NO_TIME)
    kinds = set(map(type, times))
    if kinds == {str}:
        rest = _read_texts(cast(Sequence[str], times), moments)
    elif kinds == {int} or kinds == {float}:
        rest = _read_numbers(np.array(times), moments)
    else:
        rest = [i for i, time in enumerate(times) if time is not None]
    return moments, [i for i in rest if not _read_one(times, i, moments)]


def _read_one(
    times: Sequence[str | int | float | None], i: int, moments: NDArray[np.int64]
) -> bool:
    time = times[i]
    try:
        moments[i] = NO_TIME if time is None else parse_time(time)
    except ValueError:
        return False
    return True


def _read_numbers(
    seconds: NDArray[np.int64] | NDArray[np.float64], moments: NDArray[np.int64]
) -> list[int]:
    sound = np.abs(seconds) < _LAST_SECOND
    whole, part = np.divmod(seconds[sound], 1)
    moments[sound] = whole.astype(np.int64) * SECOND + np.rint(part * SECOND).astype(np.int64)
    return np.flatnonzero(~sound).tolist()


def _read_texts(texts: Sequence[str], moments: NDArray[np.int64]) -> list[int]:
    """Read the texts that are written like the first of their length; give the others' indices."""
    lengths = set(map(len, texts))
    if len(lengths) == 1 and lengths <= _LENGTHS:
        return _read_alike(texts, np.arange(len(texts)), moments)
    rest = [row for row, text in enumerate(texts) if len(text) not in _LENGTHS]
    for length in lengths & _LENGTHS:
        rows = np.array([row for row, text in enumerate(texts) if len(text) == length])
        rest += _read_alike([texts[row] for row in rows], rows, moments)
    return sorted(rest)


def _read_alike(
    texts: Sequence[str], rows: NDArray[np.intp], moments: NDArray[np.int64]
) -> list[int]:
    """Read texts of one length."""
    joined = "".join(texts).encode("ascii", "replace")
    codes = np.frombuffer(joined, np.uint8).reshape(len(texts), -1).T
    digits = np.ascontiguousarray(codes) - np.uint8(ord("0"))  # what is no digit wraps above 9
    forms = np.where(digits > 9, digits, 0)
    alike = (forms == forms[:, :1]).all(axis=0)
    form = (forms[:, 0] + np.uint8(ord("0"))).tobytes().decode("ascii")
    read = _read_form(form, digits if alike.all() else digits[:, alike])
    if read is None:
        return list(map(int, rows))
    moments[rows[alike]] = read
    return list(map(int, rows[~alike]))


def _read_form(form: str, digits: NDArray[np.uint8]) -> NDArray[np.int64] | None:
    """Read texts that differ in their digits only; None when one of them may be no moment.

    ``digits`` holds a text in each column.
    """
    match = _FORM.fullmatch(form)
    if match is None:
        return None
    midnights = _midnights(digits)
    hours, minutes, seconds = (_pair(digits, at) for at in (11, 14, 17))
    sound = (hours < 24) & (minutes < 60) & (seconds < 60)
    if midnights is None or not sound.all():
        return None
    moments = midnights + (hours * np.int64(3_600) + minutes * np.int64(60) + seconds) * SECOND
    for i in range(len(match[1] or "")):
        moments += digits[20 + i] * np.int64(10 ** (8 - i))
    if match[2]:
        hours, minutes = _pair(digits, len(form) - 5), _pair(digits, len(form) - 2)
        if (hours > 23).any() or (minutes > 59).any():
            return None
        ahead = (hours * np.int64(60) + minutes) * MINUTE
        moments += -ahead if match[2] == "+" else ahead
    return moments


def _midnights(digits: NDArray[np.uint8]) -> NDArray[np.int64] | None:
    """Read the days, each run of the same day once; None when one is none."""
    year = _pair(digits, 0) * np.int32(100) + _pair(digits, 2)
    days = year * np.int32(10_000) + _pair(digits, 5) * np.int32(100) + _pair(digits, 8)
    begins = np.flatnonzero(np.diff(days, prepend=-1))
    midnights = [_midnight(day) for day in days[begins].tolist()]
    if None in midnights:
        return None
    return np.repeat(np.array(midnights, np.int64), np.diff(begins, append=len(days)))


def _midnight(day: int) -> int | None:
    """Give the moment at which a day begins; None near the ends of what int64 can say."""
    try:
        moment = parse_time(f"{day // 10_000:04}-{day // 100 % 100:02}-{day % 100:02}T00:00:00Z")
    except ValueError:
        return None
    return moment if abs(moment) < 2**63 - 3 * DAY else None


def _pair(digits: NDArray[np.uint8], at: int) -> NDArray[np.uint8]:
    """Give the numbers of two digits."""
    pair: NDArray[np.uint8] = digits[at] * np.uint8(10) + digits[at + 1]
    return pair
