import io

import pytest

from crackle_stream.cli.progress import Progress


class Screen(io.StringIO):
    def isatty(self):
        return True


def shown(stream, seconds, **options):
    times = iter([0.0, seconds])
    progress = Progress(stream, clock=lambda: next(times), **options)
    progress.show(3_000)
    told = stream.getvalue()
    progress.clear()
    return told, stream.getvalue()[len(told) :]


def test_reading_that_takes_long_is_counted_and_the_line_is_taken_away():
    told, after = shown(Screen(), 2.0)
    assert told.endswith("3,000 events, 1,500 a second")
    assert after == "\r\x1b[K"


@pytest.mark.parametrize(
    ("stream", "seconds", "hidden"),
    [(io.StringIO(), 2.0, False), (Screen(), 0.5, False), (Screen(), 2.0, True)],
    ids=["in a pipe", "at first", "when quiet"],
)
def test_nothing_is_shown(stream, seconds, hidden):
    assert shown(stream, seconds, hidden=hidden) == ("", "")
