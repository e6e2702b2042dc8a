"""One attempt: the guard, the reservation, what is settled and at which price."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from upstreams import PRIVATE, ask, held_usd, rows, settled, strangers

from assay.config.schema import Constraints
from assay.errors import BadRequest, BudgetExceeded, ConnectionFailed, MalformedReply, PrivacyViolation, RequestError
from assay.inference.allowance import Allowance
from assay.inference.attempt import Attempt
from assay.inference.deployment import LiveDeployment
from assay.inference.place import Place
from assay.inference.spine import Spine
from assay.inference.trace import Trace
from assay.ledger.store import SqliteLedger
from assay.providers.provider import Attempted, Meter
from assay.types import (
    Begin,
    Embedded,
    Event,
    Failed,
    Finish,
    Finished,
    Label,
    Raw,
    Request,
    TextDelta,
    Usage,
    UsageReport,
)

MakeSpine = Callable[..., Spine]
DONE = Finished(finish=Finish(kind="stop"))
PRICED = "price_usd_per_mtok = { input = 1.0, output = 2.0 }"


class Stub:
    """A provider that plays what a test gives it."""

    def __init__(self, *events: Event | Exception, sent: int = 10, wait_s: float = 0.0) -> None:
        self.events = events
        self.sent = sent
        self.wait_s = wait_s
        self.calls = 0
        self.closed = 0

    async def stream(self, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        """The events; an exception among them is raised."""
        self.calls += 1
        meter.sent_bytes = self.sent
        try:
            await asyncio.sleep(self.wait_s)
            for event in self.events:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            meter.received_bytes = 77
            self.closed += 1

    async def identity(self, *, fresh: bool = False) -> dict[str, str]:
        """Nothing to prove."""
        return {}

    async def close(self) -> None:
        """Nothing is open."""


Make = Callable[..., Attempt]


@pytest.fixture
def attempt(make_spine: MakeSpine, ledger: SqliteLedger) -> Make:
    """Makes an attempt at a deployment whose provider is a stub."""

    def make(
        stub: Stub,
        more: str = PRICED,
        label: Label = Label.UNLABELLED,
        constraints: Constraints = Constraints(),  # noqa: B008 - immutable
        deadline_s: float | None = None,
        request: Request | None = None,
        **place: Any,
    ) -> Attempt:
        spine = make_spine(
            f'[deployments.d]\nmodel = "x/d"\ndialect = "openai"\nbase_url = "http://127.0.0.1:1"\n{more}\n'
        )
        live = spine.targets["d"]
        assert isinstance(live, LiveDeployment)
        live.provider = stub
        deadline = None if deadline_s is None else asyncio.get_running_loop().time() + deadline_s
        standing = {
            "trace": Trace(), "path": "0", "route": "d", "use_cache": False, "seed": 1, "untouched": True,
            "budgets": Allowance(constraints).everything,
        }  # fmt: skip
        return Attempt(
            ledger, constraints, live, request or ask(), Place(label=label, deadline=deadline, **{**standing, **place})
        )

    return make


async def run(attempt: Attempt) -> list[Event]:
    """All its events, when its rows are written."""
    events = [event async for event in attempt.events()]
    await asyncio.gather(*attempt._place.trace.pending)
    return events


class TestGuard:
    """The last look, at the moment of sending."""

    @pytest.mark.parametrize("label", [PRIVATE, "private-only", "secret", None])
    async def test_fails_closed(self, attempt: Make, ledger: SqliteLedger, label: Any) -> None:
        """Private data, and data whose label nobody knows, is not sent, not recorded as sent, and held for nothing."""
        stub = Stub(DONE)
        with pytest.raises(PrivacyViolation):
            await run(attempt(stub, label=label))
        assert stub.calls == 0
        assert not rows(ledger.path)


class TestSettlement:
    """What each ending leaves in the ledger."""

    @pytest.mark.parametrize(
        ("events", "sent", "outcome", "basis"),
        [
            ((TextDelta(text="x"), DONE, UsageReport(usage=Usage(input=3, output=1))), 10, "ok", "measured"),
            ((TextDelta(text="x"), DONE), 10, "ok", "bound"),
            ((TextDelta(text="x"), DONE, UsageReport(usage=Usage(output=1))), 10, "ok", "bound"),
            ((TextDelta(text="x"), DONE, UsageReport(usage=Usage(input=-3, output=1))), 10, "ok", "bound"),
            ((TextDelta(text="x"), DONE, UsageReport(usage=Usage(input=10**9, output=1))), 10, "ok", "bound"),
            ((TextDelta(text="x"), ConnectionFailed("cut")), 10, "error", "bound"),
            (
                (TextDelta(text="x"), UsageReport(usage=Usage(output=1)), ConnectionFailed("cut")),
                10,
                "error",
                "bound",
            ),
            ((ConnectionFailed("refused"),), 0, "error", "none"),
            ((BadRequest("no", status=400),), 10, "error", "none"),
            ((Failed(error="Overloaded", message="busy"),), 10, "error", "bound"),
            ((Begin(id="x"),), 10, "error", "bound"),
            ((), 10, "error", "bound"),
            ((RequestError("cannot say that", field="tools"),), 0, "error", "none"),
        ],
    )
    async def test_cost(
        self,
        attempt: Make,
        ledger: SqliteLedger,
        events: tuple[Event | Exception, ...],
        sent: int,
        outcome: str,
        basis: str,
    ) -> None:
        """Measured from a usage that can be true, the bound for what was sent and not answered, none for the rest."""
        one = attempt(Stub(*events, sent=sent))
        if outcome == "ok":
            await run(one)
        else:
            with pytest.raises(Exception):  # noqa: B017 - the row tells which
                await run(one)
        [row] = rows(ledger.path)
        assert (row["outcome"], row["cost_basis"]) == (outcome, basis)
        expected = {"bound": row["reserved_usd"], "none": 0.0, "measured": 5e-6}[basis]
        assert row["cost_usd"] == pytest.approx(expected)
        assert row["cost_usd"] <= row["reserved_usd"]
        assert held_usd(ledger.path) == 0
        assert (one.record.cost_usd, one.record.cost_basis) == (row["cost_usd"], basis)

    async def test_a_cut_answer_whose_input_was_told_costs_that_and_a_full_answer(
        self, attempt: Make, ledger: SqliteLedger
    ) -> None:
        """Nobody knows how much of the answer was written; the input is known, and so the bound is nearer."""
        told = UsageReport(usage=Usage(input=3, output=1))
        with pytest.raises(ConnectionFailed):
            await run(attempt(Stub(TextDelta(text="x"), told, ConnectionFailed("cut"))))
        [row] = rows(ledger.path)
        assert row["cost_basis"] == "bound"
        assert 0 < row["cost_usd"] < row["reserved_usd"]

    async def test_what_was_whole_before_the_cut_costs_what_the_host_says(
        self, attempt: Make, ledger: SqliteLedger
    ) -> None:
        """The report after an answer's last word is the whole, whatever becomes of the connection."""
        told = UsageReport(usage=Usage(input=3, output=1))
        with pytest.raises(ConnectionFailed):
            await run(attempt(Stub(TextDelta(text="x"), DONE, told, ConnectionFailed("cut"))))
        [row] = rows(ledger.path)
        assert (row["outcome"], row["cost_basis"]) == ("error", "measured")
        assert row["cost_usd"] == pytest.approx(5e-6)

    async def test_unknown_price(self, attempt: Make, ledger: SqliteLedger) -> None:
        """Nothing known is NULL, whether answered or cut."""
        await run(attempt(Stub(TextDelta(text="x"), DONE), more=""))
        with pytest.raises(ConnectionFailed):
            await run(attempt(Stub(ConnectionFailed("cut")), more=""))
        assert [(row["cost_usd"], row["cost_basis"]) for row in rows(ledger.path)] == [(None, "unknown")] * 2

    async def test_finish_waits_for_the_settlement(self, attempt: Make, ledger: SqliteLedger) -> None:
        """Text goes on at once; the finish and what follows it only when the row says `ok`."""
        outcomes = {}
        stub = Stub(TextDelta(text="x"), DONE, UsageReport(usage=Usage(input=1, output=1)))
        async for event in attempt(stub, request=ask(stream=True)).events():
            outcomes[type(event)] = rows(ledger.path)[0]["outcome"]
        assert outcomes == {TextDelta: "running", Finished: "ok", UsageReport: "ok"}

    async def test_a_sign_of_life_goes_on(self, attempt: Make) -> None:
        """Raw bytes of which nothing is decoded are handed on with the next ones, long before the answer's end."""
        ping, text = Raw(data=b": ping\n\n"), Raw(data=b"data: x\n\n")
        one = attempt(Stub(ping, text, TextDelta(text="x"), DONE))
        assert [event async for event in one.events()] == [ping, text, TextDelta(text="x"), DONE]
        two = attempt(Stub(ping, text, ConnectionFailed("cut")))
        seen: list[Event] = []
        with pytest.raises(ConnectionFailed):  # noqa: PT012 - what came before the error counts
            async for event in two.events():
                seen.append(event)
        assert seen == [ping]

    async def test_a_stream_that_breaks_after_its_finish_never_showed_it(self, attempt: Make) -> None:
        """A finish that is followed by an error does not reach the client."""
        seen: list[Event] = []
        with pytest.raises(MalformedReply):  # noqa: PT012 - what came before the error counts
            async for event in attempt(Stub(TextDelta(text="x"), DONE, MalformedReply("no end mark"))).events():
                seen.append(event)
        assert seen == [TextDelta(text="x")]

    async def test_a_bug_is_settled_and_raised_as_it_is(self, attempt: Make, ledger: SqliteLedger) -> None:
        """An unexpected exception of a provider is recorded as a ProviderFault that names it."""
        with pytest.raises(ZeroDivisionError):
            await run(attempt(Stub(ZeroDivisionError("oops"))))
        [row] = rows(ledger.path)
        assert (row["error"], row["message"], row["outcome"]) == ("ProviderFault", "ZeroDivisionError: oops", "error")

    async def test_error_names_its_deployment(self, attempt: Make) -> None:
        """The message of a provider's error begins with the deployment."""
        with pytest.raises(ConnectionFailed, match=r"^d: cut"):
            await run(attempt(Stub(ConnectionFailed("cut"))))


class TestReservation:
    """Money is held before, and let go after."""

    async def test_held_while_it_runs(self, attempt: Make, ledger: SqliteLedger) -> None:
        """The bound is durable before the provider is called and is gone when the attempt is settled."""
        during: list[tuple[float, str]] = []

        class Looking(Stub):
            async def stream(self, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
                during.append((held_usd(ledger.path), rows(ledger.path)[0]["outcome"]))
                async for event in super().stream(attempt, meter):
                    yield event

        await run(attempt(Looking(TextDelta(text="x"), DONE)))
        [(held, outcome)] = during
        assert outcome == "running"
        assert held == rows(ledger.path)[0]["reserved_usd"] > 0
        assert held_usd(ledger.path) == 0

    async def test_bound_covers_every_answer_asked_for(self, attempt: Make, ledger: SqliteLedger) -> None:
        """Several choices multiply the answer's part of the bound."""
        from assay.types import Sampling

        for n in (None, 3):
            stub = Stub(TextDelta(text="x"), DONE)
            await run(attempt(stub, request=ask(sampling=Sampling(max_tokens=100_000, n=n))))
        one, three = (row["reserved_usd"] for row in rows(ledger.path))
        assert math.isclose(three / one, 3, rel_tol=0.01)

    async def test_refused_reservation_sends_nothing(self, attempt: Make, ledger: SqliteLedger) -> None:
        """Beyond the budget there is no row, no call and no held money."""
        stub = Stub(DONE)
        with pytest.raises(BudgetExceeded):
            await run(attempt(stub, constraints=Constraints(usd_per_month=1e-6)))
        assert stub.calls == 0
        assert not rows(ledger.path)
        assert held_usd(ledger.path) == 0

    async def test_cancelled_while_the_reservation_is_written(
        self, attempt: Make, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A wait that is cancelled takes the hold with it: settled as cancelled, nothing sent, nothing held."""
        monkeypatch.setattr("assay.ledger.store.MAX_UNFOLDED_BYTES", -1)  # the journal is full: it waits for SQLite
        before = asyncio.all_tasks()
        stub = Stub(DONE)
        one = attempt(stub)
        task = asyncio.create_task(run(one))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stub.calls == 0
        [row] = await settled(ledger.path, 1)
        assert (row["outcome"], row["cost_basis"], row["cost_usd"]) == ("cancelled", "none", 0)
        assert not row["sent_bytes"]
        assert held_usd(ledger.path) == 0
        assert one.record.cancelled
        await asyncio.sleep(0.01)
        assert not strangers(before)

    async def test_cancelled_while_a_refused_reservation_is_written(
        self, attempt: Make, ledger: SqliteLedger, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Where the reservation would have been refused there is nothing to settle, and nobody hears of it."""
        one = attempt(Stub(DONE), constraints=Constraints(usd_per_month=1e-6))
        task = asyncio.create_task(run(one))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.05)
        assert not rows(ledger.path)
        assert held_usd(ledger.path) == 0
        del one
        assert not caplog.records

    async def test_cancelled_at_any_turn(self, attempt: Make, ledger: SqliteLedger) -> None:
        """Whenever an attempt is cancelled it ends settled, the provider closed, the gate free and nothing held."""
        for turns in range(0, 60, 2):
            stub = Stub(TextDelta(text="x"), DONE, wait_s=0.001)
            one = attempt(stub, more=PRICED + "\nconcurrency = 1")
            task = asyncio.create_task(run(one))
            for _ in range(turns):
                await asyncio.sleep(0.0001)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert stub.calls == stub.closed
            await settled(ledger.path)
            assert held_usd(ledger.path) == pytest.approx(0, abs=1e-12)
            assert not one._live.gate.locked()

    async def test_deadline_in_the_past_sends_nothing(self, attempt: Make, ledger: SqliteLedger) -> None:
        """An attempt whose deadline has passed is not begun."""
        stub = Stub(DONE)
        with pytest.raises(Exception, match="before anything was sent"):
            await run(attempt(stub, deadline_s=-1.0))
        assert stub.calls == 0

    async def test_gate_is_free_after_every_ending(self, attempt: Make) -> None:
        """Answers, errors, refused reservations and early closing all give the place back."""
        for events, constraints in (
            ((TextDelta(text="x"), DONE), Constraints()),
            ((ConnectionFailed("cut"),), Constraints()),
            ((DONE,), Constraints(usd_per_month=1e-9)),
        ):
            one = attempt(Stub(*events), more=PRICED + "\nconcurrency = 1", constraints=constraints)
            await asyncio.gather(run(one), return_exceptions=True)
            assert not one._live.gate.locked()
        one = attempt(Stub(TextDelta(text="x"), DONE), more=PRICED + "\nconcurrency = 1")
        stream = one.events()
        await anext(stream)
        assert one._live.gate.locked()
        await stream.aclose()
        assert not one._live.gate.locked()


class TestForms:
    """Counting and embedding go the same way as answers, with money of their own."""

    @pytest.mark.parametrize(
        ("request_", "events", "usd", "basis"),
        [
            (Request(form="count"), (UsageReport(usage=Usage(input=7)),), 0.0, "none"),
            (
                Request(form="embedding", inputs=("a",)),
                (Embedded(index=0, vector=(0.5,)), UsageReport(usage=Usage(input=7))),
                7e-6,
                "measured",
            ),
        ],
        ids=["count", "embedding"],
    )
    async def test_cost(
        self,
        attempt: Make,
        ledger: SqliteLedger,
        request_: Request,
        events: tuple[Event, ...],
        usd: float,
        basis: str,
    ) -> None:
        """Counting is free; an embedding is paid by its input alone, and neither needs a limit of tokens."""
        budget = Constraints(usd_per_month=1.0)
        await run(attempt(Stub(*events), request=request_, constraints=budget))
        (row,) = await settled(ledger.path, 1)
        assert (row["outcome"], row["cost_usd"], row["cost_basis"]) == ("ok", pytest.approx(usd), basis)
        assert row["form"] == request_.form

    async def test_a_chat_has_no_form_on_record(self, attempt: Make, ledger: SqliteLedger) -> None:
        """It is what most are."""
        await run(attempt(Stub(TextDelta(text="x"), DONE)))
        (row,) = await settled(ledger.path, 1)
        assert row["form"] is None

    @pytest.mark.parametrize("form", ["count", "embedding"])
    async def test_what_was_asked_for_is_missing(self, attempt: Make, form: Any) -> None:
        """A text in place of a number or a vector is no answer."""
        with pytest.raises(MalformedReply, match="lacks what was asked for"):
            await run(attempt(Stub(TextDelta(text="x"), DONE), request=Request(form=form, inputs=("a",))))


class TestShrinking:
    """What is held gets less as soon as the host has told the input."""

    async def test_the_hold_shrinks_when_the_input_is_told(self, attempt: Make, ledger: SqliteLedger) -> None:
        """Some tell it before the answer begins: the rest of the hold is free for others from then on."""
        shrunk: list[tuple[str, float]] = []
        ledger.shrink = lambda id_, usd: shrunk.append((id_, usd))  # type: ignore[method-assign]
        early = UsageReport(usage=Usage(input=3, output=0))
        one = attempt(Stub(early, early, TextDelta(text="x"), DONE, UsageReport(usage=Usage(input=3, output=1))))
        await run(one)
        [row] = rows(ledger.path)
        assert [id_ for id_, _ in shrunk] == [one.record.id]
        assert row["cost_usd"] <= shrunk[0][1] < row["reserved_usd"]

    async def test_what_was_let_go_of_is_not_charged(self, attempt: Make, ledger: SqliteLedger) -> None:
        """A host that tells more input in the end than in the beginning is charged at what was still held."""
        early, late = UsageReport(usage=Usage(input=3, output=0)), UsageReport(usage=Usage(input=90, output=100))
        one = attempt(Stub(early, TextDelta(text="x"), DONE, late))
        await run(one)
        [row] = rows(ledger.path)
        assert (row["cost_basis"], row["cost_usd"]) == ("bound", pytest.approx(one._bound.usd))
        assert row["cost_usd"] < row["reserved_usd"]
