"""From what a detector of your own claims to a candidate like any other, or its refusal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final, get_args

import numpy as np

from crackle_stream.detect.candidate import Candidate, Detection
from crackle_stream.detect.view import View
from crackle_stream.detector import Claim, DetectorError, Gate, Verdict
from crackle_stream.pattern import CUSTOM, CustomPattern, Evidence, pattern_id

NAMED: Final = 20
"""Tasks of a pattern that are named."""

PLACE: Final = "place"
"""The number of a pattern that says its rank in time."""

_MOST: Final = 2**53
"""Whole numbers beyond it are not what other programs read."""


def detection_of(verdict: Any, detector: str, view: View) -> Detection:
    """Take a verdict, if all in it is what it must be.

    Raises
    ------
    DetectorError
        When something is not; nothing of it is taken then.
    """
    if not isinstance(verdict, Verdict):
        raise DetectorError(f"detect gave {type(verdict).__name__}, and not a Verdict")
    claims = tuple(verdict.claims)
    candidates = tuple(_candidate(claim, detector, view) for claim in claims)
    tested = len(claims) if verdict.tested is None else verdict.tested
    if len({candidate.pattern.id for candidate in candidates}) < len(candidates):
        raise DetectorError("two claims have the same form, subject and place")
    _check_positions(candidates, view)
    return Detection(candidates, _whole(tested, "tested", min(len(claims), 1), _MOST))


def _candidate(claim: Any, detector: str, view: View) -> Candidate:
    if not isinstance(claim, Claim):
        raise DetectorError(f"a claim is {type(claim).__name__}, and not a Claim")
    if claim.gate not in get_args(Gate):
        raise DetectorError(f"there is no gate {claim.gate!r}: {', '.join(get_args(Gate))}")
    involved = tuple(_position(at, "involved") for at in claim.involved)
    evidence = _evidence(claim, view)
    return Candidate(
        pattern=_pattern(claim, detector, view, evidence, len(involved)),
        size=evidence.effect,
        p_value=evidence.p_value,
        gate=claim.gate,
        involved=involved[:NAMED],
    )


def _pattern(
    claim: Claim, detector: str, view: View, evidence: Evidence, involved: int
) -> CustomPattern:
    form, subject = _text(claim.form, "form"), _subject(claim, view)
    at = None if claim.at is None else _position(claim.at, "at")
    count = involved if claim.involved_count is None else claim.involved_count
    return CustomPattern(
        id=pattern_id(CUSTOM, detector, form, *subject, at),
        description="",
        confidence=0.0,
        subject=subject,
        metrics=_numbers(claim),
        involved_tasks=(),
        involved_count=_whole(count, "involved_count", involved, view.span.n),
        window=view.span,
        group=view.group,
        evidence=evidence,
        detector=detector,
        form=form,
        claim=_text(claim.text, "text"),
        at=at,
        until=None if claim.until is None else _position(claim.until, "until"),
    )


def _evidence(claim: Claim, view: View) -> Evidence:
    n = view.span.n if claim.n is None else _whole(claim.n, "n", 1, view.span.n)
    effect, p_value = _number(claim.effect, "effect"), _number(claim.p_value, "p_value")
    if not 0.0 <= p_value <= 1.0:
        raise DetectorError(f"the p_value {p_value} of a claim is not within 0 and 1")
    return Evidence(n=n, effect=effect, p_value=p_value, q_value=1.0, tested=0)


def _subject(claim: Claim, view: View) -> tuple[str, ...]:
    unknown = [name for name in claim.subject if name not in view.names]
    if unknown:
        raise DetectorError(f"the subject {unknown[0]!r} of a claim is no metric of the window")
    return tuple(claim.subject)


def _numbers(claim: Claim) -> dict[str, float]:
    if PLACE in claim.metrics:
        raise DetectorError(f"a claim has a number named {PLACE!r}, which is filled in later")
    return {_text(name, "metrics"): _number(x, name) for name, x in claim.metrics.items()}


def _check_positions(candidates: Iterable[Candidate], view: View) -> None:
    """Refuse positions that are not of the window; a long one is read again to know."""
    named = {at for found in candidates for at in _positions(found)}
    parts = [view.sample] if view.exact or not named else view.scan(0, view.span.n)
    for part in parts:
        named -= set(part.positions[np.isin(part.positions, list(named))].tolist())
        if not named:
            return
    if named:
        raise DetectorError(f"a claim names position {min(named)}, which is not in the window")


def _positions(candidate: Candidate) -> tuple[int, ...]:
    pattern = candidate.pattern
    ends = (getattr(pattern, name) for name in ("at", "until"))
    return *candidate.involved, *(at for at in ends if at is not None)


def _text(given: Any, what: str) -> str:
    if not isinstance(given, str) or not given.strip():
        raise DetectorError(f"the {what} of a claim is {given!r}, and not a text")
    return given.encode("utf-8", "backslashreplace").decode()


def _number(given: Any, what: str) -> float:
    try:
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise DetectorError(f"the {what} of a claim is {given!r}, and not a finite number")
    return number


def _position(given: Any, what: str) -> int:
    return _whole(given, what, 0, _MOST)


def _whole(given: Any, what: str, least: int, most: int) -> int:
    number = _number(given, what)
    if number != int(number) or not least <= number <= most:
        raise DetectorError(f"{what} is {given!r}, and not a whole number from {least} to {most}")
    return int(number)
