"""What a detector gives: candidates with raw p-values, before any rate or correction is applied."""

from __future__ import annotations

from msgspec import Struct

from crackle_stream.detector import Gate
from crackle_stream.pattern import Note, Pattern


class Candidate(Struct, frozen=True, kw_only=True):
    """A pattern that the search brought up, with its size and its raw p-value.

    Parameters
    ----------
    pattern
        The draft: `description`, `confidence`, labels and `evidence.q_value` are filled in later.
    size
        Effect size in the unit of its gate; independent of the rate.
    p_value
        Raw, under the null that the detector states.
    gate
        Which threshold the size is held against.
    involved
        Log positions of the tasks responsible, most responsible first, at most 20.
    """

    pattern: Pattern
    size: float
    p_value: float
    gate: Gate
    involved: tuple[int, ...] = ()


class Detection(Struct, frozen=True):
    """All that one detector says of one window.

    Parameters
    ----------
    candidates
        In a deterministic order.
    tested
        How many hypotheses were tested, those without a candidate included.
    notes
        What was recognised and is no pattern.
    """

    candidates: tuple[Candidate, ...]
    tested: int
    notes: tuple[Note, ...] = ()
