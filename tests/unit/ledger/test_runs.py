"""Runs, their results and decisions come back as they were recorded."""

import time

import pytest
from ledger_rows import a_result, a_run

from assay.errors import LedgerError
from assay.ledger.rows import DecisionRow, new_id
from assay.ledger.store import SqliteLedger


async def test_a_run_is_found_by_its_identity(ledger: SqliteLedger) -> None:
    """Suite, target, target digest and seed together name a run; the newest of equal ones is found."""
    old, new = a_run(id="1" * 32), a_run(id="2" * 32)
    for row in (old, new, a_run(seed=1)):
        await ledger.open_run(row)
    found = await ledger.find_run(suite_digest="s", target="small", target_digest="t", seed=0)
    assert found == new
    assert await ledger.find_run(suite_digest="s", target="small", target_digest="other", seed=0) is None


async def test_a_run_is_found_by_the_beginning_of_its_id(ledger: SqliteLedger) -> None:
    """People type the first characters of an id."""
    row = a_run()
    await ledger.open_run(row)
    assert await ledger.run(row.id[:14]) == row
    assert await ledger.run("nothing") is None
    assert await ledger.runs(id_begins=row.id[:14]) == [row]
    assert await ledger.runs(id_begins="nothing") == []
    assert await ledger.runs() == [row]


async def test_a_closed_run_has_its_time(ledger: SqliteLedger) -> None:
    """`finished_at` is None while samples are missing, and the time of `close_run` afterwards."""
    row = a_run()
    await ledger.open_run(row)
    assert (await ledger.runs())[0].finished_at is None
    before = time.time()
    await ledger.close_run(row.id)
    finished = (await ledger.runs())[0].finished_at
    assert finished is not None
    assert finished >= before


@pytest.mark.parametrize("answer", ["42", "null", "true", "", "é 🙂 \x00 \n", None])
async def test_results_come_back_as_they_were(ledger: SqliteLedger, answer: str | None) -> None:
    """Every field of a result survives, whatever the answer looks like; results come by sample."""
    rows = [
        a_result("run", "b", answer=answer, value=0.5, latency_s=0.25, engine_s=0.125, cost_usd=0.01, cached=True),
        a_result("run", "a", answer=answer, value=None, unscored="Timeout: late", scores=b"\x00\xff", request_id="r"),
    ]
    for row in rows:
        await ledger.add_result(row)
    await ledger.add_result(a_result("other", "a"))
    assert await ledger.results("run") == [rows[1], rows[0]]


async def test_an_equal_sample_is_replaced(ledger: SqliteLedger) -> None:
    """Grading again replaces the score of a sample instead of counting it twice."""
    await ledger.add_result(a_result("run", "a", value=0.0))
    await ledger.add_result(a_result("run", "a", value=1.0))
    assert [row.value for row in await ledger.results("run")] == [1.0]


async def test_decisions_are_found_by_the_beginning_of_their_id(ledger: SqliteLedger) -> None:
    """Without an id the newest decision is meant; its body comes back byte for byte."""
    assert await ledger.decision() is None
    first = DecisionRow(id="a" + new_id(), created_at=1.0, suite="workshop", body=b'{"\xc3\xa9": 1}')
    second = DecisionRow(id="b" + new_id(), created_at=2.0, suite="workshop", body=b"{}")
    await ledger.add_decision(first)
    await ledger.add_decision(second)
    assert await ledger.decision() == second
    assert await ledger.decision("a") == first
    assert await ledger.decision("c") is None


async def test_what_people_type_is_no_pattern(ledger: SqliteLedger) -> None:
    """`*` in an id matches a `*`, not everything."""
    await ledger.open_run(a_run())
    await ledger.add_decision(DecisionRow(id=new_id(), created_at=1.0, suite="workshop", body=b"{}"))
    for typed in ("*", "?", "[0-9]"):
        assert await ledger.run(typed) is None
        assert await ledger.decision(typed) is None


async def test_a_run_is_opened_once(ledger: SqliteLedger) -> None:
    """The same id twice is an error."""
    row = a_run()
    await ledger.open_run(row)
    with pytest.raises(LedgerError, match="UNIQUE"):
        await ledger.open_run(row)
