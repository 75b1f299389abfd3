"""Sizes of storage as people write them."""

from __future__ import annotations

import re

from crackle_stream.errors import UsageError


def parse_size(text: str) -> int:
    """Read ``500``, ``10GB`` or ``512MiB`` as bytes.

    Raises
    ------
    UsageError
        When it is no size.

    Examples
    --------
    >>> parse_size("256MiB"), parse_size("1.5k")
    (268435456, 1500)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kKMGT]?)(i?)B?", text)
    if found is None:
        raise UsageError(f"{text!r} is no size: write bytes, or 500MB, 10GB, 512MiB")
    number, prefix, binary = found.groups()
    step = 1024 if binary else 1000
    return int(float(number) * step ** " KMGT".index(prefix.upper() or " "))
