"""What happened to one request: each attempt, who answered, and what it cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

import msgspec
from msgspec import field

from assay.errors import AssayError, LedgerError
from assay.ledger.rows import CostBasis, Replayed, Settlement, new_id
from assay.ledger.transaction import need_not_tell
from assay.privacy.label import at_least
from assay.providers.provider import Exchange
from assay.routing.protocol import Deal
from assay.types import Event, Label, Response


class Record(msgspec.Struct, kw_only=True):
    """One attempt at one deployment, filled in while it goes on.

    Attributes:
        path: place inside the request (`0`, `1`, `1.0` for the first attempt of a nested route).
        label: effective privacy label, which a nested route may have raised.
        model: of the deployment, in the catalogue's name.
        why: the reason for calling it, in a few words.
        continues: the attempt that broke off, whose answer this one went on with.
        so_far, had: of an answer that broke off: what the client had of it, folded and as events.
        leading: white space that a text began with and the client was not given.
        total_s, first_event_s: seconds from the start of the attempt.
        engine_s: CPU or GPU seconds of a local engine.
        load_s: seconds that it waited until a local engine had started; None = it was running.
        emulated: features that its upstream was not told as the client said them.
        exchange: what went over the wire, where the trace wants it.
        replayed: of an answer from the cache: what the call that made it cost.
        looked_up: it was looked for in the cache of its route.
    """

    id: str
    path: str
    deployment: str
    label: Label = Label.PUBLIC
    model: str = ""
    why: str = ""
    continues: Record | None = None
    so_far: Response | None = None
    had: tuple[Event, ...] = ()
    leading: str = ""
    response: Response | None = None
    error: AssayError | None = None
    cancelled: bool = False
    cached: bool = False
    replayed: Replayed | None = None
    looked_up: bool = False
    passed_through: bool = False
    first_event_s: float | None = None
    total_s: float | None = None
    cost_usd: float | None = None
    cost_basis: CostBasis = "none"
    engine_s: float | None = None
    load_s: float | None = None
    emulated: tuple[str, ...] = ()
    exchange: Exchange | None = None

    @property
    def outcome(self) -> str:
        """In a word or two; an answer that is still on its way is `answering`."""
        if self.error is not None:
            status = getattr(self.error, "status", None)
            if getattr(self.error, "resting", False):
                return f"{type(self.error).__name__} (left alone)"
            return f"{type(self.error).__name__} ({status})" if status is not None else type(self.error).__name__
        if self.cancelled:
            return "cancelled"
        return "answering" if self.response is None else "cached" if self.cached else "ok"


class Dealt(msgspec.Struct, kw_only=True):
    """The arm that a split dealt to a request; `left`: it gave no answer, and another arm was tried."""

    route: str
    deal: Deal
    left: bool = False


class Trace(msgspec.Struct, kw_only=True):
    """One request on its way through the spine.

    Attributes:
        answering: the attempt whose answer the client gets; set before its first event is handed on.
        target: the route or deployment that was called.
        attempts: how many were made, each of which has a row of its own. What was tried and refused before that, by a
            budget, say, is none: nothing was sent, and nobody is owed anything.
        retries: failed calls that have been repeated so far.
        keep_exchanges: keep what goes over the wire, for a person who wants to see it.
        removed: `(candidate, reason)` of what the hard constraints took out, over all nested routes.
        pending: writes on their way to the ledger; awaited before the request counts as complete.
        deals: by splits on the way, the outermost route's first.
        refused: why guards gave a refusal in the place of an answer; None = they did not.
        guarded: what guards said, in order: `before secrets=revise`, `after safety=allow`.
        unsettled: of the attempt that answered, where it is written together with the request.
        on_wait: told each time that the request is about to wait for a host, or for a place at one.
    """

    request_id: str = field(default_factory=new_id)
    run_id: str | None = None
    sample_id: str | None = None
    keep_exchanges: bool = False
    target: str = ""
    attempts: int = 0
    retries: int = 0
    started_at: float = field(default_factory=time.time)
    started: float = field(default_factory=time.monotonic)
    total_s: float | None = None
    records: list[Record] = field(default_factory=list)
    answering: Record | None = None
    removed: list[tuple[str, str]] = field(default_factory=list)
    pending: list[asyncio.Future[Any]] = field(default_factory=list)
    deals: list[Dealt] = field(default_factory=list)
    refused: str | None = None
    guarded: list[str] = field(default_factory=list)
    unsettled: Settlement | None = None
    on_wait: Callable[[], None] | None = None

    def dealt(self, route: str, deal: Deal) -> None:
        """Note what a split dealt. The first arm is the request's, whoever answers in the end."""
        before = next((one for one in self.deals if one.route == route), None)
        if before is None:
            self.deals.append(Dealt(route=route, deal=deal))
        else:
            before.left = True

    async def on_record(self) -> None:
        """Wait until what is on its way to the ledger is durable.

        Raises:
            LedgerError: some of it cannot be written; that is told once, however much of it.
        """
        try:
            for written in self.pending:
                await written
        except LedgerError:
            for written in self.pending:
                need_not_tell(written)
            raise

    def below(self, path: str) -> list[Record]:
        """The attempts of the route at a path and of those inside it; all where it is empty."""
        return [one for one in self.records if not path or one.path.startswith(f"{path}.")]

    def strictest(self, label: Label, path: str = "") -> Label:
        """The label of a request and of what was answered: what a route inside called private is private outside."""
        return reduce(at_least, (one.label for one in self.below(path)), label)

    def waits(self) -> None:
        """Tell whoever wants to know that the request is about to wait."""
        if self.on_wait is not None:
            self.on_wait()

    def sums(self) -> tuple[float | None, CostBasis, bool, float | None]:
        """`cost`, `cached` and `engine_s`, in one go."""
        records = self.records
        if len(records) == 1:  # as mostly
            (one,) = records
            usd = None if one.cost_basis == "unknown" else one.cost_usd or 0.0
            return usd, one.cost_basis, one.cached, one.engine_s
        usd, basis = total_cost((one.cost_usd, one.cost_basis) for one in records)
        cached = bool(records) and all(one.cached for one in records)
        return usd, basis, cached, _sum(one.engine_s for one in records)

    @property
    def cached(self) -> bool:
        """Whether no model was called: every attempt was answered from the cache."""
        return self.sums()[2]

    @property
    def batched(self) -> bool:
        """Whether an answer came with a batch, now or when it was made."""
        return any(record.replayed is not None and record.replayed.batched for record in self.records)

    @property
    def tried(self) -> str:
        """Each candidate with what came of it, in order: `small=BudgetExceeded, frontier=ok`; some made no attempt."""
        tried = ""
        for record in self.records:
            tried += f", {record.deployment}={record.outcome}" if tried else f"{record.deployment}={record.outcome}"
        return tried

    @property
    def warm_s(self) -> float | None:
        """`total_s` without the wait of the answering attempt for a local engine to start: that is paid once."""
        if self.total_s is None or self.answering is None:
            return self.total_s
        return self.total_s - (self.answering.load_s or 0.0)

    @property
    def cost(self) -> tuple[float | None, CostBasis]:
        """The sum over all attempts; unknown as soon as one is."""
        return self.sums()[:2]

    @property
    def worth(self) -> tuple[float | None, CostBasis]:
        """As `cost`, but an answer from the cache counts what it cost when it was made."""
        return total_cost(
            (record.replayed.cost_usd, record.replayed.cost_basis)
            if record.replayed is not None
            else (record.cost_usd, record.cost_basis)
            for record in self.records
        )

    @property
    def engine_s(self) -> float | None:
        """Engine seconds of all attempts; None when no local engine was used."""
        return self.sums()[3]

    @property
    def engine_worth_s(self) -> float | None:
        """As `engine_s`, but an answer from the cache counts what it took when it was made."""
        return _sum(record.replayed.engine_s if record.replayed else record.engine_s for record in self.records)


def _sum(seconds: Iterable[float | None]) -> float | None:
    known = [value for value in seconds if value is not None]
    return sum(known) if known else None


_WEAKEST_FIRST: tuple[CostBasis, ...] = ("unknown", "held", "bound", "measured", "none")


def total_cost(costs: Iterable[tuple[float | None, CostBasis]]) -> tuple[float | None, CostBasis]:
    """The sum of costs and the weakest basis among them: unknown, then held, then bound, then measured."""
    total, weakest = 0.0, len(_WEAKEST_FIRST) - 1
    for usd, basis in costs:
        weakest = min(weakest, _WEAKEST_FIRST.index(basis))
        total += usd or 0.0
    basis = _WEAKEST_FIRST[weakest]
    return (None if basis == "unknown" else total), basis
