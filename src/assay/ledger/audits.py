"""Audits of judges in the ledger: the newest of a judge counts, and an older one is kept."""

from __future__ import annotations

from collections.abc import Iterable

from assay.ledger.rows import AuditRow
from assay.ledger.store import Ledger

__all__ = ["add_audit", "newest_audits"]


async def add_audit(ledger: Ledger, row: AuditRow) -> None:
    """Record an audit; returns when it is durable.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    values = (row.id, row.created_at, row.judge, row.judge_digest, row.body)
    await ledger.write(
        lambda connection: connection.execute(
            "insert into audits (id, created_at, judge, judge_digest, body) values (?, ?, ?, ?, ?)", values
        ),
        256 + len(row.body),
    )


async def newest_audits(ledger: Ledger, digests: Iterable[str]) -> dict[str, AuditRow]:
    """The newest audit of each judge, by its digest; one that was never audited is not in it.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    found: dict[str, AuditRow] = {}
    for digest in dict.fromkeys(digests):
        rows = await ledger.rows(
            AuditRow, "select * from audits where judge_digest = ? order by created_at desc, id desc limit 1", (digest,)
        )
        if rows:
            found[digest] = rows[0]
    return found
