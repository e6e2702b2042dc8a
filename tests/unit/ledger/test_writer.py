"""Group commit: many wait for the same commit, whoever performs it, and no write takes another with it."""

import asyncio
import itertools
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest
from ledger_rows import a_request, a_result, a_run, a_settlement, an_intent, folded, journalled, limited, look

from assay.errors import LedgerError
from assay.ledger import writer as writer_module
from assay.ledger.store import SqliteLedger
from assay.ledger.writer import Writer


class Bench:
    """A writer on a small table whose statements are counted."""

    def __init__(self, path: Path, *, here: bool = False) -> None:
        self.path = path
        self.statements: list[str] = []
        self.writer = Writer(self.connect, here=here)

    def connect(self) -> sqlite3.Connection:
        """Another connection."""
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table if not exists numbers (n integer primary key check (n < 1000)) strict")
        connection.set_trace_callback(self.statements.append)
        return connection

    @property
    def commits(self) -> int:
        """Transactions committed so far."""
        return sum(statement == "commit" for statement in self.statements)

    @property
    def numbers(self) -> list[int]:
        """What the table holds."""
        return [n for (n,) in look(self.path, "select n from numbers order by n")]


def put(n: Any) -> Any:
    """The operation that inserts `n`."""
    return lambda connection: connection.execute("insert into numbers values (?)", (n,)).lastrowid


async def written(bench: Bench, n: int) -> None:
    """Insert `n` and wait until it is there."""
    await bench.writer.write(put(n))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A writer in commit mode."""
    made = Bench(tmp_path / "numbers.db")
    yield made
    made.writer.close()


def stopped(bench: Bench) -> threading.Event:
    """Keep the writer's thread busy until the returned event is set."""
    inside, go_on = threading.Event(), threading.Event()

    def wait(_: sqlite3.Connection) -> None:
        inside.set()
        go_on.wait(10)

    bench.writer.submit(wait)
    assert inside.wait(5)
    return go_on


def test_what_arrives_during_a_commit_shares_the_next(bench: Bench) -> None:
    """200 writes that wait behind one transaction are written in a single further one, in order."""
    go_on = stopped(bench)
    waiting = [bench.writer.submit(put(n)) for n in range(200)]
    go_on.set()
    assert [future.result(5) for future in waiting] == list(range(200))
    assert bench.commits == 2


def test_a_done_write_is_visible_to_others(bench: Bench) -> None:
    """When the future is done, another connection sees the row."""
    assert bench.writer.submit(put(7)).result(5) == 7
    assert bench.numbers == [7]


def test_a_failing_write_takes_no_other_with_it(bench: Bench) -> None:
    """In one shared transaction the bad ones fail, each with its own error; the good ones stand."""
    go_on = stopped(bench)

    def half(connection: sqlite3.Connection) -> None:
        put(50)(connection)
        raise LedgerError("changed my mind")

    def buggy(connection: sqlite3.Connection) -> None:
        put(51)(connection)
        raise KeyError("a bug")

    good, twice, bad = bench.writer.submit(put(1)), bench.writer.submit(put(1)), bench.writer.submit(put(5000))
    huge, undone, broken = bench.writer.submit(put(10**30)), bench.writer.submit(half), bench.writer.submit(buggy)
    last = bench.writer.submit(put(2))
    go_on.set()
    assert good.result(5) == 1
    assert last.result(5) == 2
    for future, message in (
        (twice, "UNIQUE"), (bad, "CHECK"), (huge, "too large"), (undone, "changed my mind"), (broken, "KeyError"),
    ):  # fmt: skip
        with pytest.raises(LedgerError, match=message):
            future.result(5)
    assert bench.numbers == [1, 2]


def test_a_lost_transaction_fails_all_that_share_it(bench: Bench) -> None:
    """When SQLite itself has undone everything, nobody is told that his row is there, and the next write works."""
    go_on = stopped(bench)

    def full(connection: sqlite3.Connection) -> None:
        connection.execute("rollback")  # as SQLite does by itself when the disk is full
        raise sqlite3.OperationalError("database or disk is full")

    futures = [bench.writer.submit(put(1)), bench.writer.submit(full), bench.writer.submit(put(2))]
    go_on.set()
    for future in futures:
        with pytest.raises(LedgerError, match="disk is full"):
            future.result(5)
    assert bench.numbers == []
    assert bench.writer.submit(put(3)).result(5) == 3


def test_a_locked_file_is_an_error_not_a_hang(tmp_path: Path) -> None:
    """While another connection holds the write lock for longer than the patience, writes fail with the reason."""
    path = tmp_path / "numbers.db"
    made = Bench(path)
    blocker = sqlite3.connect(path, isolation_level=None)
    try:
        made.writer.submit(lambda connection: connection.execute("pragma busy_timeout = 20") and None).result(5)
        blocker.execute("begin immediate")
        with pytest.raises(LedgerError, match="locked"):
            made.writer.submit(put(1)).result(5)
        blocker.execute("rollback")
        assert made.writer.submit(put(2)).result(5) == 2
    finally:
        blocker.close()
        made.writer.close()


def test_a_cancelled_future_does_not_stop_the_thread(bench: Bench) -> None:
    """Who cancels the future of a waiting write loses the answer, not the write, and nobody else is affected."""
    go_on = stopped(bench)
    left, stayed = bench.writer.submit(put(1)), bench.writer.submit(put(2))
    assert left.cancel()
    go_on.set()
    assert stayed.result(5) == 2
    assert bench.writer.submit(put(3)).result(5) == 3
    assert bench.numbers == [1, 2, 3]


async def test_what_a_turn_of_the_loop_writes_shares_a_commit(bench: Bench) -> None:
    """Writes that tasks hand over in one turn of their loop wake the thread once, and are one transaction."""
    await asyncio.gather(*(bench.writer.write(put(n)) for n in range(50)))
    assert bench.numbers == list(range(50))
    assert bench.commits == 1


def test_who_fails_before_writing_costs_nobody_a_second_try(bench: Bench) -> None:
    """A write that is refused before it changed anything (a budget, say) leaves the others' transaction as it is."""
    go_on = stopped(bench)

    def refused(connection: sqlite3.Connection) -> None:
        raise LedgerError("no money")

    first, bad, last = (bench.writer.submit(one) for one in (put(1), refused, put(2)))
    go_on.set()
    assert (first.result(5), last.result(5)) == (1, 2)
    with pytest.raises(LedgerError, match="no money"):
        bad.result(5)
    assert "rollback" not in bench.statements
    assert bench.numbers == [1, 2]


async def test_cancelling_the_wait_keeps_the_write(bench: Bench) -> None:
    """A task cancelled while it awaits its write leaves the row in the file."""
    go_on = stopped(bench)
    task = asyncio.create_task(written(bench, 4))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await bench.writer.write(put(5))
    assert bench.numbers == [4, 5]


def test_a_loop_closed_while_writes_wait_loses_none(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Rows handed over in a loop that ends before their commit are written, and the writer lives on."""
    go_on = stopped(bench)

    async def leave() -> None:
        for n in range(10):
            asyncio.get_running_loop().create_task(written(bench, n))
        await asyncio.sleep(0.01)

    asyncio.run(leave())
    go_on.set()
    assert bench.writer.submit(put(10)).result(5) == 10
    assert bench.numbers == list(range(11))
    assert not caplog.records


def test_closing_writes_what_waits(bench: Bench) -> None:
    """`close` returns after everything handed over before it is in the file."""
    go_on = stopped(bench)
    futures = [bench.writer.submit(put(n)) for n in range(20)]
    threading.Timer(0.05, go_on.set).start()
    bench.writer.close()
    assert all(future.done() for future in futures)
    assert bench.numbers == list(range(20))
    with pytest.raises(LedgerError, match="the ledger is closed"):
        bench.writer.submit(put(21))


def test_too_much_waiting_blocks_until_there_is_room(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """More waiting bytes than allowed hold the caller back; one write larger than the limit still passes."""
    monkeypatch.setattr(writer_module, "MAX_WAITING_BYTES", 1000)
    assert bench.writer.submit(put(0), 5000).result(5) == 0
    go_on = stopped(bench)
    bench.writer.submit(put(1), 900)
    entered = threading.Event()

    def late() -> None:
        bench.writer.submit(put(2), 900).result(5)
        entered.set()

    thread = threading.Thread(target=late)
    thread.start()
    assert not entered.wait(0.05)
    go_on.set()
    thread.join(5)
    assert bench.numbers == [0, 1, 2]


def test_closing_does_not_strand_who_waits_for_room(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller held back when the ledger closes gets its error or its row, but never waits for ever."""
    monkeypatch.setattr(writer_module, "MAX_WAITING_BYTES", 1000)
    go_on = stopped(bench)
    bench.writer.submit(put(1), 900)
    ended: list[object] = []

    def late() -> None:
        try:
            ended.append(bench.writer.submit(put(2), 900).result(5))
        except LedgerError as error:
            ended.append(str(error))

    thread = threading.Thread(target=late)
    thread.start()
    time.sleep(0.02)
    closing = threading.Thread(target=bench.writer.close)
    closing.start()
    time.sleep(0.02)
    go_on.set()
    thread.join(5)
    closing.join(5)
    assert ended == ["the ledger is closed"]


def test_relaxed_gathers_what_nobody_waits_for(tmp_path: Path) -> None:
    """In relaxed mode writes spread over some milliseconds share one commit, and are there within the promised time."""
    made = Bench(tmp_path / "numbers.db")
    try:
        futures = []
        for n in range(10):
            futures.append(made.writer.submit(put(n), urgent=False))
            time.sleep(0.002)
        started = time.monotonic()
        for future in futures:
            future.result(5)
        assert time.monotonic() - started < 10 * writer_module.GATHER_S  # 100 ms, on a busy machine
        assert made.commits == 1
    finally:
        made.writer.close()


def test_relaxed_does_not_let_anybody_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that is waited for is committed at once, with all that was gathered before it."""
    monkeypatch.setattr(writer_module, "GATHER_S", 60.0)
    made = Bench(tmp_path / "numbers.db")
    try:
        made.writer.submit(put(1), urgent=False)
        assert made.writer.submit(put(2)).result(5) == 2
        assert made.numbers == [1, 2]
    finally:
        made.writer.close()


# ------------------------------------------------------------------------------- in the loop's own thread


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Bench]:
    """A writer whose small writes the loop performs."""
    made = Bench(tmp_path / "numbers.db", here=True)
    yield made
    made.writer.close()


def performer(n: int, by: list[str]) -> Any:
    """The operation that inserts `n` and notes which thread performs it."""

    def operation(connection: sqlite3.Connection) -> None:
        put(n)(connection)
        by.append(threading.current_thread().name)

    return operation


async def test_small_writes_of_a_turn_are_committed_by_the_loop(near: Bench) -> None:
    """They are one transaction in the loop's own thread, and others see them when they are done."""
    by: list[str] = []
    await asyncio.gather(*(near.writer.write(performer(n, by), small=True) for n in range(5)))
    assert by == [threading.current_thread().name] * 5
    assert near.commits == 1
    assert near.numbers == list(range(5))


@pytest.mark.parametrize("size_bytes", [256, writer_module.SMALL_BYTES + 1])
async def test_what_may_take_long_is_left_to_the_thread(near: Bench, size_bytes: int) -> None:
    """A write that is large, or not said to be small, is the thread's, and so is what stands before and behind it."""
    by: list[str] = []
    before = near.writer.write(performer(1, by), small=True)
    long = near.writer.write(performer(2, by), size_bytes, small=size_bytes > writer_module.SMALL_BYTES)
    behind = near.writer.write(performer(3, by), small=True)
    await asyncio.gather(before, long, behind)
    assert by == ["ledger"] * 3
    assert near.commits == 1
    async with asyncio.timeout(10):  # the thread lets go a moment after it has said that it is done
        for number in itertools.count(4):
            await near.writer.write(performer(number, by), small=True)
            if by[-1] == threading.current_thread().name:
                break


async def test_another_process_that_writes_does_not_stop_the_loop(near: Bench) -> None:
    """While somebody holds the write lock the loop goes on; what waits is written in its order when he lets go."""
    blocker = sqlite3.connect(near.path, isolation_level=None)
    blocker.execute("begin immediate")
    by: list[str] = []
    try:
        first = near.writer.write(performer(1, by), small=True)
        started = time.monotonic()
        await asyncio.sleep(0.05)
        assert time.monotonic() - started < 2.0  # a connection waits for the lock for five seconds by itself
        assert not first.done()
        second = near.writer.write(performer(2, by), small=True)
        await asyncio.sleep(0)
        assert by == []
    finally:
        blocker.execute("rollback")
        blocker.close()
    await asyncio.gather(first, second)
    assert by[0] == "ledger"
    assert [row for (row,) in look(near.path, "select n from numbers order by rowid")] == [1, 2]


async def test_while_the_thread_writes_the_loop_queues(near: Bench) -> None:
    """A small write behind a long one that is being performed waits for it, and the loop does not."""
    go_on = stopped(near)
    by: list[str] = []
    behind = near.writer.write(performer(1, by), small=True)
    await asyncio.sleep(0.01)
    assert not behind.done()
    go_on.set()
    await behind
    assert near.numbers == [1]


async def test_a_small_write_that_fails_takes_no_other_with_it(near: Bench) -> None:
    """In the loop's thread too each fails with its own error, and the good ones stand."""
    good, bad, last = (near.writer.write(put(n), small=True) for n in (1, 5000, 2))
    assert await good == 1
    with pytest.raises(LedgerError, match="CHECK"):
        await bad
    assert await last == 2
    assert near.numbers == [1, 2]


async def test_writes_of_threads_and_loop_keep_their_order(near: Bench) -> None:
    """What another thread has handed over before is not overtaken by a small write, but performed with it."""
    order: list[int] = []
    handed = [near.writer.submit(lambda connection, n=n: order.append(n)) for n in range(3)]
    last = near.writer.write(lambda connection: order.append(3), small=True)
    await last
    assert all(future.done() for future in handed)
    assert order == [0, 1, 2, 3]


async def test_what_came_while_another_process_wrote_stands_behind(
    near: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the loop had to leave to the thread is performed before what other threads have handed over meanwhile."""
    order: list[int] = []
    handed: list[Any] = []
    real = writer_module.perform

    def busy(connection: sqlite3.Connection, batch: Any, *, patient: bool = True) -> str:
        if patient:
            return real(connection, batch)
        handed.append(near.writer.submit(lambda _: order.append(2)))
        return "busy"

    monkeypatch.setattr(writer_module, "perform", busy)
    await near.writer.write(lambda _: order.append(1), small=True)
    handed[0].result(5)
    assert order == [1, 2]


def test_what_is_written_during_a_checkpoint_does_not_keep_the_log(near: Bench) -> None:
    """A second pass, while nobody writes, brings the rest into the file, and the next write begins the log anew."""
    with closing(near.connect()) as other, closing(near.connect()) as connection:

        class Meddled:
            """A connection that is not alone during the first pass."""

            def execute(self, statement: str) -> sqlite3.Cursor:
                found = connection.execute(statement)
                if not other.in_transaction and near.numbers == []:
                    put(1)(other)
                return found

        near.writer._check_point(Meddled())  # type: ignore[arg-type]
        put(2)(other)
        (_, pages, _) = connection.execute("pragma wal_checkpoint(passive)").fetchone()
        assert pages == 1


async def test_the_log_begins_anew(near: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread brings the log into the file again and again: it does not grow with what is written."""
    monkeypatch.setattr(writer_module, "CHECKPOINT_BYTES", 200 * 1024)
    log = near.path.with_name(near.path.name + "-wal")
    for n in range(900):
        await near.writer.write(put(n), small=True)
    assert log.stat().st_size < 4 * 1024 * 1024
    assert any("wal_checkpoint" in statement for statement in near.statements)
    assert near.numbers == list(range(900))


async def test_closing_performs_what_the_loop_has_not(tmp_path: Path) -> None:
    """Small writes whose turn has not ended when the ledger is closed are written by the thread."""
    made = Bench(tmp_path / "numbers.db", here=True)
    future = made.writer.write(put(1), small=True)
    made.writer.close()
    assert await future == 1
    assert made.numbers == [1]


# ------------------------------------------------------------------------------------ the ledger's modes


@pytest.mark.parametrize(("durability", "synchronous"), [("commit", 1), ("fsync", 2), ("relaxed", 1)])
async def test_durability_modes(
    tmp_path: Path, durability: Literal["commit", "fsync", "relaxed"], synchronous: int
) -> None:
    """Every mode uses the write-ahead log; only `fsync` syncs each commit."""
    ledger = SqliteLedger(tmp_path / "ledger.db", durability)
    try:

        def pragmas(connection: sqlite3.Connection) -> tuple[str, int]:
            (mode,) = connection.execute("pragma journal_mode").fetchone()
            return mode, connection.execute("pragma synchronous").fetchone()[0]

        assert await ledger._writer.write(pragmas) == ("wal", synchronous)
    finally:
        await ledger.close()


async def test_relaxed_keeps_the_promises_that_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relaxed or not: a hold is journalled when it returns, one reads what one wrote, and closing loses nothing."""
    monkeypatch.setattr(writer_module, "GATHER_S", 60.0)
    ledger = SqliteLedger(tmp_path / "ledger.db", "relaxed")
    intent, run = an_intent(), a_run()
    await asyncio.wait_for(ledger.hold(intent, limited(10.0)), 5)
    assert [entry.intent[0] for entry in journalled(ledger.path) if entry.intent] == [intent.id]
    await asyncio.wait_for(ledger.settle(a_settlement(intent.id)), 1)
    assert [entry.settlement for entry in journalled(ledger.path)] == [None]  # it may wait
    assert [row["outcome"] for row in await ledger.attempts()] == ["ok"]
    await ledger.open_run(run)
    await ledger.add_result(a_result(run.id, "1"))
    assert [row.sample_id for row in await ledger.results(run.id)] == ["1"]
    await ledger.close_request(a_request())
    await ledger.close()
    assert look(ledger.path, "select count(*) from requests") == [(1,)]


async def test_a_failed_relaxed_write_is_seen(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody awaits a relaxed write, so its failure is logged."""
    ledger = SqliteLedger(tmp_path / "ledger.db", "relaxed")
    with caplog.at_level(logging.ERROR, logger="assay.ledger"):
        ledger.settle(a_settlement("nobody"))
        await ledger.close()
    assert "attempt nobody is not open" in caplog.text


async def test_many_requests_share_commits(ledger: SqliteLedger) -> None:
    """A hundred requests at once need far fewer than a hundred commits."""
    counted: list[str] = []
    await ledger._writer.write(lambda connection: connection.set_trace_callback(counted.append))
    await asyncio.gather(*(ledger.close_request(a_request()) for _ in range(100)))
    await folded(ledger)
    assert look(ledger.path, "select count(*) from requests") == [(100,)]
    assert sum(statement == "commit" for statement in counted) < 50


@pytest.fixture
async def synced(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    """A ledger whose writes wait for the disk."""
    made = SqliteLedger(tmp_path / "synced.db", "fsync")
    yield made
    await made.close()


async def test_cancelled_wait_for_a_settlement_keeps_it(synced: SqliteLedger) -> None:
    """A client that leaves while its settlement is written does not undo it."""
    intent = an_intent()
    await synced.hold(intent)

    async def wait() -> None:
        await synced.settle(a_settlement(intent.id))

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [row["outcome"] for row in await synced.attempts()] == ["ok"]


async def test_cancelled_wait_for_a_hold_lets_go_of_the_money(
    synced: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that leaves while its hold is written has sent nothing: the row says so and no money stays held."""
    on_disk, waits, loop = threading.Event(), asyncio.Event(), asyncio.get_running_loop()

    def sync() -> None:
        loop.call_soon_threadsafe(waits.set)
        on_disk.wait(5)

    monkeypatch.setattr(synced._journal, "sync", sync)
    task = asyncio.create_task(synced.hold(an_intent(5.0), limited(10.0)))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    on_disk.set()
    [row] = await synced.attempts()
    assert (row["outcome"], row["cost_usd"], row["cost_basis"]) == ("cancelled", 0.0, "none")
    spent = await synced.spent()
    assert (spent.settled_usd, spent.held_usd) == (0.0, 0.0)


async def test_a_cursor_is_no_result(tmp_path: Path) -> None:
    """Who lets go of a cursor resets its statement, which the thread that made it may be stepping again."""
    ledger = SqliteLedger(tmp_path / "assay.db")
    statement = "update sessions set pid = pid"
    assert await ledger.write(lambda connection: connection.execute(statement)) is None
    assert await ledger.write(lambda connection: connection.execute(statement).rowcount) == 1
    await ledger.close()
