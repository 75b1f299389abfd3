"""One pattern a line: the JSON contract, for other programs."""

from __future__ import annotations

import msgspec

from crackle_stream.cooling.report import CoolingReport
from crackle_stream.ingest.accounts import Accounts
from crackle_stream.report.inert import inert


class JsonLines:
    """The patterns of each checkpoint, one a line, those that went at the end."""

    def begin(self) -> bytes:
        """Give nothing."""
        return b""

    def checkpoint(self, report: CoolingReport) -> bytes:
        """Give the patterns of one checkpoint, then those that went."""
        return inert(msgspec.json.Encoder().encode_lines((*report.patterns, *(report.gone or ()))))

    def end(self, accounts: Accounts) -> bytes:  # noqa: ARG002
        """Give nothing."""
        return b""
