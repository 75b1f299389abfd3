"""Lines that were refused before, read with the mapping and the limits that are given now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from crackle_stream.event import EventBatch
from crackle_stream.ingest.chunks import decoder_for
from crackle_stream.ingest.diagnosis import Flaw
from crackle_stream.ingest.limits import Limits
from crackle_stream.ingest.mapping import FieldMapping, understand


class Reread(Struct, frozen=True):
    """Some of the lines.

    Parameters
    ----------
    batch
        Those that are events now.
    places
        Where they stand among the lines; an index for each event.
    flaws
        What is wrong with the others, by place.
    """

    batch: EventBatch
    places: NDArray[np.intp]
    flaws: dict[int, Flaw]


def reread(lines: Sequence[bytes], asked: FieldMapping, limits: Limits) -> Iterator[Reread]:
    """Read single lines, each by its own shape where the mapping does not say.

    Lines of one shape are given together. They may come from several sources, so none is the
    first line that tells how the others are to be understood.
    """
    shapes: defaultdict[FieldMapping, list[int]] = defaultdict(list)
    for place, line in enumerate(lines):
        shapes[understand(line, asked).mapping].append(place)
    for mapping, places in shapes.items():
        yield _read([lines[place] for place in places], places, mapping, limits)


def _read(lines: list[bytes], places: list[int], mapping: FieldMapping, limits: Limits) -> Reread:
    decoder = decoder_for(mapping, limits)
    batch, failed = decoder.decode(b"\n".join(lines))
    blank = [i for i, line in enumerate(lines) if not line.strip(b" \t\r")]
    flaws = {places[i]: decoder.diagnose(lines[i]) for i in sorted([*failed, *blank])}
    return Reread(batch, np.delete(np.array(places, np.intp), sorted([*failed, *blank])), flaws)
