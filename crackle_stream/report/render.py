"""Which rendering a format's name stands for; each is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from crackle_stream.report.context import Context, Rendering

Format: TypeAlias = Literal["text", "jsonl", "json", "markdown"]
FORMATS: tuple[Format, ...] = get_args(Format)


def rendering(name: Format, context: Context) -> Rendering:
    """Give a fresh rendering for one run."""
    if name == "text":
        from crackle_stream.report.text import Text

        return Text(context)
    if name == "markdown":
        from crackle_stream.report.markdown import Markdown

        return Markdown(context)
    if name == "json":
        from crackle_stream.report.envelope import Envelope

        return Envelope(context)
    from crackle_stream.report.jsonl import JsonLines

    return JsonLines()
