"""Keys in the ledger and in memory."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from assay.access.key import ANYTHING, Terms, hash_of, new_secret
from assay.access.keyring import Keyring
from assay.access.made import make_key, named_key, revoke
from assay.config.budget import Limit
from assay.errors import ConfigError, LedgerError
from assay.ledger.budgets import Budget
from assay.ledger.keys import KeyReader, add_key, keys
from assay.ledger.rows import KeyRow, new_id
from assay.ledger.store import SqliteLedger

LIMITS = {
    "shop-day": Limit(usd=5.0, per="day", team="shop"),
    "shop-month": Limit(usd=50.0, team="shop"),
    "desk": Limit(usd=7.0, team="desk"),
    "route": Limit(usd=9.0, route="small"),
}


@pytest.fixture
def ring(ledger: SqliteLedger) -> Iterator[Keyring]:
    """The keys of an empty ledger."""
    made = Keyring(KeyReader(ledger.path), LIMITS)
    yield made
    made.close()


def test_a_secret_is_long_and_never_the_same() -> None:
    """32 random bytes after a prefix that scanners of leaked keys can look for."""
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(re.fullmatch(r"sk-assay-[A-Za-z0-9_-]{43}", secret) for secret in secrets)


async def test_only_the_digest_is_kept(ledger: SqliteLedger) -> None:
    """Nothing in the files of the ledger holds the key."""
    made = await make_key(ledger, "one", Terms())
    [row] = await keys(ledger)
    assert row.hash == hash_of(made.secret)
    await ledger.close()
    for file in ledger.path.parent.iterdir():
        assert made.secret.encode() not in file.read_bytes()


async def test_a_key_comes_back_as_it_was_made(ledger: SqliteLedger, ring: Keyring) -> None:
    """Terms, account with its own budget and its team's, and the days that it holds."""
    terms = Terms(routes=("a", "b"), requests_per_minute=5, tokens_per_minute=700, usd=2.0, per="day", kind="sql",
                  label="private-only")  # fmt: skip
    made = await make_key(ledger, "one", terms, team="shop", expires_at=time.time() + 60)
    assert ring.find(made.secret) is None
    assert ring.look()
    key = ring.find(made.secret)
    assert key is not None
    assert (key.name, key.terms, key.account.team, key.account.key_id) == ("one", terms, "shop", made.row.id)
    assert key.account.budgets == (
        Budget(f"key:{made.row.id}", 2.0, "day"), Budget("team:shop", 5.0, "day"), Budget("team:shop", 50.0, "month"),
    )  # fmt: skip
    assert key.state(time.time()) == "active"
    assert key.state(time.time() + 60) == "expired"
    assert not terms.allows("c")
    assert ANYTHING.allows("c")


async def test_a_look_notices_each_change_once(ledger: SqliteLedger, ring: Keyring) -> None:
    """New keys and revoked ones are changes; all else that is written into the ledger is none."""
    assert not ring.asks_key
    made = await make_key(ledger, "one", Terms())
    assert [ring.look(), ring.look()] == [True, False]
    await ledger.touch()
    assert not ring.look()
    await revoke(ledger, "one")
    assert [ring.look(), ring.look()] == [True, False]
    key = ring.find(made.secret)
    assert key is not None
    assert key.state(time.time()) == "revoked"
    assert ring.asks_key


async def test_a_revocation_needs_no_clock(ledger: SqliteLedger, ring: Keyring) -> None:
    """Two keys that are revoked at the same moment, or after a clock was put back, are both noticed."""
    from assay.ledger.keys import revoke_key

    rows = [(await make_key(ledger, name, Terms())).row for name in ("one", "two")]
    ring.look()
    for row in rows:
        assert await revoke_key(ledger, row.id, 1000.0)
        assert ring.look()


async def test_a_key_that_cannot_be_read_opens_nothing(ledger: SqliteLedger, ring: Keyring) -> None:
    """It is not one that allows everything, and the others go on."""
    good, bad = await make_key(ledger, "good", Terms()), new_secret()
    row = KeyRow(id=new_id(), created_at=1.0, name="bad", hash=hash_of(bad), body=b'{"usd": "much"}')
    assert await add_key(ledger, row)
    assert ring.look()
    assert ring.find(bad) is None
    assert ring.find(good.secret) is not None


async def test_a_name_is_held_until_it_is_revoked(ledger: SqliteLedger) -> None:
    """Two keys with one name could not be told apart; once one is revoked the name is free."""
    first = await make_key(ledger, "one", Terms())
    with pytest.raises(ConfigError, match="there is a key 'one' already"):
        await make_key(ledger, "one", Terms())
    await revoke(ledger, "one")
    second = await make_key(ledger, "one", Terms())
    assert (await named_key(ledger, "one")).id == second.row.id
    assert (await named_key(ledger, first.row.id)).id == first.row.id


async def test_what_is_revoked_stays_so(ledger: SqliteLedger) -> None:
    """Revoking again, or what is not there, is an error that says so."""
    await make_key(ledger, "one", Terms())
    await revoke(ledger, "one")
    with pytest.raises(ConfigError, match="was revoked before"):
        await revoke(ledger, "one")
    with pytest.raises(ConfigError, match="there is no key 'two'"):
        await revoke(ledger, "two")
    for name in ("", "  ", "a\nb"):
        with pytest.raises(ConfigError, match="printable"):
            await make_key(ledger, name, Terms())


def test_a_ledger_that_is_not_there(tmp_path: Path) -> None:
    """It cannot be read, and that is said."""
    with pytest.raises(LedgerError, match="cannot read the ledger"):
        Keyring(KeyReader(tmp_path / "none.db"), {})


def test_terms_say_only_what_is_set() -> None:
    """So that a row can be read by people."""
    assert msgspec.json.encode(Terms(usd=2.0)) == b'{"usd":2.0}'
