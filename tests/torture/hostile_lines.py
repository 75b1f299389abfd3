"""Lines that mean harm, or are no JSON at all: none may stop a run or cost another line."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CORPUS: Final = Path(__file__).with_name("corpus")
"""Files of what once went wrong: `*.lines` are read as input, `*.log` are segments."""

_EVENT: Final = b'{"label":"bad","metrics":{"x":%s}}'
_TIMED: Final = b'{"label":"bad","time":%s,"metrics":{"x":1}}'
_LABEL: Final = b'{"label":"%s","metrics":{"x":1}}'

NOT_UTF8: Final = (
    b"\xff", b"\xfe", b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf",
    b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed",
    b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80",
    b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc3\x28", b"\xe2\x28\xa1", b"\xf0\x28\x8c\xbc",
    b"\xff\xfe{\x00}\x00", "\u00e9".encode("latin-1"), "\u65e5".encode("shift-jis"),
)  # fmt: skip

ODD_TEXT: Final = (
    b"\\ud800", b"\\udfff", b"\\ud83d", b"\\ude00\\ud83d", b"\\ud83d\\ude00", b"\\u0000", b"\\x41",
    b"\\u12", b"\\", b"\x00", b"\x01", b"\x1b[31m", b"\\u001b[31m", b"\x7f", b"\xc2\x85",
    b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"\xef\xbf\xbe", b"\r",
    b"\t",
    b"\xf4\x8f\xbf\xbf", b"x" * 255, b"x" * 256, b"x" * 257, b"\xc3\xa9" * 128, b"\xc3\xa9" * 129,
    b"\xf0\x9f\x98\x80" * 64, b"\xf0\x9f\x98\x80" * 65, b"<script>", b"=1+1", b"%s%n", b"../../x",
    b"",
)  # fmt: skip

NUMBERS: Final = (
    b"1e400", b"-1e400", b"1e308", b"1.7976931348623159e308", b"5e-324", b"1e-400", b"NaN", b"nan",
    b"-NaN", b"Infinity", b"-Infinity", b"inf", b"-0", b"-0.0", b"+1", b"01", b".5", b"5.", b"1e",
    b"1e+", b"0x10", b"0b1", b"1_000", b"1,5", b"9007199254740992", b"9007199254740993",
    b"-9007199254740993", b"9223372036854775808", b"18446744073709551616", b"1" + b"0" * 400,
    b"1." + b"0" * 5_000, b"1" * 5_000, b"1e" + b"9" * 5_000, b"1e-" + b"9" * 5_000, b"true",
    b"false", b"null", b'"1"', b"[]", b"[1]", b"{}", b'{"x":1}', b"undefined", b"None", b"",
)  # fmt: skip

TIMES: Final = (
    b'"0000-01-01T00:00:00Z"', b'"0001-01-01T00:00:00Z"', b'"1677-09-21T00:12:43.145224193Z"',
    b'"1677-09-21T00:12:43.145224192Z"', b'"2262-04-11T23:47:16.854775807Z"',
    b'"2262-04-11T23:47:16.854775808Z"', b'"9999-12-31T23:59:59Z"', b'"10000-01-01T00:00:00Z"',
    b'"-2026-01-01T00:00:00Z"', b'"2016-12-31T23:59:60Z"', b'"2026-01-01T23:59:60Z"',
    b'"2026-01-01T24:00:00Z"', b'"2026-01-01T24:00:01Z"', b'"2026-01-01T00:60:00Z"',
    b'"2026-02-29T00:00:00Z"', b'"2024-02-29T00:00:00Z"', b'"2026-13-01T00:00:00Z"',
    b'"2026-00-00T00:00:00Z"', b'"2026-01-01T00:00:00"', b'"2026-01-01T00:00:00+14:00"',
    b'"2026-01-01T00:00:00+24:00"', b'"2026-01-01T00:00:00-99:99"', b'"2026-01-01T00:00:00+5"',
    b'"2026-01-01T00:00:00-00:00"', b'"2026-01-01 00:00:00z"', b'"2026-01-01t00:00:00Z"',
    b'"20260101T000000Z"', b'"2026-W01-1"', b'"2026-001"', b'"01/02/2026"', b'"now"', b'""',
    b'"2026-01-01T00:00:00.Z"', b'"2026-01-01T00:00:00.1234567890123Z"', b'"2026-01-01"',
    b'"2026-01-01T00:00:00,5Z"', b'"\\u0662026-01-01T00:00:00Z"', b'"2026-01-01T00:00:00Z\\n"',
    '"\u0662\u0660\u0662\u0666-01-01T00:00:00Z"'.encode(), b"1e300", b"-1e300", b"-1", b"0",
    b"-9223372036.9", b"9223372036.9", b"9223372037", b"-9223372037", b"1690391261123",
    b"1690391261123456789", b"1e-300", b"true", b"[]", b"{}", b"null", b'{"$date":1}', b"1.5e9",
)  # fmt: skip

SHAPES: Final = (
    b"", b" ", b"\t\t", b"\r", b"\r\r", b"\x0b", b"\x0c", b"\xc2\xa0", b"\xe3\x80\x80", b"\x00",
    b"\x00" * 4_096, b"null", b"true", b"7", b'"text"', b"[]", b"{}", b"[", b"]", b"{", b"}", b",",
    b":", b'"', b"'", b"`", b"//", b"# comment", b"// {}", b"/* {} */", b"---", b"...", b"- x: 1",
    b"label: bad", b"label,x\rbad,1", b"label;x", b"label\tx", b"<event x='1'/>", b"\xef\xbb\xbf",
    b"BEGIN;", b'{"metrics":{"x":1}}{"metrics":{"x":2}}', b'{"metrics":{"x":1}} {"metrics":{}}',
    b'{"metrics":{"x":1}},', b'[{"metrics":{"x":1}},{"metrics":{"x":2}}]', b'{"metrics":{"x":1,}}',
    b"{'metrics':{'x':1}}", b"{metrics:{x:1}}", b'{"metrics":{"x":1}}//', b'{"metrics":{"x":1}',
    b'{"metrics":{"x":1}}}', b'{"metrics" {"x":1}}', b'{"metrics":{"x":1},"label":"a}', b"\x1e{}",
    b'{"metrics":{"x":1}}\x00', b'\xef\xbb\xbf{"metrics":{"x":1}}', b'{"metrics":[1,2]}',
    b'{"metrics":"x"}', b'{"metrics":true}', b'{"metrics":null}', b'{"metrics":1}',
    b'{"metrics":[{"name":"x","value":1}]}', b'{"metrics":{"x":1},"metrics":{"y":2}}',
    b'{"metrics":{"x":1,"x":2}}', b'{"metrics":{"x":1e400,"x":2}}', b'{"metrics":{"":1}}',
    b'{"":{"":1}}', b'{"metrics":{},"":1}', b'{"metrics":{"\\u0000":1}}', b'{"metrics":{"\\":1}}',
    b'{"m\\u0065trics":{"\\u0078":1}}', b'{"metrics":{"\\ud800":1}}', b'{"metrics":{"\xff":1}}',
    b'{"metrics":{},"label":null}', b'{"metrics":{},"label":7}', b'{"metrics":{},"label":[]}',
    b'{"metrics":{},"id":7}', b'{"metrics":{},"id":""}', b'{"metrics":{},"outcome":"OK"}',
    b'{"metrics":{},"outcome":null}', b'{"metrics":{},"duration":"1s"}', b'{"metrics":{},"value":',
    b'{"metrics":{},"attributes":{"a":[]}}', b'{"metrics":{},"attributes":{"a":1e400}}',
    b'{"metrics":{},"value":"\\ud800"}', b'{"metrics":{},"value":[1,NaN]}',
    b'{"metrics":{},"x":1e400}',
    b'{"metrics":{"__other__":1}}', b'{"metrics":{"duration":1,"outcome.failed":7},"duration":2}',
    b'{"__proto__":{},"constructor":{},"metrics":{"x":1}}', b'{"metrics":{"x":1e150,"y":-1e300}}',
)  # fmt: skip


def bad_lines() -> Iterator[bytes]:
    """Give every kind of bad line there is, and lines that only look bad."""
    for text in NOT_UTF8:
        yield from (text, _LABEL % text, b'{"metrics":{"%s":1}}' % text, _EVENT % text)
    yield from (_LABEL % text for text in ODD_TEXT)
    yield from (b'{"metrics":{"%s":1}}' % text for text in ODD_TEXT)
    yield from (b'{"metrics":{},"error":"%s","value":{"%s":"%s"}}' % (t, t, t) for t in ODD_TEXT)
    yield from (_EVENT % number for number in NUMBERS)
    for field in (b"duration", b"value", b"attributes", b"other", b"time", b"metrics", b"outcome"):
        yield from (b'{"metrics":{"x":1},"%s":%s}' % (field, number) for number in NUMBERS)
    yield from (_TIMED % time for time in TIMES)
    yield from SHAPES
    yield from (b"\r%s\r" % line for line in SHAPES)
    yield from _deep()
    yield from _wide()
    yield from _blobs()


def _deep() -> Iterator[bytes]:
    for levels in (31, 32, 33, 511, 512, 513, 900, 1_100, 10_000, 100_000):
        yield b"[" * levels
        yield b'{"a":' * levels
        nested = (b"[" * levels + b"]" * levels, b'{"a":' * levels + b"1" + b"}" * levels)
        for inner, field in itertools.product(nested, (b"value", b"other", b"metrics", b"label")):
            yield b'{"metrics":{"x":1},"%s":%s}' % (field, inner)


def _wide() -> Iterator[bytes]:
    for count in (255, 256, 257, 20_000):
        yield json.dumps({"metrics": {f"m{i}": i for i in range(count)}}).encode()
        yield json.dumps({"metrics": {}, "attributes": {f"a{i}": i for i in range(count)}}).encode()
        yield json.dumps({"metrics": {"x": 1}, **{f"e{i}": i for i in range(count)}}).encode()
        yield b'{"metrics":{%s}}' % b",".join([b'"x":1'] * count)
    for size in (127, 128, 129, 100_000):
        yield json.dumps({"metrics": {"n" * size: 1}}).encode()
    frame = len(_LABEL % b"")
    for more in (-1, 0, 1):
        yield _LABEL % (b"y" * ((1 << 20) + more - frame))
        yield b" " * ((1 << 20) + more - frame) + _LABEL % b""
        yield b" " * ((1 << 20) + more)
        yield b'{"metrics":{"x":1},"value":"%s"}' % (b"z" * ((1 << 20) + more - 33))


def _blobs() -> Iterator[bytes]:
    """Give what is no text, with the newlines there may be in it."""
    every = bytes(range(256))
    yield every
    yield every.replace(b"\n", b"") * 400
    yield gzip.compress(b'{"metrics":{"x":1}}\n' * 50, mtime=0)
    yield b"ID3\x03\x00\x00\x00\x00\x0f\x76TIT2" + b"\xff\xfb\x90\x64" * 20_000
    yield b"\x7fELF\x02\x01\x01" + bytes(5_000) + b"\n" + bytes(5_000)
    yield "\n".join(['{"metrics":{"x":1}}', "x"] * 20).encode("utf-16")
    yield "".join(f"{{\n  {json.dumps(str(i))}: {i},\n}},\n" for i in range(50)).encode()
    yield b"\n" * 5_000
    yield b"\r\n" * 5_000
