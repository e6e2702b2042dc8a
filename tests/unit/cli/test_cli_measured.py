"""What was measured on this machine counts wherever a command asks what fits on it."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assay.cli.main import assay
from assay.cli.places import catalog_of, fits_on
from assay.config.load import load
from assay.ledger.measurements import add_measurement
from assay.ledger.rows import MeasurementRow
from assay.ledger.store import SqliteLedger
from fit_facts import GIB, a_machine

MODEL = "qwen/qwen2.5-7b-instruct"
ROW = MeasurementRow(
    id="1", created_at=1_793_600_000.0, host=socket.gethostname(), model=MODEL, weights_sha256="0",
    quantisation="Q4_K_M", engine="llama.cpp", context_tokens=8192, slots=1, threads=1, decode_tok_s=40.0,
    prefill_tok_s=90.0, memory_bytes=GIB // 2, answers=5, disturbed=False,
)  # fmt: skip


async def _measured(path: Path) -> None:
    ledger = SqliteLedger(path)
    await add_measurement(ledger, ROW)
    await ledger.close()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration without hosts, on a machine with one GiB, which no estimate of the model fits into."""
    monkeypatch.setattr("assay.envelope.device.machine", lambda _, key: a_machine(key=key, usable_bytes=GIB))
    path = tmp_path / "assay.toml"
    path.write_text("[constraints]\nhosts = []\n")
    return path


def test_what_was_measured_to_fit_fits(config: Path) -> None:
    """On this machine; on another device the estimate counts, and a look makes no ledger."""
    loaded = load(str(config))
    catalog = catalog_of(loaded)
    model = catalog.find(MODEL)
    assert not fits_on(catalog, loaded, "auto")(model)
    assert not loaded.ledger_path.exists()
    asyncio.run(_measured(loaded.ledger_path))
    assert fits_on(catalog, loaded, "auto")(model)
    assert not fits_on(catalog, loaded, "x1")(model)


def test_lists_and_advice_go_by_it(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`models --fits auto` lists the model, `news` too; `advise --device auto` does not take it out for its memory."""
    monkeypatch.setattr("assay.decision.advice.machines.machine", lambda _, key: a_machine(key=key, usable_bytes=GIB))
    assert (_is_listed(config), _is_news(config), _is_too_large(config)) == (False, False, True)
    asyncio.run(_measured(load(str(config)).ledger_path))
    assert (_is_listed(config), _is_news(config), _is_too_large(config)) == (True, True, False)


def _is_listed(config: Path) -> bool:
    return MODEL in [row["id"] for row in _told(config, "models", "--fits", "auto")]


def _is_news(config: Path) -> bool:
    found = _told(config, "news", "--device", "auto", "--since", "2024-08-01", "--no-save")
    return MODEL in [one["model"] for one in found["new_models"]]


def _is_too_large(config: Path) -> bool:
    found = _told(config, "advise", "--task", "edge", "--device", "auto")
    return (MODEL, "memory") in [(one["model"], one["limit"]) for one in found["removed"]]


def _told(config: Path, *args: str) -> Any:
    return json.loads(CliRunner().invoke(assay, [*args, "--json", "--config", str(config)]).stdout)
