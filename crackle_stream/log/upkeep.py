"""Keeping logs up, by path: compact, forget, salvage. Retention is `EventLog.retain`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from crackle_stream.clock import now
from crackle_stream.errors import UsageError
from crackle_stream.log.compaction import compact
from crackle_stream.log.directory import check_is_log
from crackle_stream.log.disk import Disk, OsDisk, storage_errors
from crackle_stream.log.forget import Choice, Forgotten, Labels, forget
from crackle_stream.log.maintenance import maintained
from crackle_stream.log.reader import LogReader
from crackle_stream.log.salvage import Salvaged, salvage

PARTIAL: Final = ".partial"


class Bulk(Struct, frozen=True):
    """How many bytes and blocks a log has."""

    bytes: int
    blocks: int


def compact_log(path: Path) -> tuple[Bulk, Bulk]:
    """Merge small blocks of all sealed segments; give the log's bulk before and after.

    Raises
    ------
    LogLockedError
        When a writer has the log open.
    LogDamagedError
        When what there is cannot be read; what was compacted before stays so.
    """
    check_is_log(path)
    return compact_all(OsDisk(path))


def forget_labels(path: Path, globs: Sequence[str], *, dry_run: bool = False) -> Forgotten:
    """Remove the tasks whose labels match, for good; see `crackle_stream.log.forget.forget`."""
    return forget_events(path, Labels(globs), dry_run=dry_run)


def forget_events(path: Path, choice: Choice, *, dry_run: bool = False) -> Forgotten:
    """Remove events chosen in another way; see `crackle_stream.log.forget.forget`."""
    check_is_log(path)
    return forget(OsDisk(path), choice, now(), dry_run=dry_run)


def salvage_log(source: Path, target: Path, within: Sequence[str] = ()) -> list[Salvaged]:
    """Copy what is whole of a log, and of logs within its directory, to a new directory.

    The copy has its name once all of it is durable: one that did not come to its end has
    ``.partial`` behind it. See `crackle_stream.log.salvage.salvage`.

    Returns
    -------
    list of Salvaged
        Of the log, then of each within.

    Raises
    ------
    UsageError
        When something is at the target already, or left by a copy that did not come to its end.
    """
    check_is_log(source)
    partial = Path(f"{os.path.abspath(target)}{PARTIAL}")
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already: name a directory that is new")
    if os.path.lexists(partial):
        raise UsageError(f"{partial} is left of a copy that was broken off: remove it first")
    found = [salvage(OsDisk(source), OsDisk(partial), now())]
    found += (salvage(OsDisk(source / name), OsDisk(partial / name), now()) for name in within)
    with storage_errors(f"naming {target}"):
        parent = OsDisk(partial.parent)
        parent.rename(partial.name, partial.name.removesuffix(PARTIAL))
        parent.fsync_directory()
    return found


def compact_all(disk: Disk) -> tuple[Bulk, Bulk]:
    """Compact the sealed segments of a log; see `compact_log`."""
    with maintained(disk) as reader:
        before = _bulk(reader)
        for segment in reader.segments():
            if segment.sealed:
                compact(disk, segment)
        reader.look_again()
        return before, _bulk(reader)


def _bulk(reader: LogReader) -> Bulk:
    segments = list(reader.segments())
    return Bulk(
        sum(segment.size() for segment in segments),
        sum(1 for segment in segments for _ in segment.places()),
    )
