"""The ledger of a configuration, for a command that needs nothing else of the app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from assay.cli.recovery import show_recovered

if TYPE_CHECKING:
    from assay.config.load import Loaded
    from assay.ledger.store import SqliteLedger

__all__ = ["opened_ledger"]


@asynccontextmanager
async def opened_ledger(loaded: Loaded) -> AsyncIterator[SqliteLedger]:
    """The ledger that a configuration names, closed at the end; what a crashed process had left open is said.

    Raises:
        LedgerError: it cannot be opened, or what was written cannot be kept.
    """
    from assay.app import open_ledger

    ledger = open_ledger(loaded)
    try:
        show_recovered(ledger.recovered)  # whoever opens it first settles those calls: nobody else would tell of them
        yield ledger
    finally:
        await ledger.close()
