"""`assay logs --follow --otlp`, while the collector is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from assay.cli import logs
from assay.errors import LedgerError
from assay.ledger.finished import AttemptRow, FinishedRow, Wanted
from assay.ledger.rows import RequestRow, new_id
from assay.ledger.store import SqliteLedger


class Collector:
    """Takes nothing at first; `tries` are the requests of each call."""

    def __init__(self, away: int) -> None:
        self.tries: list[list[str]] = []
        self.tried = asyncio.Condition()
        self.begun = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._away = away

    def send(self, requests: Iterable[FinishedRow], attempts: Iterable[AttemptRow]) -> int:
        """One call, in a thread of its own."""
        ids = [one.id for one in requests]
        self._loop.call_soon_threadsafe(self.begun.set)
        if ids:
            self.tries.append(ids)
            asyncio.run_coroutine_threadsafe(self._notify(), self._loop)
        if ids and len(self.tries) <= self._away:
            raise LedgerError("the collector is away.")
        return len(ids)

    async def until(self, tries: int) -> None:
        """Wait for so many calls."""
        async with self.tried:
            await asyncio.wait_for(self.tried.wait_for(lambda: len(self.tries) >= tries), 10)

    async def _notify(self) -> None:
        async with self.tried:
            self.tried.notify_all()


def ended(name: str) -> RequestRow:
    """A request that is over."""
    return RequestRow(
        id=name, target="r", kind=None, label="public", started_at=1.0, total_s=0.1, outcome="answered", attempts=1,
        cached=False, cost_usd=0.0, cost_basis="none",
    )  # fmt: skip


async def test_what_ends_while_the_collector_is_away_waits_in_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same spans are tried again, and no further ones are taken into memory; then each is sent once."""
    monkeypatch.setattr(logs, "_LOOK_EVERY_S", 0.01)
    ledger, collector = SqliteLedger(tmp_path / "assay.db"), Collector(away=4)
    sending = asyncio.create_task(logs._send_on(ledger, Wanted(), collector))  # type: ignore[arg-type]
    try:
        await asyncio.wait_for(collector.begun.wait(), 10)  # it begins from now on
        first, second = new_id(), new_id()
        await ledger.close_request(ended(first))
        await collector.until(2)
        await ledger.close_request(ended(second))
        await collector.until(6)
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
        await ledger.close()
    assert collector.tries == [[first]] * 5 + [[second]]
