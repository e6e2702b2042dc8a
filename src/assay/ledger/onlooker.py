"""Looks at a ledger file again and again, at the cost of some microseconds a look.

It has a connection of its own and only reads: it never waits for whoever writes, and brings nothing from the journal.
So it sees what is in the file, as keys and rollouts are as soon as they are durable.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from assay.errors import LedgerError

__all__ = ["Onlooker"]

_BUSY_S = 2.0


class Onlooker:
    """One connection that reads.

    Args:
        path: the file, of this version.

    Raises:
        LedgerError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=_BUSY_S,
                check_same_thread=False,
            )  # fmt: skip
        except sqlite3.Error as error:
            raise LedgerError(f"cannot read the ledger {path}: {error}") from error

    def read(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query.

        Raises:
            LedgerError: they cannot be read.
        """
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise LedgerError(f"cannot read the ledger {self._path}: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
