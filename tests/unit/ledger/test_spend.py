"""Sums of what was spent: exact, by anything, with what is a bound and what is unknown told apart."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import astuple

from assay.ledger.budgets import EVERYTHING, Budget, Line, period_of
from assay.ledger.rows import Intent, KeyRow, RequestRow, Settlement, new_id
from assay.ledger.spend import BY, SpendRow, Window, held_on, settled_on, spend_by
from assay.ledger.spend_against import served, shared_samples
from assay.ledger.store import SqliteLedger

DAY = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()


def intent(**said: Any) -> Intent:
    """An attempt that began on one day."""
    given = {
        "id": new_id(), "request_id": new_id(), "path": "0", "route": "support", "deployment": "small", "model": "x/s",
        "dialect": "openai", "kind": "triage", "label": "public", "started_at": DAY, "passed_through": False,
        "reserved_usd": 1.0,
    }  # fmt: skip
    return Intent(**{**given, **said})


def settled(one: Intent, usd: float | None, basis: str = "measured", **said: Any) -> Settlement:
    """How it ended."""
    counts = {"input_tokens": 10, "output_tokens": 5, "cached_tokens": 4}
    return Settlement(id=one.id, outcome="ok", total_s=0.1, cost_usd=usd, cost_basis=basis, **{**counts, **said})  # type: ignore[arg-type]


async def groups(ledger: SqliteLedger, what: Any, window: Window = Window()) -> dict[str | None, SpendRow]:  # noqa: B008
    """The sums by what they are of."""
    return {row.what: row for row in await spend_by(ledger, what, window)}


@pytest.fixture
async def spent(ledger: SqliteLedger) -> SqliteLedger:
    """A measured answer of a key, a cut one at its bound, one whose price nobody knows, a shadow, one that runs."""
    key = KeyRow(id="k1", created_at=DAY, name="desk", hash="h", body=b"{}", team="help")
    columns = ", ".join(KeyRow.__struct_fields__)
    marks = ", ".join("?" for _ in KeyRow.__struct_fields__)
    await ledger.write(
        lambda connection: connection.execute(f"insert into keys ({columns}) values ({marks})", astuple(key))
    )
    for one, usd, basis in (
        (intent(key_id="k1", team="help"), 0.1, "measured"),
        (intent(key_id="k1", team="help"), 0.2, "measured"),
        (intent(kind=None), 1.0, "bound"),
        (intent(deployment="free", reserved_usd=None), None, "unknown"),
        (intent(purpose="shadow", shadow=True, started_at=DAY + 86_400), 0.5, "measured"),
    ):
        await ledger.record(one, settled(one, usd, basis))
    await ledger.hold(intent(started_at=DAY + 86_400, reserved_usd=0.25), (Budget(EVERYTHING, 10.0),))
    return ledger


async def test_sums_are_exact_and_say_what_they_are(spent: SqliteLedger) -> None:
    """0.1 and 0.2 are 0.3; a bound is told as one, an unknown cost is counted and no 0, what runs is held."""
    keys = await groups(spent, "key")
    assert (keys["k1"].usd, keys["k1"].name, keys["k1"].attempts) == (0.3, "desk", 2)
    none = keys[None]
    assert (none.usd, none.bounds, none.unknown, none.running) == (1.5, 1, 1, 1)
    assert none.held_pico == 250_000_000_000


@pytest.mark.parametrize("what", BY)
async def test_every_division_comes_to_the_same_total(spent: SqliteLedger, what: Any) -> None:
    """By whatever it is divided, nothing is lost and nothing counted twice."""
    rows = (await groups(spent, what)).values()
    assert sum(row.measured_pico + row.bound_pico for row in rows) == 1_800_000_000_000
    assert sum(row.attempts for row in rows) == 6
    assert sum(row.input_tokens for row in rows) == 50


async def test_a_window_and_purposes(spent: SqliteLedger) -> None:
    """Days are those of UTC; what was not to answer stands apart."""
    assert list(await groups(spent, "day")) == ["2026-11-20", "2026-11-21"]
    assert (await groups(spent, "purpose"))["shadow"].usd == 0.5
    assert list(await groups(spent, "day", Window(DAY + 3600))) == ["2026-11-21"]
    assert list(await groups(spent, "day", Window(0.0, DAY + 3600))) == ["2026-11-20"]


async def test_budgets_stand_with_what_runs(spent: SqliteLedger) -> None:
    """What is settled and what is held are told apart, of a budget that came later as well."""
    month = Line(EVERYTHING, period_of(DAY, "month"))
    assert await settled_on(spent, month) == 1.8
    assert await held_on(spent, month) == 0.25
    assert await settled_on(spent, Line("team:help", "2026-11")) == 0.3
    assert await held_on(spent, Line("team:help", "2026-11")) == 0.0


async def test_the_bill_has_all_that_an_answer_took(ledger: SqliteLedger) -> None:
    """A failed try and a shadow are paid for the answer; evaluations, and who got no answer, are no traffic."""
    request = new_id()
    first, second, shadow = (intent(request_id=request, path=path, shadow=path == "s0") for path in ("0", "1", "s0"))
    await ledger.record(first, settled(first, 0.4, "bound"))
    await ledger.record(second, settled(second, 0.2))
    await ledger.record(shadow, settled(shadow, 0.1))
    other = intent(request_id=new_id())
    await ledger.record(other, settled(other, 0.7, input_tokens=None))
    for id_, answered in ((request, second.id), (other.request_id, other.id)):
        row = RequestRow(
            id=id_, target="support", kind=None, label="public", started_at=DAY, total_s=0.1, outcome="answered",
            attempts=1, cached=False, cost_usd=0.1, cost_basis="measured", answered_by=answered,
        )  # fmt: skip
        await ledger.close_request(row)
    found = await served(ledger, Window(), (8, 100))
    assert [(row.requests, row.length, row.input, row.output, row.cached) for row in found.answers] == [
        (1, 100, 10, 5, 4)
    ]
    assert {row.purpose: row.pico for row in found.costs} == {
        "answer": 200_000_000_000, "attempt": 400_000_000_000, "shadow": 100_000_000_000,
    }  # fmt: skip
    assert found.uncounted == 1
    assert await shared_samples(ledger, "small") == []


async def test_no_sum_is_too_large(ledger: SqliteLedger) -> None:
    """12 million USD, more than 63 bits hold in picodollars, to the last of them."""
    for number in range(12):
        one = intent(reserved_usd=1e6, deployment="big")
        request = RequestRow(
            id=one.request_id, target="support", kind=None, label="public", started_at=DAY, total_s=1.0,
            outcome="answered", attempts=1, cached=False, cost_usd=1e6, cost_basis="measured", answered_by=one.id,
        )  # fmt: skip
        await ledger.record(one, settled(one, 1e6 if number else 1e6 + 1e-9))
        await ledger.close_request(request)
        await ledger.hold(intent(reserved_usd=1e6, deployment="held"))
    found = await groups(ledger, "deployment")
    assert (found["big"].measured_pico, found["big"].bound_pico) == (12 * 10**18 + 1024, 0)  # as near as a float comes
    assert found["held"].held_pico == 12 * 10**18
    assert await held_on(ledger, Line(EVERYTHING, period_of(DAY, "month"))) == 12e6
    [cost] = (await served(ledger, Window(), ())).costs
    assert (cost.purpose, cost.pico) == ("answer", 12 * 10**18 + 1024)
