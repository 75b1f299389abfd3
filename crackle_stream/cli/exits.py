"""What goes wrong becomes one message on stderr and an exit code; no traceback unless asked."""

from __future__ import annotations

import os
import traceback
from typing import Final

from crackle_stream.cli.say import say
from crackle_stream.errors import CrackleError, StorageError

INTERNAL: Final = 70
INTERRUPTED: Final = 130
GATE: Final = 1
READER_GONE: Final = 141
"""What a shell reports of a program that died of SIGPIPE: `| head -1` is no success of ours."""


def answer(error: BaseException, *, verbose: bool) -> int:
    """Say what happened and give the exit code.

    Parameters
    ----------
    error
        What ended the command.
    verbose
        Whether a traceback is wanted.
    """
    if isinstance(error, BrokenPipeError):
        return READER_GONE
    if verbose:
        say(traceback.format_exc().rstrip())
    if isinstance(error, KeyboardInterrupt):
        say("crackle: interrupted")
        return INTERRUPTED
    if isinstance(error, CrackleError):
        say(f"crackle: {error}")
        return error.exit_code
    if isinstance(error, OSError):
        say(f"crackle: {_what_failed(error)}")
        return StorageError.exit_code
    say(
        f"crackle: internal error: {type(error).__name__}: {error}\n"
        "This is a fault of crackle, not of your data. Please report it with the command, the "
        "output of 'crackle version', and the traceback that -v shows."
    )
    return INTERNAL


def _what_failed(error: OSError) -> str:
    where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return f"{where}{error.strerror or error}"
