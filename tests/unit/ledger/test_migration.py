"""A ledger of an earlier version is brought to this one, with all that it holds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from assay.ledger.migrate import APPLICATION_ID, VERSION
from assay.ledger.store import SqliteLedger

OLD = Path(__file__).with_name("version_1.sql")


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    """A file that an assay of ledger version 1 wrote, with a request and its attempt."""
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    connection.executescript(OLD.read_text("utf-8"))
    connection.execute(f"pragma application_id = {APPLICATION_ID}")
    connection.execute("pragma user_version = 1")
    connection.execute(
        "insert into requests (id, session_id, target, label, started_at, outcome, attempts, cached, cost_basis) "
        "values ('r1', 's1', 'small', 'public', 1.0, 'answered', 1, 0, 'measured')"
    )
    connection.execute(
        "insert into attempts (id, request_id, session_id, path, route, deployment, model, dialect, label, started_at, "
        "outcome, passed_through, cost_usd, cost_basis) "
        "values ('a1', 'r1', 's1', '0', 'small', 'small', 'x/small', 'openai', 'public', 1.0, 'ok', 0, 0.5, 'measured')"
    )
    connection.commit()
    connection.close()
    return path


def columns(path: Path) -> dict[str, set[tuple[str, str, int, str | None]]]:
    """Name, type, whether it must be given, and default of each table's columns."""
    connection = sqlite3.connect(path)
    tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
    found = {
        table: {(row[1], row[2].lower(), row[3], row[4]) for row in connection.execute(f"pragma table_info({table})")}
        for table in tables
    }
    connection.close()
    return found


async def test_a_version_1_file_becomes_what_a_new_one_is(version_1: Path, tmp_path: Path) -> None:
    """Every table has the columns of a new file, in whatever order, and the version says so."""
    await SqliteLedger(version_1).close()
    await SqliteLedger(tmp_path / "new.db").close()
    assert columns(version_1) == columns(tmp_path / "new.db")
    connection = sqlite3.connect(version_1)
    assert connection.execute("pragma user_version").fetchone() == (VERSION,)
    connection.close()


async def test_what_it_held_is_kept(version_1: Path) -> None:
    """Rows stay; of what was not recorded then, nothing is claimed; new rows can be written beside them."""
    ledger = SqliteLedger(version_1)
    [row] = await ledger.attempts()
    assert (row["id"], row["cost_usd"], row["why"], row["emulated"], row["shadow"]) == ("a1", 0.5, None, None, 0)
    assert row["form"] is None
    await ledger.close()
    again = SqliteLedger(version_1)  # opening it twice migrates once
    assert len(await again.attempts()) == 1
    await again.close()


async def test_money_becomes_whole_picodollars(version_1: Path) -> None:
    """Sums of floats lose their dust; what a process held that nobody closed is its lease until it is charged."""
    connection = sqlite3.connect(version_1)
    connection.execute("insert into spend values ('everything', '1970-01', ?, 0.25)", (0.1 + 0.2,))
    connection.execute(
        "insert into attempts (id, request_id, session_id, path, route, deployment, model, dialect, label, started_at, "
        "outcome, passed_through, reserved_usd, cost_basis) "
        "values ('a2', 'r2', 's2', '0', 'x', 'x', 'x/x', 'openai', 'public', 1.0, 'running', 0, 0.25, 'held')"
    )
    connection.commit()
    connection.close()
    await SqliteLedger(version_1).close()
    connection = sqlite3.connect(version_1)
    assert connection.execute("select * from spend").fetchall() == [("everything", "1970-01", 300_000_000_000)]
    held = connection.execute("select scope, period, session_id, pico from leases").fetchall()
    assert held == [("everything", "1970-01", "s2", 250_000_000_000)]
    connection.close()
