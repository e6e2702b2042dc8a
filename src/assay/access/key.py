"""A virtual key: what clients show to this gateway instead of a host's key, and what it allows.

A key is `sk-assay-` and 32 random bytes. It is shown once, when it is made; what is kept is its sha256. That needs
neither salt nor a slow hash: nobody guesses 256 bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from assay.config.budget import Limit
from assay.errors import LedgerError
from assay.ledger.budgets import NOBODY, Account, Budget, Per
from assay.ledger.rows import KeyRow

__all__ = ["ANYBODY", "ANYTHING", "PREFIX", "Key", "State", "Terms", "hash_of", "key_of", "new_secret", "terms_of"]

PREFIX = "sk-assay-"
State = Literal["active", "expired", "revoked"]
_Rate = Annotated[int, Meta(ge=1, le=10**12)]


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a key allows.

    Attributes:
        routes: names of routes and deployments that it may call; None = all.
        requests_per_minute: calls in any 60 seconds; None = any number.
        tokens_per_minute: tokens of requests and answers in any 60 seconds.
        usd: hard budget of the key alone, per `per`.
        kind: what its requests count as where they say nothing else.
        label: that its requests get; they may say a stricter one, never a weaker one.
        metrics: whether it may read /metrics, which tells of what all keys do.
    """

    routes: tuple[str, ...] | None = None
    requests_per_minute: _Rate | None = None
    tokens_per_minute: _Rate | None = None
    usd: Annotated[float, Meta(ge=0, le=1e6)] | None = None
    per: Per = "month"
    kind: str | None = None
    label: Literal["private-only"] | None = None
    metrics: bool = False

    def allows(self, name: str) -> bool:
        """Whether a route or deployment may be called."""
        return self.routes is None or name in self.routes

    @property
    def reads_metrics(self) -> bool:
        """Whether /metrics is shown: to who may, and to who shows no virtual key and need not."""
        return self.metrics or self is ANYTHING

    @property
    def is_rated(self) -> bool:
        """Whether a rate is limited."""
        return self.requests_per_minute is not None or self.tokens_per_minute is not None


ANYTHING = Terms()
"""The terms of who shows no virtual key: the operator, or anybody where none is asked for."""


class Key(NamedTuple):
    """A key as the gateway knows it.

    Attributes:
        cell: its place in the file of rates; a small number that no other key has.
        account: whom its requests are charged to.
        expires_at, revoked_at: seconds since 1970; None = never, not.
    """

    name: str
    cell: int
    terms: Terms
    account: Account
    expires_at: float | None = None
    revoked_at: float | None = None

    def state(self, now: float) -> State:
        """Whether it may be used at a time, seconds since 1970."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now >= self.expires_at else "active"


ANYBODY = Key("", 0, ANYTHING, NOBODY)
"""Who shows no virtual key and need not."""


def new_secret() -> str:
    """A new key, as it is shown."""
    import secrets  # only who makes keys needs it

    return PREFIX + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """What is kept of a key: its sha256, hex."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def terms_of(row: KeyRow) -> Terms:
    """What a key allows.

    Raises:
        LedgerError: it cannot be read; it must not be taken for a key that allows everything.
    """
    try:
        return msgspec.json.decode(row.body, type=Terms)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LedgerError(
            f"key {row.name!r} ({row.id[:12]}) in the ledger cannot be read: {error}; revoke it and make another"
        ) from error


def key_of(row: KeyRow, cell: int, limits: Mapping[str, Limit]) -> Key:
    """The key that a row of the ledger tells.

    Args:
        row: of the ledger.
        cell: see `Key`.
        limits: `[budgets]` of the configuration; those of its team count for it.

    Raises:
        LedgerError: what it allows cannot be read.
    """
    terms = terms_of(row)
    account = Account(row.id, row.team, tuple(_budgets(row, terms, limits.values())))
    return Key(row.name, cell, terms, account, row.expires_at, row.revoked_at)


def _budgets(row: KeyRow, terms: Terms, limits: Iterable[Limit]) -> Iterable[Budget]:
    """The key's own budget, and those of its team."""
    if terms.usd is not None:
        yield Budget(f"key:{row.id}", terms.usd, terms.per)
    for limit in limits:
        if limit.team is not None and limit.team == row.team:
            yield Budget(f"team:{limit.team}", limit.usd, limit.per)
