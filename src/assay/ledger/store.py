"""The ledger in one SQLite file; `assay.ledger.protocol` says what it does for other parts.

Attempts and requests are written to a journal first (`assay.ledger.journal`) and folded into SQLite in bulk; all else
is written there at once, asynchronously and batched (`assay.ledger.writer`). With `durability = "commit"` a row
survives `kill -9` once its write is done, with `"fsync"` also power loss; `"relaxed"` flushes within 100 ms.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from msgspec.structs import astuple, replace

from assay.errors import LedgerError
from assay.ledger import leases, session
from assay.ledger.attempts import add_request, begin_attempt, end_request, insertion, settle_attempt
from assay.ledger.budgets import DAY_S, Budget, Lines, lines_of, pico_of, usd_of
from assay.ledger.folding import Folding
from assay.ledger.holding import WAIT_S, Holding
from assay.ledger.journal import Journal
from assay.ledger.lookups import Lookups
from assay.ledger.migrate import migrate
from assay.ledger.protocol import Ledger
from assay.ledger.replies import keep_reply
from assay.ledger.rows import (
    DecisionRow,
    Intent,
    Recovered,
    Replayed,
    Reply,
    RequestRow,
    ResultRow,
    Row,
    RunRow,
    Settlement,
    Spent,
    new_id,
)
from assay.ledger.segment import Entry
from assay.ledger.syncing import Syncing
from assay.ledger.writer import Writer

T = TypeVar("T")
R = TypeVar("R", bound=Row)

_BUSY_S = 30.0
MAX_UNFOLDED_BYTES = 8 * 1024 * 1024
"""While more of the journal is not in SQLite, who begins something waits: the disk does not keep up."""


_RUN = insertion("runs", RunRow)
_RESULT = insertion("results", ResultRow, "insert or replace")
_DECISION = insertion("decisions", DecisionRow)


class SqliteLedger:
    """The ledger in one SQLite file (WAL). Several processes may share it.

    Args:
        path: the file; it is created with its folder.
        durability: see the module.

    Raises:
        LedgerError: the file cannot be opened, or is not a ledger of this version.
    """

    def __init__(self, path: Path | str, durability: Literal["commit", "fsync", "relaxed"] = "commit") -> None:
        self.path = Path(path)
        self._durability = durability
        self._reading = threading.Lock()
        self._closed = False
        with ExitStack() as undo:  # what has been opened is closed when a later step fails
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with suppress(OSError):  # a new one is its owner's alone: it may hold what people said
                    self.path.touch(mode=0o600)
                self._reader = self._connect()
                undo.callback(self._reader.close)
                migrate(self._reader, str(self.path))
                self._looker = self._connect()
                undo.callback(self._looker.close)
                self._lookups = Lookups(self._looker, str(self.path))
                self._writer = Writer(self._connect, here=durability == "commit", journalled=durability != "relaxed")
                undo.callback(self._writer.close)
                self._session, self.recovered = self._begin_session()
            except (sqlite3.Error, OSError) as error:
                raise LedgerError(
                    f"cannot open the ledger {self.path}: {error}; make it a database that may be written, "
                    "or name another in ledger.url"
                ) from error
            undo.pop_all()
        self._running: set[str] = set()  # attempts of this process that are in the journal
        self._journal = Journal(self.path, self._session, self._writer.grown)
        self._writer.folding = Folding(self._journal, self._session)
        self._syncing = Syncing(self._journal) if durability == "fsync" else None
        self._holding = Holding(self._session, self._perform, self._looker, lambda one: session.recover(one, self.path))

    def _begin_session(self) -> tuple[str, Recovered]:
        def operation(connection: sqlite3.Connection) -> tuple[str, Recovered, list[Path]]:
            recovered, folded = session.recover(connection, self.path)
            return session.open_session(connection), recovered, folded

        begun, recovered, folded = self._writer.submit(operation).result()
        for path in folded:
            path.unlink(missing_ok=True)
        return begun, recovered

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
        try:
            connection.execute(f"pragma synchronous = {'full' if self._durability == 'fsync' else 'normal'}")
            connection.execute("pragma foreign_keys = on")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    # ------------------------------------------------------------------------------------- attempts

    def hold_now(self, intent: Intent, budgets: tuple[Budget, ...] = ()) -> bool:
        """See `Ledger.hold_now`."""
        if self._syncing is not None or not self._may_journal(intent):
            return False
        if intent.id in self._running:
            raise _held_already(intent)
        lines = lines_of(budgets, intent.started_at // DAY_S)
        if not self._holding.hold_now(intent.id, lines, pico_of(intent.reserved_usd or 0.0)):
            return False
        self._begin(intent, lines, journal=True)
        return True

    async def hold(self, intent: Intent, budgets: tuple[Budget, ...] = (), *, until: float | None = None) -> None:
        """See `Ledger.hold`."""
        if intent.id in self._running:
            raise _held_already(intent)
        lines, pico = lines_of(budgets, intent.started_at // DAY_S), pico_of(intent.reserved_usd or 0.0)
        if until is None:
            until = asyncio.get_running_loop().time() + WAIT_S
        await self._holding.hold(intent.id, lines, pico, until)
        try:
            written = self._begin(intent, lines, journal=self._may_journal(intent))
            if written is not None:
                await asyncio.shield(written)  # what comes of it is told to the books, whoever leaves
        except asyncio.CancelledError:
            # The caller has left before sending anything, so nobody else would ever let go of the money.
            unsent = Settlement(id=intent.id, outcome="cancelled", total_s=0.0, cost_usd=0.0, cost_basis="none")
            with suppress(LedgerError):  # closing charges what is open
                self.settle(unsent)
            raise

    def shrink(self, attempt_id: str, bound_usd: float) -> None:
        """See `Ledger.shrink`."""
        self._holding.shrink(attempt_id, bound_usd)

    def left_usd(self, budgets: tuple[Budget, ...]) -> float | None:
        """See `Ledger.left_usd`."""
        return self._holding.left_usd(lines_of(budgets, time.time() // DAY_S)) if budgets else None

    def _may_journal(self, intent: Intent) -> bool:
        """Whether an intent is recorded in the journal.

        That of a run's next sample stands behind the answers that SQLite is being given, for nobody waits for those: a
        crash takes no more than what is in flight.
        """
        in_turn = intent.run_id is not None and self._writer.is_busy
        return intent.batch_id is None and not in_turn and self._journal.unfolded_bytes <= MAX_UNFOLDED_BYTES

    def _begin(self, intent: Intent, lines: Lines, *, journal: bool) -> asyncio.Future[None] | None:
        """Record an intent whose money is held; None = it is durable already. Where that fails the money is free."""
        intent = replace(intent, scopes=lines.scopes) if lines.scopes is not None else intent
        try:
            if not journal:
                return self._insert(intent, lines)
            self._journal.append(Entry(astuple(intent)))
        except LedgerError:
            self._holding.settle(intent.id, 0)
            raise
        self._running.add(intent.id)
        return self._syncing.synced() if self._syncing is not None else None

    def _insert(self, intent: Intent, lines: Lines) -> asyncio.Future[None]:
        """Record an intent in SQLite. What comes with a batch takes its money along, out of this session's leases."""
        leaves = intent.batch_id is not None
        pico = pico_of(intent.reserved_usd or 0.0)

        def operation(connection: sqlite3.Connection) -> None:
            if leaves:
                leases.lease(connection, self._session, {line: -pico for line, _ in lines.limits})
            begin_attempt(connection, intent, self._session)

        def told(done: asyncio.Future[None]) -> None:
            if done.cancelled():  # nobody waits; it is written all the same
                return
            if done.exception() is not None:
                self._holding.settle(intent.id, 0)
            elif leaves:
                self._holding.give_away(intent.id)

        written = self._writer.write(operation, small=True)
        written.add_done_callback(told)
        return written

    def record(self, intent: Intent, settlement: Settlement) -> asyncio.Future[None]:
        """See `Ledger.record`."""
        if intent.id != settlement.id:
            raise LedgerError(f"attempt {intent.id} cannot end with the settlement of {settlement.id}")
        if self._journal.unfolded_bytes <= MAX_UNFOLDED_BYTES:
            return self._entered(Entry(astuple(intent), astuple(settlement)), settlement)

        def operation(connection: sqlite3.Connection) -> None:
            begin_attempt(connection, intent, self._session)
            settle_attempt(connection, settlement)

        return self._send(operation)

    def settle(self, settlement: Settlement, reply: Reply | None = None) -> asyncio.Future[None]:
        """See `Ledger.settle`."""
        if reply is None and settlement.id in self._running:
            return self._entered(Entry(None, astuple(settlement)), settlement)
        self._running.discard(settlement.id)

        def operation(connection: sqlite3.Connection) -> None:
            settle_attempt(connection, settlement)
            if reply is not None:
                keep_reply(connection, reply, settlement.id)

        return self._send(operation, len(reply.response) if reply is not None else 0, settles=settlement)

    def close_request(self, row: RequestRow) -> asyncio.Future[None]:
        """See `Ledger.close_request`."""
        if self._journal.unfolded_bytes <= MAX_UNFOLDED_BYTES:
            return self._entered(Entry(request=astuple(row)))
        return self._send(lambda connection: add_request(connection, row, self._session))

    def finish(self, settlement: Settlement, row: RequestRow) -> asyncio.Future[None] | None:
        """See `Ledger.finish`."""
        if settlement.id in self._running:
            return self._enter(Entry(None, astuple(settlement), astuple(row)), settlement)
        ends = partial(end_request, settlement=settlement, row=row, session_id=self._session)
        return self._send(ends, settles=settlement)

    async def cached_reply(self, key: str) -> Replayed | None:
        """See `Ledger.cached_reply`."""
        if self._durability == "relaxed":  # answers are never in the journal
            await self._flush()
        found = self._lookups.find(key)
        if found is not None:
            await asyncio.sleep(0)  # who finds everything here would leave nobody else a turn
        return found

    async def clear_replies(self) -> int:
        """Delete the spine's cache; returns how many answers it held."""
        return await self._writer.write(lambda connection: connection.execute("delete from replies").rowcount)

    async def spent(self) -> Spent:
        """See `Ledger.spent`."""
        _, [(settled, held)] = await self._read(leases.SPENT, leases.spent_values(time.time()))
        return Spent(settled_usd=usd_of(settled), held_usd=usd_of(held))

    async def touch(self) -> None:
        """See `Ledger.touch`. The session's row is written anew: a disk that is full, or gone, is noticed."""
        await self._writer.write(
            lambda connection: connection.execute("update sessions set pid = pid where id = ?", (self._session,))
        )

    @property
    def waiting(self) -> int:
        """See `Ledger.waiting`."""
        return self._writer.waiting

    # ------------------------------------------------------------------------------ runs, decisions

    async def open_run(self, row: RunRow) -> None:
        """See `Ledger.open_run`."""
        await self._writer.write(_performing(_RUN, *astuple(row)))

    async def find_run(self, *, suite_digest: str, target: str, target_digest: str, seed: int) -> RunRow | None:
        """See `Ledger.find_run`."""
        found = await self.rows(
            RunRow,
            "select * from runs where suite_digest = ? and target = ? and target_digest = ? and seed = ? "
            "order by id desc limit 1",
            (suite_digest, target, target_digest, seed),
        )
        return found[0] if found else None

    async def runs(self, limit: int = 50, *, id_begins: str = "") -> list[RunRow]:
        """The newest runs, or the newest of those whose id begins so."""
        return await self.rows(
            RunRow,
            "select * from runs where substr(id, 1, length(?1)) = ?1 order by id desc limit ?2",
            (id_begins, limit),
        )

    async def run(self, run_id: str) -> RunRow | None:
        """The run with this id, or the newest whose id begins so."""
        found = await self.runs(1, id_begins=run_id)
        return found[0] if found else None

    def add_result(self, row: ResultRow) -> asyncio.Future[None]:
        """See `Ledger.add_result`."""
        size = len(row.scores) + len(row.answer or "")
        return self._send(_performing(_RESULT, *astuple(row)), size)

    async def close_run(self, run_id: str) -> None:
        """See `Ledger.close_run`."""
        await self._writer.write(
            lambda connection: connection.execute("update runs set finished_at = ? where id = ?", (time.time(), run_id))
        )

    async def results(self, run_id: str) -> list[ResultRow]:
        """See `Ledger.results`."""
        return await self.rows(ResultRow, "select * from results where run_id = ? order by sample_id", (run_id,))

    async def add_decision(self, row: DecisionRow) -> None:
        """See `Ledger.add_decision`."""
        await self._writer.write(_performing(_DECISION, *astuple(row)))

    async def decision(self, decision_id: str | None = None) -> DecisionRow | None:
        """The decision whose id begins so; default: the newest."""
        found = await self.rows(
            DecisionRow,
            "select * from decisions where substr(id, 1, length(?1)) = ?1 order by id desc limit 1",
            (decision_id or "",),
        )
        return found[0] if found else None

    async def attempts(
        self, *, limit: int = 50, request_id: str | None = None, outcome: str | None = None, kind: str | None = None,
        deployment: str | None = None, run_id: str | None = None, since: float | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """The newest attempts that match, newest first, as dictionaries of the columns."""
        wanted = {
            "request_id": request_id,
            "outcome": outcome,
            "kind": kind,
            "deployment": deployment,
            "run_id": run_id,
        }
        filters = {column: value for column, value in wanted.items() if value is not None}
        where = " and ".join([*(f"{column} = ?" for column in filters), "started_at >= ?"])
        statement = f"select * from attempts where {where} order by started_at desc, id desc limit ?"  # noqa: S608 - fixed names
        return await self._dicts(statement, (*filters.values(), since or 0.0, limit))

    # ------------------------------------------------------- for tables that have a module of their own

    def write(self, operation: Callable[[sqlite3.Connection], T], size_bytes: int = 256) -> asyncio.Future[T]:
        """See `Ledger.write`."""
        return self._writer.write(operation, size_bytes)

    async def rows(self, kind: type[R], statement: str, values: Sequence[object] = ()) -> list[R]:
        """See `Ledger.rows`. Columns that the kind has no field for are left out."""
        found = await self._dicts(statement, values)
        names = kind.__struct_fields__
        return [_as_row(kind, {name: row[name] for name in names if name in row}) for row in found]

    # -------------------------------------------------------------------------------------- plumbing

    def _enter(self, entry: Entry, settlement: Settlement | None = None) -> asyncio.Future[None] | None:
        """Journal an entry, and its settlement to the books; None = it is as durable as it shall be.

        Raises:
            LedgerError: it cannot be written.
        """
        pico = pico_of(settlement.cost_usd or 0.0) if settlement is not None else 0
        self._journal.append(entry, now=self._durability != "relaxed")
        if settlement is not None:
            self._running.discard(settlement.id)
            self._holding.settle(settlement.id, pico)
        return self._syncing.synced() if self._syncing is not None else None

    def _entered(self, entry: Entry, settlement: Settlement | None = None) -> asyncio.Future[None]:
        """As `_enter`, but a write that fails is told by the future, as those of SQLite are."""
        if self._closed:
            raise LedgerError("the ledger is closed")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            written = self._enter(entry, settlement)
        except LedgerError as error:
            done.set_exception(error)
            return done
        if written is not None:
            return written
        done.set_result(None)
        return done

    def _perform(self, operation: Callable[[sqlite3.Connection], T], *, small: bool = True) -> asyncio.Future[T]:
        """Perform an operation, by default on some rows alone, with all that was recorded before."""
        return self._writer.write(operation, small=small)

    def _send(
        self,
        operation: Callable[[sqlite3.Connection], Any],
        size_bytes: int = 0,
        settles: Settlement | None = None,
    ) -> asyncio.Future[None]:
        """Hand a write over, which may be the end of an attempt. Relaxed callers get a future that is done at once."""

        def committed() -> None:
            if settles is not None:
                self._holding.settle(settles.id, pico_of(settles.cost_usd or 0.0))

        def told(written: Future[None]) -> None:
            _report(written)
            if written.exception() is None:
                committed()

        if self._durability != "relaxed":
            return self._writer.write(operation, 256 + size_bytes, small=True, committed=committed)
        self._writer.submit(operation, 256 + size_bytes, urgent=False).add_done_callback(told)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def _flush(self) -> None:
        """Let reading see what has been written: that may be in the journal alone, or still wait if it is relaxed."""
        if self._durability == "relaxed" or self._journal.unfolded_bytes:
            await self._writer.write(lambda connection: None, small=True)

    async def _read(self, statement: str, values: Sequence[object]) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of what a query finds, and that."""
        await self._flush()

        def read() -> tuple[list[str], list[tuple[Any, ...]]]:
            with self._reading:
                try:
                    cursor = self._reader.execute(statement, values)
                    return [column[0] for column in cursor.description], cursor.fetchall()
                except sqlite3.Error as error:
                    raise LedgerError(f"cannot read the ledger {self.path}: {error}") from error

        return await asyncio.to_thread(read)

    async def _dicts(self, statement: str, values: Sequence[object]) -> list[dict[str, Any]]:
        names, found = await self._read(statement, values)
        return [dict(zip(names, row, strict=True)) for row in found]

    async def close(self) -> None:
        """See `Ledger.close`."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """As `close`, for callers without a loop. Closing twice does nothing."""
        with self._reading:
            if self._closed:
                return
            self._closed = True
        if self._syncing is not None:
            self._syncing.close()
        self._holding.close()
        self._journal.end()
        ended = self._writer.submit(lambda connection: session.close_session(connection, self._session))
        self._writer.close()
        self._journal.close()
        with self._reading:
            self._reader.close()
        self._looker.close()
        ended.result()


def _held_already(intent: Intent) -> LedgerError:
    return LedgerError(f"attempt {intent.id} is open already; it can be held once")


def _report(written: Future[None]) -> None:
    """A relaxed write has no one who awaits it; that it failed must be seen somewhere."""
    error = written.exception()
    if error is not None:
        logging.getLogger("assay.ledger").error("%s", error)


def _performing(statement: str, *values: object) -> Callable[[sqlite3.Connection], None]:
    """The operation that performs one statement."""

    def operation(connection: sqlite3.Connection) -> None:
        connection.execute(statement, values)

    return operation


def _as_row(kind: type[R], values: dict[str, Any]) -> R:
    """SQLite keeps truth values as 0 and 1."""
    return msgspec.convert(values, kind, strict=False)


__all__ = ["Ledger", "SqliteLedger", "new_id"]
