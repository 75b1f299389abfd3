"""What was read is accepted, a repeat, or in quarantine."""

from __future__ import annotations

from crackle_stream.ingest.accounts import Accounts


def test_accounts_close_when_every_line_went_somewhere() -> None:
    accounts = Accounts()
    accounts.add(read=5, accepted=2)
    assert not accounts.closes()
    accounts.add(duplicate=1, quarantined=2)
    assert accounts.closes()
    assert str(accounts) == "read=5 accepted=2 duplicate=1 quarantined=2"
