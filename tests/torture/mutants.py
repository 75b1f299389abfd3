"""Bugs planted on purpose, each of which a layer must catch: a test of the tests."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import click
from msgspec import Struct

from crackle_stream.errors import CrackleError, LogLockedError
from crackle_stream.event import EventBatch, batch_events
from crackle_stream.log import (
    append,
    compaction,
    files,
    reader,
    recovery,
    segment,
    segment_writer,
    writer,
)
from crackle_stream.log.disk import storage_errors
from crackle_stream.log.eventlog import EventLog
from crackle_stream.log.frame import Header, unpack
from crackle_stream.log.segment_writer import SegmentWriter
from tests.torture import bytes as every_byte
from tests.torture.outcome import Outcome
from tests.torture.simdisk import failed_steps, lives
from tests.torture.simulated_disk import SimulatedDisk

SEEDS: Final = 400
BLOCK: Final = 20
"""Lives between two looks at whether the bug is caught already."""


class Mutant(Struct, frozen=True):
    """A planted bug.

    Parameters
    ----------
    name
        What is wrong.
    owner, attribute
        What is replaced.
    make
        Gives the replacement from what stood there.
    also
        Another place that has the same thing.
    """

    name: str
    owner: Any
    attribute: str
    make: Callable[[Any], Any]
    also: Any = None

    def places(self) -> Iterator[Any]:
        """Give where it is planted."""
        yield self.owner
        if self.also is not None:
            yield self.also


def nothing(_: Any) -> Any:
    """Replace a function by one that does nothing."""
    return lambda *_, **__: None


def acknowledge_at_once(_: Any) -> Any:
    """Acknowledge what was written, and not what was synced."""

    def acknowledge(self: Any) -> None:
        self.acknowledged = self.count

    return acknowledge


def retry(sync: Any) -> Any:
    """Sync again when a sync has failed."""

    def again(self: Any) -> None:
        try:
            sync(self)
        except OSError:
            sync(self)

    return again


def believe_header(_: Any) -> Any:
    """Read a header without looking at its CRC."""

    def believe(data: bytes) -> Header | None:
        checked = data[:84]
        return unpack(checked + files.zlib.crc32(checked).to_bytes(4, "little") + data[88:])

    return believe


def believe_payload(_: Any) -> Any:
    """Give a payload without looking at its CRC."""
    return lambda self, place: self._read_payload(place)


def overstate(header: Any) -> Any:
    """Say that all that was written before is synced."""

    def overstated(self: Any, kind: int) -> Header:
        self.durable = self.offset
        return header(self, kind)

    return overstated


def position_apart(encode: Any) -> Any:
    """Write the source position in a frame of its own, behind its events."""

    def apart(batch: EventBatch, rejections: Any, position: Any, *rest: Any) -> Any:
        none = batch_events([])
        return [*encode(batch, rejections, None, *rest), *encode(none, (), position, *rest)]

    return apart


def rename_first(_: Any) -> Any:
    """Put a file in its place before it is synced."""

    def replace(disk: Any, name: str, frames: Any) -> None:
        with storage_errors(f"writing {name}"):
            file, offset = disk.create(name + ".new"), 0
            for frame in frames:
                file.write(frame, offset)
                offset += len(frame)
            file.close()
            disk.rename(name + ".new", name)
            disk.fsync_directory()

    return replace


def sync_only(_: Any) -> Any:
    """Sync what a writer finds, and not write it again."""
    return lambda file, segment: file.fdatasync()


def part_is_damage(check: Any) -> Any:
    """Take part of a last frame for damage."""

    def checked(self: Any) -> None:
        tail = self.tail
        if tail is not None and not tail.sealed and tail.end < tail.size() and not tail.marked:
            raise tail.damage(tail.end, "part of a frame")
        check(self)

    return checked


def unsynced_last(_: Any) -> Any:
    """Write a seal or a close and not sync it."""

    def write_last(self: Any, kind: int) -> None:
        self._file.write(self._header(kind).pack(), self.offset)
        self._advance(88)
        self.durable = self.offset

    return write_last


def forget_rejections(encode: Any) -> Any:
    """Lose the lines that were refused when an append is split."""
    return lambda batch, rejections, *rest: encode(batch, (), *rest)


MUTANTS: Final = (
    Mutant("no fdatasync", SegmentWriter, "fdatasync", nothing),
    Mutant("no directory sync", SimulatedDisk, "fsync_directory", nothing),
    Mutant("acknowledged before the sync", writer.LogWriter, "_acknowledge", acknowledge_at_once),
    Mutant("a failed sync tried again", SegmentWriter, "fdatasync", retry),
    Mutant("a failed writer goes on", writer.LogWriter, "_check_sound", nothing),
    Mutant("header CRC not checked", segment, "unpack", believe_header),
    Mutant("length of a header trusted", segment.Segment, "is_whole", lambda _: bool),
    Mutant(
        "payload CRC not checked in reading", segment.Segment, "checked_payload", believe_payload
    ),
    Mutant("no lock", fcntl, "flock", nothing),
    Mutant("torn end not cut", recovery, "cut", lambda _: lambda disk, found, tail: None),
    Mutant("torn end not kept", recovery, "_copy", lambda _: lambda *_: None),
    Mutant("uncertain taken for torn", recovery, "_is_whole", lambda _: lambda *_: False),
    Mutant("no sync mark", SegmentWriter, "mark", nothing),
    Mutant("durable overstated", SegmentWriter, "_header", overstate),
    Mutant("position in another frame", writer, "encode_append", position_apart),
    Mutant("segments renamed before synced", files, "replace_segment", rename_first),
    Mutant("compacted segments not synced", compaction, "replace_segment", rename_first),
    Mutant("unsynced bytes believed", segment_writer, "settle", sync_only, also=recovery),
    Mutant("a new segment's name believed", recovery, "_BEHIND_HEAD", lambda _: -1),
    Mutant("part of an append shown", Header, "continued", lambda _: property(lambda _: False)),
    Mutant("part of a frame is damage", reader.LogReader, "check_tail", part_is_damage),
    Mutant("seal not synced", SegmentWriter, "write_last", unsynced_last),
    Mutant("rejections lost in compaction", compaction, "encode_block", forget_rejections),
    Mutant("rejections lost in appending", append, "encode_block", forget_rejections),
)


def simulated_disk() -> Iterator[str]:
    """Live on the simulated disk."""
    for first in range(0, SEEDS, BLOCK):
        yield from lives(range(first, first + BLOCK))
    yield from failed_steps()


def spoiled_bytes() -> Iterator[str]:
    """Spoil the bytes of small logs."""
    for kind in every_byte.LOGS:
        yield from every_byte.accidents(kind, 100)
    for kind in ("left open", "unsynced", "several frames an append"):
        yield from every_byte.flips(kind)


def two_writers() -> Iterator[str]:
    """Open a log for writing twice."""
    with (
        tempfile.TemporaryDirectory(prefix="crackle-torture-") as directory,
        EventLog.create_or_open(Path(directory)),
    ):
        try:
            EventLog.create_or_open(Path(directory)).close()
            yield "a second writer was let in"
        except LogLockedError:
            pass


LAYERS: Final = {"simdisk": simulated_disk, "bytes": spoiled_bytes, "process": two_writers}


def catcher(mutant: Mutant) -> str:
    """Name the layer that catches a planted bug; empty when none does."""
    with ExitStack() as planted:
        for place in mutant.places():
            made = mutant.make(getattr(place, mutant.attribute))
            planted.enter_context(patch.object(place, mutant.attribute, made))
        for name, layer in LAYERS.items():
            if _loses(layer):
                return name
    return ""


def _loses(layer: Callable[[], Iterator[str]]) -> bool:
    """Whether a layer loses something, or does not get to its end.

    What a wrongly written bug raises is no catch.
    """
    try:
        return next(layer(), "") != ""
    except (AssertionError, CrackleError):
        return True


@click.command()
@click.option("--processes", default=2, show_default=True)
def command(processes: int) -> Outcome:
    """Plant bugs, one at a time; each must be caught by a layer."""
    with ProcessPoolExecutor(processes) as pool:
        caught = list(pool.map(catch_number, range(len(MUTANTS))))
    for mutant, layer in zip(MUTANTS, caught, strict=True):
        click.echo(f"  {mutant.name}: {layer or 'NOT CAUGHT'}")
    return Outcome(
        layer="mutants",
        ran=f"{len(MUTANTS)} planted bugs",
        lost=tuple(m.name for m, layer in zip(MUTANTS, caught, strict=True) if not layer),
    )


def catch_number(number: int) -> str:
    """Catch one of the mutants, in a process that could not be sent the bug itself."""
    return catcher(MUTANTS[number])
