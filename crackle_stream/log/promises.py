"""What a log promises, and up to where: its durability levels and defaults."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Durability: TypeAlias = Literal["sync", "group", "interval", "none"]

DURABILITIES: Final[tuple[Durability, ...]] = ("sync", "group", "interval", "none")
INTERVAL: Final = 1.0
"""Seconds between the syncs of ``interval``."""

FREE_RESERVE: Final = 256 << 20
"""Bytes of the disk that are left free."""

ID_WINDOW: Final = 100_000
"""Positions among which an id is looked for: producers resend what they sent last."""
