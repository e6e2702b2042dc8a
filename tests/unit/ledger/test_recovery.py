"""Crashes: what a dead process left open is charged at its bound, once, and what lives is left alone."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from ledger_rows import a_settlement, an_intent, books, change, folded, held_usd, limited, look

from assay.ledger.budgets import period_of
from assay.ledger.rows import Recovered
from assay.ledger.store import SqliteLedger

WRITER = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from ledger_rows import a_settlement, an_intent
from assay.ledger.rows import Reply
from assay.ledger.store import SqliteLedger

async def call(ledger, say):
    intent = an_intent(0.5)
    await ledger.hold(intent)
    say("held", intent.id)
    await asyncio.sleep(0)
    await ledger.settle(a_settlement(intent.id, 0.125), Reply(key=intent.id, response=b"answer"))
    say("settled", intent.id)

async def main():
    ledger = SqliteLedger(sys.argv[1])
    def say(*words):
        sys.stdout.write(" ".join(words) + "\\n")
        sys.stdout.flush()
    while True:
        await asyncio.gather(*(call(ledger, say) for _ in range(4)))

asyncio.run(main())
"""
"""Holds and settles for ever, and says what has been acknowledged."""

HOLDER = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from ledger_rows import an_intent, folded
from assay.ledger.store import SqliteLedger

async def main():
    ledger = SqliteLedger(sys.argv[1])
    for bound in (1.5, 2.0, None):
        await ledger.hold(an_intent(bound))
    await folded(ledger)
    print("held", flush=True)
    sys.stdin.readline()
    await ledger.close()

asyncio.run(main())
"""
"""Holds three attempts, one of an unknown bound, and waits for a line before it closes in order."""


def start(code: str, path: Path) -> "subprocess.Popen[str]":
    """Run `code` in a process of its own with the ledger at `path`."""
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path), str(Path(__file__).parent)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def held(path: Path) -> "subprocess.Popen[str]":
    """A process that has three attempts open."""
    process = start(HOLDER, path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def killed(process: "subprocess.Popen[str]") -> str:
    """Kill as `kill -9` does; returns what the process had said."""
    process.send_signal(signal.SIGKILL)
    said, _ = process.communicate(timeout=30)
    return said


def reopened(path: Path) -> Recovered:
    """Open and close the ledger; what opening recovered."""
    ledger = SqliteLedger(path)
    ledger.close_now()
    return ledger.recovered


@pytest.mark.parametrize("seed", range(20))
def test_kill_9_loses_no_acknowledged_row_and_no_money(tmp_path: Path, seed: int) -> None:
    """Killed at a random moment, everything said to be held or settled is there, and each open attempt is charged."""
    path = tmp_path / "ledger.db"
    process = start(WRITER, path)
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(random.Random(seed).random() * 0.05)  # noqa: S311 - a moment, not a secret
    said = first + killed(process)
    lines = [line.split() for line in said.splitlines() if len(line.split()) == 2]
    held_ids = {key for word, key in lines if word == "held"}
    settled_ids = {key for word, key in lines if word == "settled" and len(key) == 32}
    recovered = reopened(path)

    rows = dict(look(path, "select id, outcome from attempts"))
    assert {key for key in held_ids if len(key) == 32} <= set(rows)
    assert all(rows[key] == "ok" for key in settled_ids)
    assert set(rows.values()) <= {"ok", "lost"}
    lost = list(rows.values()).count("lost")
    assert look(path, "select count(*) from replies") == [(list(rows.values()).count("ok"),)]
    assert recovered == Recovered(attempts=lost, charged_usd=0.5 * lost, unknown=0)
    ok = len(rows) - lost
    assert books(path) == [(pytest.approx(0.125 * ok + 0.5 * lost), 0.0)]
    assert reopened(path) == Recovered(attempts=0, charged_usd=0.0, unknown=0)


def test_lost_attempts_are_charged_at_their_bound(tmp_path: Path) -> None:
    """A crashed process's attempts become `lost` at their bound; an unknown bound stays unknown, never 0."""
    path = tmp_path / "ledger.db"
    killed(held(path))
    assert (books(path), held_usd(path)) == ([], 3.5)
    assert reopened(path) == Recovered(attempts=3, charged_usd=3.5, unknown=1)
    rows = look(
        path, "select outcome, reserved_usd, cost_usd, cost_basis from attempts order by reserved_usd nulls last"
    )
    assert rows == [("lost", 1.5, 1.5, "bound"), ("lost", 2.0, 2.0, "bound"), ("lost", None, None, "unknown")]
    assert books(path) == [(3.5, 0.0)]
    assert look(path, "select ended from sessions order by id") == [("crashed",), ("closed",)]


def test_recovering_twice_charges_once(tmp_path: Path) -> None:
    """Opening again finds nothing to do and changes no figure."""
    path = tmp_path / "ledger.db"
    killed(held(path))
    reopened(path)
    for _ in range(3):
        assert reopened(path) == Recovered(attempts=0, charged_usd=0.0, unknown=0)
        assert books(path) == [(3.5, 0.0)]


def test_a_crash_before_and_after_a_month_ends_is_charged_to_each(tmp_path: Path) -> None:
    """Attempts of one crashed session that began in different months are charged to their own months."""
    path = tmp_path / "ledger.db"
    killed(held(path))
    now = time.time()
    before = now - 40 * 86400
    change(
        path,
        f"update attempts set started_at = {before} where reserved_usd = 1.5",
        "update leases set pico = 2000000000000",
        "insert into leases (scope, period, session_id, pico) select scope, "
        f"'{period_of(before, 'month')}', session_id, 1500000000000 from leases",
        f"insert into spend values ('everything', '{period_of(before, 'month')}', 250000000000)",
    )
    reopened(path)
    rows = dict(look(path, "select period, settled_pico from spend"))
    assert rows == {period_of(before, "month"): 1750000000000, period_of(now, "month"): 2000000000000}
    assert look(path, "select * from leases") == []


async def test_a_living_process_keeps_its_attempts(tmp_path: Path) -> None:
    """Opening beside a process that still runs leaves its attempts held; it can settle them or be killed later."""
    path = tmp_path / "ledger.db"
    process = held(path)
    try:
        ledger = SqliteLedger(path)
        assert ledger.recovered == Recovered(attempts=0, charged_usd=0.0, unknown=0)
        intent = an_intent(1.0)
        await ledger.hold(intent, limited(10.0))
        assert (await ledger.spent()).held_usd == 4.5
        killed(process)
        assert reopened(path) == Recovered(attempts=3, charged_usd=3.5, unknown=1)
        await ledger.settle(a_settlement(intent.id, 0.5))  # this process lives: its own attempt was left alone
        spent = await ledger.spent()
        assert (spent.settled_usd, spent.held_usd) == (4.0, 0.0)
        await ledger.close()
    finally:
        if process.poll() is None:
            killed(process)


def test_what_is_open_at_an_orderly_end_is_not_held_for_ever(tmp_path: Path) -> None:
    """A process that closes with attempts still open charges them: nobody could ever settle them later."""
    path = tmp_path / "ledger.db"
    process = held(path)
    process.communicate("close\n", timeout=30)
    assert process.returncode == 0
    assert look(path, "select distinct outcome from attempts") == [("lost",)]
    assert books(path) == [(3.5, 0.0)]
    assert look(path, "select ended from sessions") == [("closed",)]


async def test_who_writes_a_journal_is_alive(ledger: SqliteLedger) -> None:
    """A process whose pid says nothing here (it may live in another container) is not taken for dead."""
    intent = an_intent(2.0)
    await ledger.hold(intent)
    change(ledger.path, "update sessions set process_started_at = process_started_at - 100")
    assert reopened(ledger.path).attempts == 0
    await ledger.settle(a_settlement(intent.id, 0.5))
    assert (await ledger.spent()).settled_usd == 0.5


async def test_a_lost_attempt_is_not_charged_again(ledger: SqliteLedger, caplog: pytest.LogCaptureFixture) -> None:
    """Once an attempt is closed, a late settlement changes neither its row nor the books, and the log says so."""
    intent = an_intent(2.0)
    await ledger.hold(intent)
    await folded(ledger)
    change(ledger.path, "update attempts set outcome = 'lost', cost_usd = 2.0, cost_basis = 'bound'")
    await ledger.settle(a_settlement(intent.id, 0.5))
    await folded(ledger)
    assert look(ledger.path, "select outcome, cost_usd from attempts") == [("lost", 2.0)]
    assert (await ledger.spent()).settled_usd == 0.0
    assert f"attempt {intent.id} is not open" in caplog.text


def test_a_reused_pid_is_not_the_same_process(tmp_path: Path) -> None:
    """A session whose pid now belongs to a process started at another time is dead."""
    path = tmp_path / "ledger.db"
    killed(held(path))
    change(path, f"update sessions set pid = {os.getpid()}")
    assert reopened(path).attempts == 3


def test_another_hosts_attempts_stay_held(tmp_path: Path) -> None:
    """Whether a process on another machine lives cannot be seen from here, so its attempts are left alone."""
    path = tmp_path / "ledger.db"
    killed(held(path))
    change(path, "update sessions set host = 'elsewhere'")
    assert reopened(path) == Recovered(attempts=0, charged_usd=0.0, unknown=0)
    assert (books(path), held_usd(path)) == ([], 3.5)


def test_many_that_open_after_a_crash_charge_once(tmp_path: Path) -> None:
    """Processes that open the ledger at the same moment after a crash charge its attempts once between them."""
    path = tmp_path / "ledger.db"
    killed(held(path))
    code = "import sys; from assay.ledger.store import SqliteLedger as L; L(sys.argv[1]).close_now()"
    processes = [start(code, path) for _ in range(4)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert books(path) == [(3.5, 0.0)]


def test_a_process_is_told_by_its_start_as_others_see_it(ledger: SqliteLedger) -> None:
    """What the session's row says of this process is what psutil says of it from outside."""
    [(pid, started_at)] = look(ledger.path, "select pid, process_started_at from sessions")
    assert abs(psutil.Process(pid).create_time() - started_at) < 0.05
