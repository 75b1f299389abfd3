"""Every error this package raises on purpose.

::

    CrackleError
    ├── UsageError               a plan, option or profile that cannot be meant   (exit 2)
    ├── InputRejectedError       more bad input than was allowed                  (exit 3)
    ├── LogError                 the log cannot be used as it is                  (exit 4)
    │   ├── NotALogError         the path holds no event log
    │   ├── LogFormatError       a log of an unknown or newer format
    │   ├── LogDamagedError      bytes that were written are not what is read
    │   └── LogLockedError       another writer holds the log
    └── StorageError             reading or writing failed; the writer has stopped (exit 74)
        └── DiskFullError        the free space that is kept would have been used

A message says what happened, where, and what to do next.
"""

from __future__ import annotations

from typing import ClassVar


class CrackleError(Exception):
    """Base of all errors raised on purpose; ``exit_code`` is what the command line returns."""

    exit_code: ClassVar[int] = 70


class UsageError(CrackleError):
    """A plan, option, mapping or profile that cannot be meant."""

    exit_code = 2


class InputRejectedError(CrackleError):
    """Input was rejected beyond what the caller allowed (``--strict``, ``--max-rejects``)."""

    exit_code = 3


class LogError(CrackleError):
    """The log cannot be used as it is."""

    exit_code = 4


class NotALogError(LogError):
    """The path holds no event log."""


class LogFormatError(LogError):
    """The log was written in a format that this version does not know."""


class LogLockedError(LogError):
    """Another writer holds the log."""


class LogDamagedError(LogError):
    """Bytes that were written are not what is read back.

    Parameters
    ----------
    message
        What happened and what to do.
    segment, offset
        The file and the byte in it at which the damage begins.
    first, last
        The first and last log position known to be affected; ``last`` is None where unknown.
    """

    def __init__(
        self, message: str, *, segment: str, offset: int, first: int, last: int | None = None
    ) -> None:
        super().__init__(message)
        self.segment = segment
        self.offset = offset
        self.first = first
        self.last = last


class StorageError(CrackleError):
    """Reading or writing failed; a writer that met this acknowledges nothing any more."""

    exit_code = 74


class DiskFullError(StorageError):
    """The free space that is kept in reserve would have been used; nothing was lost."""
