"""Names: what may be one, and which the ledger knows; what requests called, and who was asked, now or in the past."""

from __future__ import annotations

from typing import Literal

from assay.ledger.rows import Row
from assay.ledger.store import Ledger

__all__ = ["MOST_CHARS", "Column", "called_names", "is_name", "recorded"]

Column = Literal["kind", "team", "error"]
MOST_CHARS = 200

_CALLED = """
  select target as name from requests union select deployment from attempts
  union select route from attempts union select target from runs
"""


class _NameRow(Row, frozen=True, kw_only=True):
    """A name."""

    name: str | None


def is_name(text: str) -> bool:
    """Whether the ledger takes a text that somebody gives as a name of a key, a team or a kind of work.

    Names stand in tables and messages, and what is spent is summed by them.
    """
    return 0 < len(text) <= MOST_CHARS and text.isprintable() and not text.isspace()


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
