"""Names that the ledger knows: what requests called, and who was asked, now or in the past."""

from __future__ import annotations

from typing import Literal

from assay.ledger.rows import Row
from assay.ledger.store import Ledger

__all__ = ["Column", "called_names", "recorded"]

Column = Literal["kind", "team", "error"]

_CALLED = """
  select target as name from requests union select deployment from attempts
  union select route from attempts union select target from runs
"""


class _NameRow(Row, frozen=True, kw_only=True):
    """A name."""

    name: str | None


async def called_names(ledger: Ledger) -> set[str]:
    """Every route and deployment that has records.

    This reads all of them: it is for telling that a name is wrong, not for each request.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return {row.name for row in await ledger.rows(_NameRow, _CALLED) if row.name}


async def recorded(ledger: Ledger, column: Column) -> set[str]:
    """Every word that attempts have in a column. This reads all of them, too.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    rows = await ledger.rows(_NameRow, f"select distinct {column} as name from attempts")  # noqa: S608 - fixed words
    return {row.name for row in rows if row.name}
