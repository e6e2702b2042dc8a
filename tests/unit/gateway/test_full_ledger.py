"""A ledger that takes no more, or has no money: what clients are told, what the log says, what is counted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from clients import CLIENTS, Client, chunks, gateway

from assay.errors import LedgerError
from assay.inference.spine import Spine
from assay.ledger.segment import Entry
from assay.ledger.store import SqliteLedger
from faults import Answer, FaultyHost

MakeSpine = Callable[..., Spine]
TOLD = "the gateway cannot keep its records at the moment; ask again later"
TOML = """
[deployments.up]
model = "x/up"
dialect = "openai"
base_url = "{url}"
price_usd_per_mtok = {{ input = 1.0, output = 2.0 }}
retries = 0
[deployments.other]
model = "x/up"
dialect = "openai"
base_url = "{url}"
price_usd_per_mtok = {{ input = 1.0, output = 2.0 }}
retries = 0
[routes.r]
candidates = ["up", "other"]
max_tokens = 50
"""


def fill(ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """So many entries of the journal are written, and no more."""
    append, written = ledger._journal.append, list[Entry]()

    def full(entry: Entry, **how: Any) -> None:
        if len(written) >= after:
            raise LedgerError("the journal beside /secret/path cannot be written: is the disk full?")
        written.append(entry)
        append(entry, **how)

    monkeypatch.setattr(ledger._journal, "append", full)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.name)
async def test_who_cannot_be_recorded_is_not_asked_for(
    client: Client, stream: bool, make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """Clients may ask again later, and learn of no files; the operator's log has the words. No host was asked."""
    async with FaultyHost(Answer(events=chunks())) as host:
        spine = make_spine(TOML.format(url=host.url))
        fill(ledger, monkeypatch, after=0)
        async with gateway(spine) as url:
            seen = await client.ask(url, stream=stream)
    assert seen.status == 503
    assert seen.error is not None
    assert seen.error[1] == TOLD
    assert f"request {seen.headers['x-assay-request-id']}: the journal beside /secret/path" in caplog.text
    assert not host.received


@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.name)
async def test_a_stream_whose_end_cannot_be_recorded_ends_with_an_error(
    client: Client, make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """It was begun, so that its last event tells it; bytes that pass and those that are translated alike."""
    async with FaultyHost(Answer(events=chunks())) as host:
        spine = make_spine(TOML.format(url=host.url))
        fill(ledger, monkeypatch, after=1)
        async with gateway(spine) as url:
            seen = await client.ask(url, stream=True)
    assert (seen.status, seen.text, seen.ended) == (200, "one two three", False)
    assert seen.error is not None
    assert seen.error[1] == TOLD
    [told] = [one for one in caplog.records if "/secret/path" in one.getMessage()]
    assert (told.levelno, told.exc_info) == (logging.ERROR, None)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.name)
async def test_what_a_budget_refuses_is_no_attempt(
    client: Client, make_spine: MakeSpine, ledger: SqliteLedger, caplog: pytest.LogCaptureFixture
) -> None:
    """Header, log and row of the request count the rows that its attempts have; each candidate is told all the same."""
    caplog.set_level(logging.INFO, "assay.gateway")
    async with FaultyHost() as host:
        spine = make_spine(TOML.format(url=host.url) + "[constraints]\nusd_per_month = 0\n")
        async with gateway(spine) as url:
            seen = await client.ask(url, stream=False, model="r")
    assert seen.status == 429
    told = (seen.headers["x-assay-attempts"], seen.headers["x-assay-tried"])
    assert told == ("0", "up=BudgetExceeded, other=BudgetExceeded")
    assert 'attempts=0 tried="up=BudgetExceeded, other=BudgetExceeded"' in caplog.text
    assert await ledger.attempts() == []
    [row] = await ledger._dicts("select attempts, outcome from requests", ())
    assert row == {"attempts": 0, "outcome": "refused"}
