"""Telling a log's directory from other things that stand at a path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from crackle_stream.errors import NotALogError
from crackle_stream.log.disk import storage_errors
from crackle_stream.log.files import segment_firsts

LOCK: Final = "lock"


def check_is_log(path: Path) -> None:
    """Raise NotALogError unless a log stands at a path."""
    names = _names(path)
    if LOCK not in names and not segment_firsts(names):
        with storage_errors(f"looking at {path}"):
            what = _what_is_there(path)
        raise NotALogError(f"{path} {what}, not an event log: give the directory of one")


def check_may_become_log(path: Path) -> None:
    """Raise NotALogError when something stands at a path that is neither a log nor empty."""
    with storage_errors(f"looking at {path}"):
        something = path.is_file() or bool(_names(path))
    if something:
        check_is_log(path)


def _names(path: Path) -> list[str]:
    with storage_errors(f"listing {path}"):
        return os.listdir(path) if path.is_dir() else []


def _what_is_there(path: Path) -> str:
    if not path.exists():
        return "does not exist"
    if not path.is_dir():
        return "is a file"
    return "is a directory of other things" if _names(path) else "is empty"
