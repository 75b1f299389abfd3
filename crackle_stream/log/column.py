"""Encodings of single columns: bytes as they are, lists, dictionaries, differences of times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import DTypeLike, NDArray

from crackle_stream.timestamp import NO_TIME

T = TypeVar("T")

_SAMPLE: Final = 256
_CODES: Final[dict[int, np.dtype[Any]]] = {n: np.dtype(f"<u{n}") for n in (1, 2, 4)}
_DELTAS: Final[dict[int, np.dtype[Any]]] = {n: np.dtype(f"<i{n}") for n in (1, 2, 4, 8)}


class Array(Struct, frozen=True, array_like=True, tag="array"):
    """Numbers as they are."""

    data: memoryview


class Codes(Struct, frozen=True, array_like=True, tag="codes"):
    """Small unsigned integers."""

    width: int
    data: memoryview


class ItemList(Struct, frozen=True, array_like=True, tag="list"):
    """A MessagePack array of its own, so that a reader can step over it unread."""

    data: memoryview


class Dictionary(Struct, frozen=True, array_like=True, tag="dictionary"):
    """Distinct words, and for each row the index of its word."""

    words: memoryview
    width: int
    data: memoryview


class Deltas(Struct, frozen=True, array_like=True, tag="deltas"):
    """The first time, and the differences that follow in a common unit."""

    first: int
    unit: int
    width: int
    mask: memoryview | None
    data: memoryview


def array_bytes(array: NDArray[Any]) -> memoryview:
    """Give an array's bytes, without a copy where it is contiguous."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def encode_codes(codes: NDArray[np.uint32]) -> Codes:
    """Write unsigned integers in as few bytes each as the largest needs."""
    largest = int(codes.max(initial=0))
    width = 1 if largest < 1 << 8 else 2 if largest < 1 << 16 else 4
    return Codes(width, array_bytes(codes.astype(_CODES[width])))


def decode_codes(width: int, data: memoryview) -> NDArray[np.uint32]:
    """Read what `encode_codes` wrote."""
    return np.frombuffer(data, _CODES[width]).astype(np.uint32)


def encode_list(items: Sequence[Any]) -> ItemList:
    """Write any items."""
    return ItemList(memoryview(msgspec.msgpack.encode(items)))


def decode_list(column: ItemList | None, kind: type[list[T]]) -> list[T] | None:
    """Read items; None where the column is absent."""
    return None if column is None else msgspec.msgpack.decode(column.data, type=kind)


def encode_text(words: list[str]) -> ItemList | Dictionary:
    """Write text, through a dictionary where the first rows repeat themselves.

    Only a sample is looked at: to find all distinct words of a column that has few repeats costs
    more than to write it.
    """
    sample = words[:_SAMPLE]
    if len(sample) < 8 or len(set(sample)) > len(sample) // 2:
        return encode_list(words)
    distinct = list(dict.fromkeys(words))
    place = {word: i for i, word in enumerate(distinct)}
    codes = encode_codes(np.fromiter(map(place.__getitem__, words), np.uint32, len(words)))
    return Dictionary(encode_list(distinct).data, codes.width, codes.data)


def decode_text(column: ItemList | Dictionary | None) -> list[str] | None:
    """Read text; None where the column is absent."""
    if not isinstance(column, Dictionary):
        return decode_list(column, list[str])
    words = msgspec.msgpack.decode(column.words, type=list[str])
    codes = np.frombuffer(column.data, _CODES[column.width])
    return [words[code] for code in codes.tolist()]


def encode_times(times: NDArray[np.int64]) -> Deltas | None:
    """Write times as differences in their greatest common unit; None where there are none.

    Differences are taken modulo 2^64, so that any two times have one.
    """
    present = times != NO_TIME
    if not present.any():
        return None
    mask = None if present.all() else array_bytes(np.packbits(present))
    known = times if mask is None else times[present]
    deltas = np.diff(known)
    unit = _common_unit(deltas)
    steps = deltas if unit == 1 else deltas // unit
    width = _signed_width(steps)
    return Deltas(int(known[0]), unit, width, mask, array_bytes(steps.astype(_DELTAS[width])))


def decode_times(column: Deltas | None, count: int) -> NDArray[np.int64]:
    """Read times; `NO_TIME` where absent."""
    if column is None:
        return np.full(count, NO_TIME, np.int64)
    steps = np.frombuffer(column.data, _DELTAS[column.width])
    known = np.empty(len(steps) + 1, np.int64)
    known[0] = column.first
    np.multiply(steps, column.unit, out=known[1:], dtype=np.int64)
    np.cumsum(known, out=known)
    if column.mask is None:
        return known
    present = np.unpackbits(np.frombuffer(column.mask, np.uint8), count=count).astype(bool)
    times = np.full(count, NO_TIME, np.int64)
    times[present] = known
    return times


def decode_array(column: Array | None, kind: DTypeLike) -> NDArray[Any] | None:
    """Read numbers, as a read-only view of the frame; None where the column is absent."""
    return None if column is None else np.frombuffer(column.data, kind)


def _common_unit(deltas: NDArray[np.int64]) -> int:
    # The least int64 has no absolute value, and gcd takes one.
    if not len(deltas) or deltas.min() == NO_TIME:
        return 1
    return max(int(np.gcd.reduce(deltas)), 1)


def _signed_width(steps: NDArray[np.int64]) -> int:
    low, high = int(steps.min(initial=0)), int(steps.max(initial=0))
    bits = max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1
    return 1 if bits <= 8 else 2 if bits <= 16 else 4 if bits <= 32 else 8
