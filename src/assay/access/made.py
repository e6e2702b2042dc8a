"""Making, naming and revoking keys, as `assay keys` does."""

from __future__ import annotations

import time
from typing import NamedTuple

import msgspec

from assay.access.key import Terms, hash_of, new_secret
from assay.errors import ConfigError
from assay.ledger.keys import add_key, keys, revoke_key
from assay.ledger.names import MOST_CHARS, is_name
from assay.ledger.rows import KeyRow, new_id
from assay.ledger.store import Ledger

__all__ = ["Made", "make_key", "named_key", "revoke"]


class Made(NamedTuple):
    """A new key: what is kept of it, and the secret, which is nowhere else."""

    row: KeyRow
    secret: str


async def make_key(
    ledger: Ledger, name: str, terms: Terms, *, team: str | None = None, expires_at: float | None = None
) -> Made:
    """Make a key; returns when it is durable.

    Args:
        ledger: where it is kept.
        name: for people; no other key that is not revoked has it.
        terms: what it allows.
        team: whose budgets count for it too.
        expires_at: seconds since 1970; None = never.

    Raises:
        ConfigError: the name, the team or the kind is none (`is_name`), or another key has the name.
        LedgerError: the ledger cannot be written.
    """
    for what, said in (("name", name), ("team", team), ("kind", terms.kind)):
        if said is not None and not is_name(said):
            raise ConfigError(
                f"the {what} of a key must be of printable characters, at most {MOST_CHARS}, not {said[:MOST_CHARS]!r}"
            )
    secret = new_secret()
    row = KeyRow(
        id=new_id(),
        created_at=time.time(),
        name=name,
        hash=hash_of(secret),
        body=msgspec.json.encode(terms),
        team=team,
        expires_at=expires_at,
    )
    if not await add_key(ledger, row):
        raise ConfigError(
            f"there is a key {name!r} already; revoke it (assay keys revoke {name}), or take another name"
        )
    return Made(row, secret)


async def named_key(ledger: Ledger, name: str) -> KeyRow:
    """The key of this name, or the only one whose id begins so; of several with a name the one that is not revoked.

    Raises:
        ConfigError: there is none, or several.
        LedgerError: the ledger cannot be read.
    """
    rows = await keys(ledger)
    found = [row for row in rows if row.name == name]
    if not found and name:  # every id begins with nothing: an empty variable of a script means no key
        found = [row for row in rows if row.id.startswith(name)]
    if len(found) > 1:
        found = [row for row in found if row.revoked_at is None] or found[-1:]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f"{name!r} begins the ids of {len(found)} keys; write more of it")
    raise ConfigError(f"there is no key {name!r}; assay keys list shows those that there are")


async def revoke(ledger: Ledger, name: str) -> KeyRow:
    """Revoke a key for good; a gateway that runs refuses it within a second.

    Raises:
        ConfigError: there is no such key, or it was revoked before.
        LedgerError: the ledger cannot be written.
    """
    row = await named_key(ledger, name)
    now = time.time()
    if not await revoke_key(ledger, row.id, now):
        raise ConfigError(f"key {row.name!r} ({row.id[:12]}) was revoked before")
    return msgspec.structs.replace(row, revoked_at=now)
