"""Numbers with their nouns."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun.

    Examples
    --------
    >>> counted(1, "metric"), counted(2, "metric"), counted(0, "hypothesis", "hypotheses")
    ('1 metric', '2 metrics', '0 hypotheses')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
