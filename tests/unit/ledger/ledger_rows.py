"""Rows that the ledger's tests write, and reading the file without the ledger."""

import sqlite3
import time
from pathlib import Path
from typing import Any

from assay.ledger.budgets import EVERYTHING, Budget
from assay.ledger.journal import segments_of, sessions_of
from assay.ledger.rows import Intent, RequestRow, ResultRow, RunRow, Settlement, new_id
from assay.ledger.segment import Entry
from assay.ledger.store import SqliteLedger


def an_intent(bound: float | None = 1.0, **given: Any) -> Intent:
    """An attempt about to be made."""
    values: dict[str, Any] = {
        "id": new_id(), "request_id": "request", "path": "0", "route": "support", "deployment": "small",
        "model": "acme/small", "dialect": "openai", "kind": None, "label": "public", "started_at": time.time(),
        "passed_through": False, "reserved_usd": bound,
    }  # fmt: skip
    return Intent(**{**values, **given})


def limited(usd: float) -> tuple[Budget, ...]:
    """A budget for everything of this month."""
    return (Budget(EVERYTHING, usd),)


def held_usd(path: Path) -> float:
    """What running attempts hold, by their rows in the file."""
    [(held,)] = look(path, "select total(reserved_usd) from attempts where outcome = 'running'")
    return float(held)


def books(path: Path) -> list[tuple[float, float]]:
    """Settled and leased USD of everything, by period."""
    found = look(
        path,
        "select settled_pico, "
        "coalesce((select sum(pico) from leases l where l.scope = s.scope and l.period = s.period), 0) "
        "from spend s where scope = 'everything' order by period",
    )
    return [(settled / 1e12, leased / 1e12) for settled, leased in found]


def a_settlement(attempt: str, cost: float | None = 0.25, **given: Any) -> Settlement:
    """An attempt that went well."""
    values: dict[str, Any] = {"outcome": "ok", "total_s": 0.5, "cost_usd": cost, "cost_basis": "measured"}
    return Settlement(id=attempt, **{**values, **given})


def a_request(**given: Any) -> RequestRow:
    """A finished request."""
    values: dict[str, Any] = {
        "id": new_id(), "target": "support", "kind": "sql", "label": "public", "started_at": time.time(),
        "total_s": 1.0, "outcome": "answered", "attempts": 1, "cached": False, "cost_usd": 0.25,
        "cost_basis": "measured",
    }  # fmt: skip
    return RequestRow(**{**values, **given})


def a_run(**given: Any) -> RunRow:
    """A new run."""
    values: dict[str, Any] = {
        "id": new_id(), "suite": "workshop", "suite_digest": "s", "target": "small", "target_digest": "t",
        "config_digest": "c", "seed": 0, "created_at": time.time(), "version": "0",
    }  # fmt: skip
    return RunRow(**{**values, **given})


def a_result(run_id: str, sample_id: str, **given: Any) -> ResultRow:
    """One scored sample."""
    values: dict[str, Any] = {
        "kind": "sql", "value": 1.0, "unscored": None, "scores": b"[]", "answer": "42", "cost_basis": "none",
        "cached": False, "created_at": time.time(),
    }  # fmt: skip
    return ResultRow(run_id=run_id, sample_id=sample_id, **{**values, **given})


async def folded(ledger: SqliteLedger) -> None:
    """Bring what is in the journal into the file, as reading through the ledger does."""
    await ledger.rows(RunRow, "select * from runs")


def journalled(path: Path) -> list[Entry]:
    """What the journals beside a ledger hold, whether it has been folded or not."""
    found: list[Entry] = []
    for session in sessions_of(path):
        for segment in segments_of(path, session):
            found += segment.ahead()[0]
            segment.close()
    return found


def look(path: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """What a statement finds in the file, read by a connection of its own."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def change(path: Path, *statements: str) -> None:
    """Change the file from outside."""
    connection = sqlite3.connect(path)
    try:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    finally:
        connection.close()
