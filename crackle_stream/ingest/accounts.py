"""What became of every line that was read."""

from __future__ import annotations

from msgspec import Struct


class Accounts(Struct):
    """Counts of lines: each that was read was accepted, was a duplicate, or is in quarantine.

    Examples
    --------
    >>> accounts = Accounts()
    >>> accounts.add(read=3, accepted=2, quarantined=1)
    >>> str(accounts), accounts.closes()
    ('read=3 accepted=2 duplicate=0 quarantined=1', True)
    """

    read: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0

    def add(
        self, *, read: int = 0, accepted: int = 0, duplicate: int = 0, quarantined: int = 0
    ) -> None:
        """Count some more lines."""
        self.read += read
        self.accepted += accepted
        self.duplicate += duplicate
        self.quarantined += quarantined

    def closes(self) -> bool:
        """Whether what was read is what was accepted, repeated or quarantined."""
        return self.read == self.accepted + self.duplicate + self.quarantined

    def __str__(self) -> str:
        return (
            f"read={self.read} accepted={self.accepted} "
            f"duplicate={self.duplicate} quarantined={self.quarantined}"
        )
