"""Looking answers up in the cache: together where they are asked for together, and each its own."""

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
    await ledger.hold(intent, None)
    await ledger.settle(a_settlement(intent.id), Reply(key=key, response=key.encode()))


def _lookups(ledger: SqliteLedger) -> tuple[Lookups, sqlite3.Connection, list[str]]:
    """Lookups on a connection of their own, and the statements that it is given."""
    connection = sqlite3.connect(ledger.path, isolation_level=None)
    said: list[str] = []
    connection.set_trace_callback(said.append)
    return Lookups(connection, "the file"), connection, said


async def test_what_is_asked_together_is_read_in_one_transaction(ledger: SqliteLedger) -> None:
    """Each of many gets its own answer, or none, and the ledger is opened for reading once."""
    for key in ("a", "b"):
        await _keep(ledger, key)
    lookups, connection, said = _lookups(ledger)
    found = await asyncio.gather(*map(lookups.find, ["b", "none", "a", "b"]))
    assert [reply and reply.response for reply in found] == [b"b", None, b"a", b"b"]
    assert (said.count("begin"), said.count("commit")) == (1, 1)
    connection.close()


async def test_a_later_lookup_sees_what_was_written_since(ledger: SqliteLedger) -> None:
    """No view of the ledger is kept open from one turn to the next."""
    assert await ledger.cached_reply("late") is None
    await _keep(ledger, "late")
    assert await ledger.cached_reply("late") is not None


async def test_who_left_is_not_answered(ledger: SqliteLedger) -> None:
    """A lookup that was cancelled does not disturb those beside it."""
    await _keep(ledger, "a")
    gone, stays = asyncio.create_task(ledger.cached_reply("a")), asyncio.create_task(ledger.cached_reply("a"))
    asyncio.get_running_loop().call_soon(gone.cancel)
    assert await stays is not None
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_a_ledger_that_cannot_be_read_says_so_to_each(ledger: SqliteLedger) -> None:
    """Everybody who asked gets an error of their own that names the file."""
    lookups, connection, _ = _lookups(ledger)
    connection.close()
    found = await asyncio.gather(lookups.find("a"), lookups.find("b"), return_exceptions=True)
    assert all(isinstance(error, LedgerError) and "the file" in str(error) for error in found)
    assert found[0] is not found[1]
