import pytest

from crackle_stream.cli.again import again
from crackle_stream.cli.cool import command


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["e.jsonl"], "crackle cool e.jsonl"),
        (["my events.jsonl"], "crackle cool 'my events.jsonl'"),
        (
            ["e.jsonl", "--at", "5", "--at", "end", "--members"],
            "crackle cool e.jsonl --at 5 --at end --members",
        ),
        (
            ["e.jsonl", "--label", ".name", "--strict", "--format", "text", "-q", "--workers", "2"],
            "crackle cool e.jsonl --label .name --strict",
        ),
        (["-", "--rate", "fast"], "... | crackle cool - --rate fast"),
        (
            ["-", "--log", "e.log", "--label", ".name", "--every", "9"],
            "crackle cool e.log --every 9",
        ),
        (["e.jsonl", "--log", "e.log"], "crackle cool e.log"),
    ],
)
def test_the_command_that_gives_the_same_again(arguments, written):
    with command.make_context("cool", arguments) as context:
        assert again(context) == written
