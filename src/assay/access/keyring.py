"""The keys that hold, in memory: looked up by hash, and taken up anew when the ledger's have changed.

Each process that serves has one. What `assay keys` adds or revokes in another process bites at the next look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from assay.access.key import Key, hash_of, key_of
from assay.config.budget import Limit
from assay.errors import LedgerError
from assay.ledger.keys import KeyReader, Mark

__all__ = ["LOOK_EVERY_S", "Keyring"]

LOOK_EVERY_S = 0.25

log = logging.getLogger("assay.access")


class Keyring:
    """All keys of a ledger, those that expired or were revoked included: their owners are told which.

    Args:
        reader: of the ledger's keys; closed with this.
        limits: `[budgets]` of the configuration.

    Attributes:
        version: grows whenever the keys have changed.

    Raises:
        LedgerError: the keys cannot be read.
    """

    def __init__(self, reader: KeyReader, limits: Mapping[str, Limit]) -> None:
        self._reader = reader
        self._limits = limits
        self._keys: dict[str, Key] = {}
        self._mark: Mark = (None, 0)
        self.version = 0
        self.look()

    @property
    def asks_key(self) -> bool:
        """Whether clients must show a key: as soon as any was made, and also when the last one is revoked."""
        return self._mark[0] is not None

    @property
    def last_cell(self) -> int:
        """The highest `Key.cell`; 0 = there is no key."""
        return self._mark[0] or 0

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every key, oldest first."""
        return tuple(self._keys.values())

    def find(self, secret: str) -> Key | None:
        """The key that somebody shows; None: it was never one of these."""
        return self._keys.get(hash_of(secret))

    def look(self) -> bool:
        """Take up what has changed; says whether anything has.

        Raises:
            LedgerError: the ledger cannot be read; what was known stays.
        """
        mark = self._reader.mark()
        if mark == self._mark:
            return False
        for cell, row in self._reader.rows(after=self.last_cell):
            try:
                self._keys[row.hash] = key_of(row, cell, self._limits)
            except LedgerError as error:  # one that cannot be read opens nothing, and shuts nobody else out
                log.error("%s", error)
        for digest, at in self._reader.revoked().items() if mark[1] != self._mark[1] else ():
            if (key := self._keys.get(digest)) is not None:
                self._keys[digest] = key._replace(revoked_at=at)
        self._mark = mark
        self.version += 1
        return True

    async def follow(self) -> None:
        """Look again and again, until it is cancelled."""
        troubled = False
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                self.look()
                troubled = False
            except Exception as error:  # an outer door: were this task to end, no revocation would count any more
                if not troubled:
                    log.error("keys stay as they were: %s", error, exc_info=not isinstance(error, LedgerError))
                troubled = True

    def close(self) -> None:
        """Let go of the ledger."""
        self._reader.close()
