"""Processes that share a budget: none overspends, each gets what another does not need, and who dies gives all back."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from ledger_rows import a_settlement, an_intent, change, limited, look

from assay.errors import BudgetExceeded
from assay.ledger import leases
from assay.ledger.budgets import Budget, Line
from assay.ledger.lending import LOOK_S
from assay.ledger.store import SqliteLedger

CLIENTS = """
import asyncio, random, sys
sys.path.insert(0, sys.argv[2])
from ledger_rows import a_settlement, an_intent, limited
from assay.errors import BudgetExceeded
from assay.ledger.store import SqliteLedger

async def client(ledger, draw):
    for _ in range(int(sys.argv[4])):
        intent = an_intent(1.0)
        try:
            await ledger.hold(intent, limited(float(sys.argv[3])), until=asyncio.get_running_loop().time() + 20)
        except BudgetExceeded as error:
            print("refused", error, flush=True)
            continue
        await asyncio.sleep(draw.random() * 0.01)
        await ledger.settle(a_settlement(intent.id, 0.0625))

async def main():
    ledger = SqliteLedger(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    draw = random.Random(0)
    await asyncio.gather(*(client(ledger, draw) for _ in range(16)))
    await ledger.close()
    print("done", flush=True)

asyncio.run(main())
"""
"""Sixteen clients whose calls are bounded at 1 USD each, and cost a sixteenth of that."""

HOLDER = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from ledger_rows import a_settlement, an_intent, limited
from assay.ledger.store import SqliteLedger

async def main():
    ledger = SqliteLedger(sys.argv[1])
    done, running = an_intent(1.0), an_intent(2.0)
    await ledger.hold(done, limited(10.0))
    await ledger.settle(a_settlement(done.id, 0.5))
    await ledger.hold(running, limited(10.0))
    print("held", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""
"""Has spent 0.5 USD, holds 2 more, and has leased the rest of 10."""


def start(code: str, path: Path, *more: object) -> "subprocess.Popen[str]":
    """A process of its own, once it has said its first word."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path), str(Path(__file__).parent), *map(str, more)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().strip() in ("ready", "held")
    return process


@pytest.fixture
async def other(ledger: SqliteLedger) -> AsyncIterator[SqliteLedger]:
    """A second session on the same file."""
    other = SqliteLedger(ledger.path)
    yield other
    await other.close()


def soon(seconds: float = 5.0) -> float:
    """On the running loop's clock."""
    return asyncio.get_running_loop().time() + seconds


def test_32_clients_in_two_processes_near_a_limit(tmp_path: Path) -> None:
    """All 128 calls fit into what they cost and two bounds: none is refused, and not a picodollar is overspent."""
    path = tmp_path / "ledger.db"
    limit = 128 * 0.0625 + 2
    processes = [start(CLIENTS, path, limit, 4) for _ in range(2)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert said == ["done\n", "done\n"]
    assert look(path, "select settled_pico from spend") == [(128 * 62_500_000_000,)]
    assert look(path, "select * from leases") == []


async def test_one_gives_what_it_does_not_need_when_the_other_asks(ledger: SqliteLedger, other: SqliteLedger) -> None:
    """The first has leased all there is; the second gets what it needs, and then has some to go on with."""
    await ledger.hold(an_intent(1.0), limited(100.0))
    assert look(ledger.path, "select pico from leases") == [(100 * 10**12,)]
    await other.hold(an_intent(1.0), limited(100.0), until=soon())
    assert other.hold_now(an_intent(10.0), limited(100.0))
    assert ledger.hold_now(an_intent(10.0), limited(100.0))
    [(leased,)] = look(ledger.path, "select sum(pico) from leases")
    assert leased <= 100 * 10**12


async def test_what_both_lack_goes_to_who_has_waited_longer(ledger: SqliteLedger, other: SqliteLedger) -> None:
    """Neither has enough, both wait: the parts come together at the first one, not back and forth."""
    mine, theirs = an_intent(5.0), an_intent(4.0)
    await ledger.hold(mine, limited(10.0))
    await other.hold(theirs, limited(10.0), until=soon())
    first = asyncio.create_task(ledger.hold(an_intent(6.0), limited(10.0), until=soon()))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(other.hold(an_intent(6.0), limited(10.0), until=soon()))
    await other.settle(a_settlement(theirs.id, 0.0))
    await ledger.settle(a_settlement(mine.id, 0.0))
    await first
    assert not second.done()
    second.cancel()


async def test_who_dies_is_charged_for_what_ran_and_gives_the_rest_back(ledger: SqliteLedger) -> None:
    """Killed with a lease, a settled call in its journal and a running one: who waits here gets the rest in time."""
    holder = start(HOLDER, ledger.path)
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate(timeout=30)
    await ledger.hold(an_intent(7.5), limited(10.0), until=soon(10.0))
    with pytest.raises(BudgetExceeded) as raised:
        await ledger.hold(an_intent(0.01), limited(10.0), until=0.0)
    assert (raised.value.spent_usd, raised.value.held_usd) == (2.5, 7.5)
    rows = {row["outcome"]: row["cost_usd"] for row in await ledger.attempts()}
    assert rows == {"ok": 0.5, "lost": 2.0, "running": None}


async def test_who_waited_and_is_gone_keeps_nobody_waiting(ledger: SqliteLedger) -> None:
    """A wish that nobody repeats is none: its process may have died without a trace."""
    change(
        ledger.path,
        "insert into leases (scope, period, session_id, pico, wanted_pico, wanted_at, asked_at) "
        f"values ('key:a', '', 'elsewhere', 0, 9000000000000, 1.0, {time.time() - 60})",
    )
    await ledger.hold(an_intent(5.0), (Budget("key:a", 10.0, "total"),), until=0.0)


async def test_what_a_call_leaves_that_held_all_there_is_goes_to_another(
    ledger: SqliteLedger, other: SqliteLedger
) -> None:
    """While it ran nothing was free, and it has asked for nothing since: still somebody looks who waits."""
    intent = an_intent(1.0)
    await ledger.hold(intent, limited(1.0))
    await asyncio.sleep(3 * LOOK_S)
    await ledger.settle(a_settlement(intent.id, 0.25))
    await other.hold(an_intent(0.5), limited(1.0), until=soon())


async def test_who_leases_all_the_time_gives_back_too(ledger: SqliteLedger, other: SqliteLedger) -> None:
    """The first has always a request that looks at the file; the second gets its money no later for that."""

    async def client(name: int) -> None:
        for turn in count():
            intent = an_intent(0.01)
            await ledger.hold(intent, (*limited(100.0), Budget(f"key:{name}-{turn}", 1.0, "total")))
            await ledger.settle(a_settlement(intent.id, 0.001))

    intent = an_intent(1.0, started_at=time.time())
    await ledger.hold(intent, (Budget("team:a", 10.0, "total"),))
    busy = [asyncio.create_task(client(name)) for name in range(30)]
    await asyncio.sleep(0.2)
    await other.hold(an_intent(5.0), (Budget("team:a", 10.0, "total"),), until=soon(2.0))
    for task in busy:
        task.cancel()
    await asyncio.gather(*busy, return_exceptions=True)


async def test_who_cannot_look_for_once_looks_again(
    ledger: SqliteLedger, other: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the file could not be read at one time is no reason to keep money from others for ever."""
    broken = True

    def wanted(*given: Any) -> Any:
        if broken:
            raise sqlite3.OperationalError("disk I/O error")
        return look_for(*given)

    look_for = leases.wanted
    monkeypatch.setattr(leases, "wanted", wanted)
    await ledger.hold(an_intent(1.0), limited(10.0))
    await asyncio.sleep(3 * LOOK_S)
    broken = False
    await other.hold(an_intent(5.0), limited(10.0), until=soon())


def test_wishes_that_others_have_begun_keep_no_two_waiting_for_each_other(tmp_path: Path) -> None:
    """Whoever began a wish has its money, and later ones of the same process go on with it: one of the two is first."""
    line, now, path = Line("key:a", ""), time.time(), tmp_path / "ledger.db"
    SqliteLedger(path).close_now()
    with closing(sqlite3.connect(path)) as connection:
        for session, since in (("one", now - 9), ("two", now - 8)):
            leases.lease(connection, session, {line: 0})
            connection.execute(
                "update leases set wanted_pico = 5, wanted_at = ?, asked_at = ? where session_id = ?",
                (since, now, session),
            )
        second, _ = leases.take(connection, "two", line, leases.Ask(6, 4, now - 1), now)
        first, _ = leases.take(connection, "one", line, leases.Ask(6, 4, now - 2), now)
    assert (first >= 4, second) == (True, 0)
