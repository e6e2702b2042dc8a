"""Measurements of models on this machine, in a ledger on disk."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from assay.errors import LedgerError
from assay.ledger.measurements import add_measurement, newest_measurements
from assay.ledger.rows import MeasurementRow
from assay.ledger.store import SqliteLedger


def row(row_id: str, created_at: float, *, host: str = "here", memory_bytes: int | None = 1 << 40) -> MeasurementRow:
    """A measurement of one model."""
    return MeasurementRow(
        id=row_id,
        created_at=created_at,
        host=host,
        model="x/small",
        weights_sha256="0" * 64,
        quantisation="Q4_K_M",
        engine="engine 1",
        context_tokens=2048,
        slots=1,
        threads=2,
        decode_tok_s=20.5,
        prefill_tok_s=None,
        memory_bytes=memory_bytes,
        answers=5,
        disturbed=True,
    )


async def test_the_newest_comes_first_and_other_machines_do_not_count(tmp_path: Path) -> None:
    """What was measured elsewhere says nothing of this machine, and older measurements are kept."""
    ledger = SqliteLedger(tmp_path / "a.db")
    old, new = row("1", 1.0), row("2", 2.0, memory_bytes=None)
    for one in (new, old, row("3", 3.0, host="elsewhere")):
        await add_measurement(ledger, one)
    assert newest_measurements(ledger.path, "here") == (new, old)
    assert newest_measurements(ledger.path, "nowhere") == ()
    await ledger.close()
    assert newest_measurements(ledger.path, "here") == (new, old)


def test_a_ledger_without_measurements_has_none_and_is_left_alone(tmp_path: Path) -> None:
    """One that is not there is not made; an older one is not migrated by a look; what is no ledger says so."""
    path = tmp_path / "old.db"
    assert newest_measurements(path, "here") == ()
    assert not path.exists()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table attempts (id text)")
        connection.execute("pragma user_version = 3")
    assert newest_measurements(path, "here") == ()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma user_version").fetchone() == (3,)
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(LedgerError, match="cannot read the ledger"):
        newest_measurements(path, "here")
