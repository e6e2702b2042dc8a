"""Looking answers up in the cache: always as the ledger is now, and without holding up others."""

import asyncio
import sqlite3

import pytest
from ledger_rows import a_settlement, an_intent

from assay.errors import LedgerError
from assay.ledger.lookups import Lookups
from assay.ledger.rows import Reply
from assay.ledger.store import SqliteLedger


async def _keep(ledger: SqliteLedger, key: str) -> None:
    intent = an_intent()
    await ledger.hold(intent)
    await ledger.settle(a_settlement(intent.id), Reply(key=key, response=key.encode()))


async def test_each_gets_its_own_answer(ledger: SqliteLedger) -> None:
    """Of many that ask at once each gets its own answer, or none."""
    for key in ("a", "b"):
        await _keep(ledger, key)
    found = await asyncio.gather(*map(ledger.cached_reply, ["b", "none", "a", "b"]))
    assert [reply and reply.response for reply in found] == [b"b", None, b"a", b"b"]


async def test_a_later_lookup_sees_what_was_written_since(ledger: SqliteLedger) -> None:
    """No view of the ledger is kept open from one lookup to the next."""
    assert await ledger.cached_reply("late") is None
    await _keep(ledger, "late")
    assert await ledger.cached_reply("late") is not None


async def test_who_finds_everything_leaves_others_a_turn(ledger: SqliteLedger) -> None:
    """A task that is answered from the cache again and again does not keep the loop to itself."""
    await _keep(ledger, "a")
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for _ in range(10):
        assert await ledger.cached_reply("a") is not None
    task.cancel()
    assert turns >= 9


def test_a_ledger_that_cannot_be_read_says_so() -> None:
    """The error names the file."""
    connection = sqlite3.connect(":memory:")
    connection.close()
    with pytest.raises(LedgerError, match="the file"):
        Lookups(connection, "the file").find("a")
