"""Whatever stands in a label, a name or an error: no output does anything but show it."""

import html
import json
import re
import unicodedata

import numpy as np
import pytest
from click.testing import CliRunner

from crackle_stream.cli import main
from crackle_stream.event import batch_events
from crackle_stream.log.eventlog import EventLog
from crackle_stream.report.terminal import columns
from crackle_stream.source import Rejection

HOSTILE = {
    "clear": "\x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://x\x1b\\y\x1b]8;;\x1b\\",
    "csi": "\x9b31m",
    "delete": "a\x7fb",
    "nul": "a\x00b",
    "return": "good\rbad",
    "break": "good\nbad",
    "next-line": "good\x85bad",
    "separator": "good\u2028bad\u2029",
    "tab": "a\tb",
    "bidi": "\u202eevil\u2066",
    "invisible": "a\u200bb\ufeffc\u00ad",
    "tags": "a\U000e0041\U000e007fb",
    "private": "\ue000\U00100000",
    "pipe": "a|b|c",
    "script": "<script>alert(1)</script>",
    "comment": "<!-- x --> &lt; &#x1b;",
    "markup": "**b** _i_ `c` ~~s~~ [l](http://x) ![i](http://x)",
    "block": "# h\n- item\n> q\n```\ncode\n```\n| a | b |",
    "shell": "'; rm -rf / #$(x)`y`",
    "format": "%s {0} {x!r} \\x1b",
    "json": '"},{"a":"',
    "wide": "陶" * 40,
    "zalgo": "e" + "\u0301" * 60,
}
SHOWN = {"\u200c", "\u200d"}
TOGETHER = {
    "controls": "clear title link csi delete nul return break next-line tab",
    "unseen": "separator bidi invisible tags private zalgo",
    "markup": "pipe script comment markup",
    "blocks": "block shell format json",
}
"""What goes through the whole path at once: a pass over a log costs a good part of a second."""

each = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
hostile = pytest.mark.parametrize(
    "text",
    ["".join(HOSTILE[name][:20] for name in names.split()) for names in TOGETHER.values()],
    ids=TOGETHER,
)


def harmful(text):
    """Give the characters that do something to a terminal, other than to end a line."""
    does = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return {c for c in text if unicodedata.category(c) in does and c not in SHOWN} - {"\n"}


def run(*arguments, given=b""):
    return CliRunner().invoke(main, list(map(str, arguments)), input=given)


def checked(*arguments, given=b"", codes=(0,)):
    done = run(*arguments, given=given)
    assert done.exit_code in codes, (done.exit_code, done.stderr, done.exception)
    assert harmful(done.stdout_bytes.decode()) == set()
    assert harmful(done.stderr_bytes.decode()) == set()
    assert "Traceback" not in done.stderr
    return done


def stream(text):
    """Give events with a change, a relation and a group, all named so, and lines that are none."""
    random = np.random.default_rng(7)
    lines = []
    for i in range(300):
        level = float(random.normal(5 if i >= 150 else 0, 0.3))
        event = {
            "label": f"{text}{i % 2}",
            "time": 1_700_000_000 + 60 * i,
            "id": f"{text}{i}",
            "error": text,
            "attributes": {text: text},
            "metrics": {f"{text}a": level, f"{text}b": 2 * level + float(random.normal(0, 0.2))},
        }
        lines.append(json.dumps(event, ensure_ascii=bool(i % 2)))
    bad = [
        {"metrics": {text: text}},
        {"metrics": {}, "label": {text: 1}},
        {"metrics": {}, "time": text},
        {"metrics": {}, "attributes": {text: []}},
        {"metrics": {}, "outcome": text},
        {text: text},
        text,
    ]
    lines += [json.dumps(line, ensure_ascii=False) for line in bad]
    return "".join(f"{line}\n" for line in lines).encode() + text.encode() + b"\n\\ud800\xff\n"


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    made = {}

    def log_of(text):
        if text not in made:
            made[text] = tmp_path_factory.mktemp("hostile") / "log"
            checked("fire", "-", "--log", made[text], given=stream(text))
        return made[text]

    return log_of


@each
def test_a_line_of_it_is_refused_harmlessly(text, tmp_path):
    done = checked("fire", "-", "--log", tmp_path / "log", given=stream(text))
    told = [line for line in done.stderr.splitlines() if line.startswith("rejected: ")]
    assert len(told) == 5
    strict = checked(
        "fire", "-", "--log", tmp_path / "log", "--strict", given=stream(text), codes=(3,)
    )
    assert strict.stderr.splitlines()[-1].startswith("crackle: line 301: ")


@hostile
@pytest.mark.parametrize(
    "command", [["cool"], ["replay", "--every", "150"]], ids=["cool", "replay"]
)
@pytest.mark.parametrize("form", ["text", "markdown", "json", "jsonl"])
def test_patterns_that_are_named_so_are_only_shown(text, command, form, logs):
    done = checked(*command, logs(text), "--group-by", "label", "--format", form)
    if form == "json":
        assert json.loads(done.stdout)["checkpoints"]
    elif form == "jsonl":
        subjects = [json.loads(line)["subject"] for line in done.stdout_bytes.split(b"\n") if line]
        assert any(f"{text}a" in subject for subject in subjects)
    elif form == "markdown":
        assert_plain_markdown(done.stdout, text)


def assert_plain_markdown(written, text):
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", written)  # an escaped sign is no markup
    bare = re.sub(r"`[^`\n]*`", "", bare)  # and code is none
    assert not re.search(r"<\w|<!|\*\*|~~|\]\(|```|&\w+;|&#", bare)
    assert html.unescape(bare) == bare
    for table in re.findall(r"(?:^\|.*\|$\n?)+", bare, re.M):
        assert len({line.count("|") for line in table.splitlines()}) == 1
    for line in bare.splitlines():
        assert re.match(r"(# |## \d+\. |- \w[\w ]*: |\| |\|-|[A-Za-z0-9]|$)", line), line


@each
def test_a_log_that_holds_it_is_described_harmlessly(text, logs):
    log = logs(text)
    for command in ("info", "verify"):
        checked("log", command, log, codes=(0, 1))
        json.loads(checked("log", command, log, "--format", "json", codes=(0, 1)).stdout)
    done = checked("log", "cat", log)
    events = [json.loads(line) for line in done.stdout_bytes.split(b"\n") if line]
    assert [event["id"] for event in events[:300]] == [f"{text}{i}" for i in range(300)]
    assert json.loads(checked("log", "cat", log, "--format", "json").stdout) == events


@each
def test_quarantine_is_listed_one_row_a_line_and_shown_harmlessly(text, logs):
    log = logs(text)
    lines = [
        json.loads(line)
        for line in checked("quarantine", "list", log, "--format", "jsonl").stdout_bytes.split(
            b"\n"
        )
        if line
    ]
    assert len(lines) >= 8
    rows = checked("quarantine", "list", log).stdout.splitlines()
    rows = [row for row in rows if re.match(r"[0-9a-f]{10}  ", row)]
    assert len(rows) == len(lines)
    assert json.loads(checked("quarantine", "list", log, "--format", "json").stdout) == lines
    for line in lines:
        checked("quarantine", "show", log, line["key"])
    checked("quarantine", "retry", log, codes=(1,))
    checked("quarantine", "retry", log, "--label", f".{text}", "--dry-run", codes=(0, 1, 2))


@each
def test_a_rejection_of_a_log_that_means_harm_is_told_harmlessly(text, tmp_path):
    """A log may come from elsewhere: nothing in it is taken to be what we would have written."""
    with EventLog.create_or_open(tmp_path / "log") as log:
        told = Rejection(1, 0, text, text, f'$.metrics["{text}"]', text.encode(), text, text)
        log.append(batch_events([]), [told])
    rows = checked("quarantine", "list", tmp_path / "log").stdout.splitlines()
    assert rows[0].startswith("1 in quarantine:")
    assert max(map(columns, rows)) <= 80
    assert len([row for row in rows if re.match(r"[0-9a-f]{10}  ", row)]) == 1
    (line,) = json.loads(checked("quarantine", "list", tmp_path / "log", "--format", "json").stdout)
    assert (line["source"], line["reason"], line["excerpt"]) == (text, text, text)
    checked("quarantine", "show", tmp_path / "log", line["key"])
    checked("quarantine", "retry", tmp_path / "log", codes=(1,))


@hostile
def test_a_file_or_a_log_that_is_named_so_is_told_harmlessly(text, tmp_path):
    name = text.replace("/", "_").replace("\x00", "_").encode()[:220].decode(errors="ignore")
    source, log = tmp_path / f"{name}.jsonl", tmp_path / f"{name}.log"
    source.write_bytes(b'{"metrics":{"x":1}}\nno json\n')
    checked("fire", source, "--log", log)
    checked("fire", source, "--log", log)
    for command in (["log", "info"], ["log", "verify"], ["quarantine", "list"], ["cool"]):
        checked(*command, log)
    (line,) = json.loads(checked("quarantine", "list", log, "--format", "json").stdout)
    checked("quarantine", "show", log, line["key"])
    for form in ("text", "markdown"):
        checked("cool", source, "--format", form)
    source.write_bytes(b"changed\n")
    checked("fire", source, "--log", log, codes=(3,))
    checked("fire", tmp_path / f"{name}.none", "--log", log, codes=(2,))
    checked("fire", log, "--log", log, codes=(2,))
    checked("log", "info", tmp_path / f"{name}.none", codes=(2,))
    checked("log", "info", source, codes=(2, 4))
    checked("cool", tmp_path, codes=(4,))
    next(log.glob("*.seg")).write_bytes(b"nothing")
    checked("log", "verify", log, codes=(4,))
    checked("log", "cat", log, codes=(4,))
    checked("fire", "-", "--log", log, codes=(4,))


@hostile
def test_a_mark_an_option_and_a_key_of_it_are_told_harmlessly(text, logs):
    log, word = logs(text), text.replace("\x00", "_")
    checked("log", "mark", log, word)
    checked("cool", log, "--at", f"marker:{word}")
    checked("cool", log, "--at", f"marker:{word}-none", codes=(0, 2))
    for option in ("--window", "--every", "--profile", "--group-by", "--lateness", "--rate"):
        checked("cool", log, option, word, codes=(0, 2, 74))
    checked("quarantine", "show", log, word, codes=(2,))
    checked("quarantine", "list", log, "--reason", word)
    checked("quarantine", "retry", log, "--limit", word, codes=(2,))
    checked(word, codes=(2,))
    checked("cool", log, f"--{word}", codes=(2,))
