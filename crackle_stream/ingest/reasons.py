"""The reason codes of refused lines; ``schemas/reasons.md`` says the same for readers."""

from __future__ import annotations

from typing import Final

REASONS: Final = {
    "line_too_long": "is longer than the limit `line`",
    "invalid_utf8": "holds bytes that are no UTF-8",
    "invalid_json": "is no JSON",
    "too_deep": "has more objects and arrays inside one another than the limit `nesting`",
    "not_finite": "says NaN, Infinity, or a number beyond float64",
    "integer_too_large": "has an integer literal beyond 2**53, which float64 would round",
    "not_an_object": "is JSON, but no object",
    "missing_metrics": "has no metrics where they are expected",
    "wrong_type": "has something else where text, a number or an object belongs",
    "too_many_metrics": "has more metrics than the limit `metrics`",
    "name_too_long": "has a metric name longer than the limit `name`",
    "label_too_long": "has a label longer than the limit `label`",
    "no_zone": "has a time without a zone",
    "bad_time": "has a time that is no moment between 1678 and 2262",
    "frame_too_large": "is an event that takes more bytes than the limit `frame`",
    "id_conflict": "has the id of an event in the log that says something else",
    "not_kept": "was kept in part, and its source does not have it any more (only in a retry)",
}
"""What each code says of the line."""
