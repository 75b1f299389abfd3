"""How much an event takes in a frame of the log."""

from __future__ import annotations

import msgspec

from crackle_stream.event import TaskEvent


def size_of(event: TaskEvent) -> int:
    """Count the bytes of an event as MessagePack, with its result as JSON.

    Its columns take no more than that: the same texts, and 8 bytes a number.

    Examples
    --------
    >>> size_of(TaskEvent(label="a", metrics={"x": 1.0}))
    20
    """
    texts = (event.label, event.id, event.error)
    parts = (*texts, event.metrics, event.time, event.duration, event.attributes)
    result = b"" if event.value is None else msgspec.json.encode(event.value)
    # Numbers of other libraries are kept as floats.
    return len(msgspec.msgpack.encode(parts, enc_hook=float)) + len(result)
