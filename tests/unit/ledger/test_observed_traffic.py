"""Real traffic as a workload: what the ledger has is counted once, and what is no traffic is not."""

from __future__ import annotations

from typing import Any

import pytest
from ledger_rows import a_request, a_settlement, an_intent

from assay.envelope.traffic import observed
from assay.ledger.rows import new_id
from assay.ledger.store import SqliteLedger

DAY = 86_400.0
START = 1_790_000_000.0 // DAY * DAY


async def ask(ledger: SqliteLedger, at: float, **given: Any) -> None:
    """One answered request of 1,000 tokens in, 400 of them cached, and 100 out, that cost 0.01 USD."""
    kind, request_id = given.pop("kind", "sql"), new_id()
    run_id, shadow, batch_id = given.pop("run_id", None), given.pop("shadow", False), given.pop("batch_id", None)
    cached, outcome = given.pop("cached", False), given.pop("outcome", "answered")
    intent = an_intent(request_id=request_id, kind=kind, started_at=at, run_id=run_id, shadow=shadow, batch_id=batch_id)
    counts = {"input_tokens": 1000, "cached_tokens": 400, "output_tokens": 100, **given}
    await ledger.hold(intent)
    await ledger.settle(a_settlement(intent.id, 0.01, **counts))
    await ledger.close_request(
        a_request(
            id=request_id, kind=kind, started_at=at, run_id=run_id, cached=cached, outcome=outcome, cost_usd=0.01,
            answered_by=None if shadow or batch_id is not None else intent.id,
        )
    )  # fmt: skip


async def test_a_described_and_an_observed_day_are_the_same(ledger: SqliteLedger) -> None:
    """48 requests in two days, each hour one: 24 a day, without a peak, and what they cost by the month."""
    for hour in range(48):
        await ask(ledger, START + hour * 3600)
    whole, kinds = await observed(ledger, START + 2 * DAY)
    assert whole is not None
    assert (whole.requests, whole.uncounted, whole.days) == (48, 0, pytest.approx(2.0))
    work = whole.workload
    assert (work.requests_per_day, work.input_tokens, work.output_tokens) == (pytest.approx(24), 1000, 100)
    assert (work.cached_share, work.batch_share, work.peak_factor) == (0.4, 0, pytest.approx(1.0))
    assert whole.usd_per_month == pytest.approx(24 * 30.4 * 0.01)
    assert [one.kind for one in kinds] == ["sql"]


async def test_the_busiest_hour_is_seen(ledger: SqliteLedger) -> None:
    """24 requests of a day, 6 of them in one hour, are a peak of 6."""
    for number in range(24):
        await ask(ledger, START + (number if number > 5 else 0) * 3600)
    whole, _ = await observed(ledger, START + DAY)
    assert whole is not None
    assert whole.workload.peak_factor == pytest.approx(6.0)


async def test_what_is_no_traffic_is_not_counted(ledger: SqliteLedger) -> None:
    """Evaluations, answers from assay's cache, shadows and what failed are left out."""
    await ask(ledger, START)
    await ask(ledger, START, run_id="run")
    await ask(ledger, START, cached=True)
    await ask(ledger, START, shadow=True)
    await ask(ledger, START, outcome="failed")
    whole, _ = await observed(ledger, START + DAY)
    assert whole is not None
    assert whole.requests == 1


async def test_batched_answers_count_and_have_no_peak(ledger: SqliteLedger) -> None:
    """What came with a batch is a share of the requests; its bunching needs no machine."""
    for hour in range(24):
        await ask(ledger, START + hour * 3600)
    for _ in range(8):
        await ask(ledger, START, batch_id="b1", outcome="waiting")
    whole, _ = await observed(ledger, START + DAY)
    assert whole is not None
    assert whole.workload.batch_share == pytest.approx(0.25)
    assert whole.workload.peak_factor == pytest.approx(1.0)


async def test_an_uncounted_request_is_a_request(ledger: SqliteLedger) -> None:
    """Tokens that nobody counted are not 0: the mean is of the others, and the number is told."""
    await ask(ledger, START)
    await ask(ledger, START, output_tokens=None)
    whole, _ = await observed(ledger, START + DAY)
    assert whole is not None
    assert (whole.requests, whole.uncounted) == (2, 1)
    assert whole.workload.input_tokens == 1000


async def test_only_the_asked_time_and_kinds(ledger: SqliteLedger) -> None:
    """`since` and `kinds` leave the rest out; nothing left is None."""
    await ask(ledger, START, kind="old")
    await ask(ledger, START + DAY, kind="sql")
    await ask(ledger, START + DAY, kind="mail")
    whole, kinds = await observed(ledger, START + 2 * DAY, since=START + DAY / 2)
    assert whole is not None
    assert whole.requests == 2
    assert [one.kind for one in kinds] == ["mail", "sql"]
    mail, _ = await observed(ledger, START + 2 * DAY, kinds=["mail"])
    assert mail is not None
    assert mail.requests == 1
    assert await observed(ledger, START + 2 * DAY, kinds=["none"]) == (None, ())
