"""Sessions of other hosts: shown with what they hold, and freed by a person who knows that they are gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ledger_rows import a_settlement, an_intent, books, change, limited, look

from assay.errors import LedgerError
from assay.ledger.elsewhere import find_elsewhere, free, sessions_elsewhere
from assay.ledger.rows import Recovered
from assay.ledger.store import SqliteLedger


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    """A ledger's process that calls its host otherwise, with two calls in flight of 10 USD that it has leased."""
    ledger = SqliteLedger(tmp_path / "ledger.db")
    change(ledger.path, "update sessions set host = 'elsewhere'")
    for bound in (1.5, None):
        await ledger.hold(an_intent(bound), limited(10.0))
    yield ledger
    await ledger.close()


@pytest.fixture
async def ledger(other: SqliteLedger) -> AsyncIterator[SqliteLedger]:
    """Another process of that ledger, here."""
    opened = SqliteLedger(other.path)
    yield opened
    await opened.close()


def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process is gone: nobody has its journal open."""
    monkeypatch.setattr("assay.ledger.elsewhere.is_being_written", lambda path, session: False)


async def test_one_that_lives_is_left_alone(other: SqliteLedger, ledger: SqliteLedger) -> None:
    """Who writes a journal is alive, whatever its host is called."""
    (found,) = await sessions_elsewhere(ledger, ledger.path)
    assert (found.host, found.lives, found.lost.attempts) == ("elsewhere", True, 0)
    with pytest.raises(LedgerError, match="lives: its journal is being written"):
        await free(ledger, ledger.path, found)
    intent = an_intent(1.0)
    await other.hold(intent, limited(10.0))
    await other.settle(a_settlement(intent.id))


async def test_to_look_changes_nothing(
    other: SqliteLedger, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would be charged is found out and undone, the journal's entries included."""
    unlocked(monkeypatch)
    before = look(ledger.path, "select * from sessions"), books(ledger.path)
    (found,) = await sessions_elsewhere(ledger, ledger.path)
    assert found.lost == Recovered(attempts=2, charged_usd=1.5, unknown=1)
    assert (found.leased_usd, found.holds) == (10.0, True)
    assert (look(ledger.path, "select * from sessions"), books(ledger.path)) == before
    assert look(ledger.path, "select distinct outcome from attempts") in ([], [("running",)])


async def test_what_is_freed_is_charged_once_and_can_be_used(
    other: SqliteLedger, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls in flight at their bounds; the rest of the lease goes back; a second time there is nothing to free."""
    unlocked(monkeypatch)
    found = await find_elsewhere(ledger, ledger.path, other._session[:12])
    assert await free(ledger, ledger.path, found) == found.lost
    assert books(ledger.path) == [(1.5, 0.0)]
    assert look(ledger.path, "select ended from sessions where host = 'elsewhere'") == [("crashed",)]
    await ledger.hold(an_intent(8.5), limited(10.0))  # all that is left
    with pytest.raises(LedgerError, match="was closed meanwhile"):
        await free(ledger, ledger.path, found)
    with pytest.raises(LedgerError, match="no open session of other hosts"):
        await find_elsewhere(ledger, ledger.path, found.id)
    assert await sessions_elsewhere(ledger, ledger.path) == []
