"""Measurements of models on this machine, in a ledger on disk."""

from pathlib import Path

import pytest

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
    assert await newest_measurements(ledger, "here") == (new, old)
    assert await newest_measurements(ledger, "nowhere") == ()
    await ledger.close()


async def test_a_measurement_outlives_its_process(tmp_path: Path) -> None:
    """Another process that opens the ledger finds it as it was written."""
    first = SqliteLedger(tmp_path / "a.db")
    await add_measurement(first, row("1", 1.0))
    await first.close()
    second = SqliteLedger(tmp_path / "a.db")
    assert await newest_measurements(second, "here") == (row("1", 1.0),)
    await second.close()
    with pytest.raises(Exception, match="closed"):
        await add_measurement(second, row("2", 2.0))
