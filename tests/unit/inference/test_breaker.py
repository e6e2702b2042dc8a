"""The circuit breaker, with times told; and what it does to the calls of a deployment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upstreams import ask, rows, whole

from assay.config.schema import Breaker as Limits
from assay.errors import (
    AssayError,
    AuthFailed,
    BadRequest,
    BudgetExceeded,
    ConnectionFailed,
    ContentFiltered,
    EngineCrashed,
    MalformedReply,
    NoMemory,
    Overloaded,
    ProviderFault,
    RateLimited,
    RequestError,
    Timeout,
)
from assay.inference.breaker import LEAVE, LONGEST_PAUSE_S, WELL, Breaker, Pass, speaks_of_host
from assay.inference.spine import Spine
from assay.inference.trace import Trace
from assay.ledger.store import SqliteLedger
from faults import Answer, FaultyHost, busy

MakeSpine = Callable[..., Spine]
DOWN = ConnectionFailed("refused")


def late(*, ours: bool) -> Timeout:
    """A timeout, by our deadline or by a limit on the host."""
    error = Timeout("too late")
    error.of_deadline = ours
    return error


def lasting(error: AssayError) -> AssayError:
    """An error that would come again."""
    error.retryable = False  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (ConnectionFailed("x"), True),
        (Overloaded("x", status=529), True),
        (ProviderFault("x", status=500), True),
        (MalformedReply("cut"), True),
        (EngineCrashed("x"), True),
        (RateLimited("x", status=429), True),
        (late(ours=False), True),
        (late(ours=True), False),
        (lasting(MalformedReply("too large")), False),
        (BadRequest("x", status=400), False),
        (AuthFailed("x", status=401), False),
        (ContentFiltered("x"), False),
        (NoMemory("x"), False),
        (RequestError("x"), False),
        (BudgetExceeded("x", need_usd=1, spent_usd=1, held_usd=0, limit_usd=1), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_faults_of_the_host_count(error: AssayError, counts: bool) -> None:
    """Never a client's mistake, our own deadline or what would come again anywhere."""
    assert speaks_of_host(error) is counts


class TestStates:
    """Closed, open, half-open."""

    def opened(self) -> Breaker:
        """A breaker that opened at 10.0."""
        breaker = Breaker(Limits(failures=3, window_s=30, open_s=20))
        for _ in range(3):
            leave = breaker.ask(10.0)
            assert leave == Pass(probe=False)
            breaker.failed(leave, DOWN, 10.0)
        return breaker

    def test_opens_after_so_many_faults_in_a_row(self) -> None:
        """No call gets leave until the time is over; health says why and for how long."""
        breaker = self.opened()
        assert breaker.ask(29.9) is None
        assert breaker.health(15.0) == ("open", 3, "ConnectionFailed", 15.0)
        rest = breaker.rest(15.0)
        assert isinstance(rest, Overloaded)
        assert (rest.retry_after_s, rest.retryable, rest.resting) == (15.0, False, True)

    def test_a_success_ends_the_row(self) -> None:
        """A host that fails every other time stays in use."""
        breaker = Breaker(Limits(failures=2))
        for now in range(10):
            breaker.failed(Pass(probe=False), DOWN, now)
            breaker.succeeded()
            assert breaker.health(now).state == "closed"

    def test_old_faults_do_not_count(self) -> None:
        """Faults further apart than the window never open it."""
        breaker = Breaker(Limits(failures=2, window_s=30))
        for now in (0.0, 31.0, 62.0):
            breaker.failed(Pass(probe=False), DOWN, now)
            assert breaker.rest(now) is None

    def test_half_open_lets_one_call_try(self) -> None:
        """Others are told to come back in a moment; a success closes it for all."""
        breaker = self.opened()
        assert breaker.health(30.1).state == "half-open"
        assert breaker.ask(30.1) == Pass(probe=True)
        assert breaker.ask(30.2) is None
        rest = breaker.rest(30.2)
        assert rest is not None
        assert rest.retry_after_s == 1.0
        breaker.succeeded()
        assert breaker.health(30.3) == ("closed", 0, "", None)
        assert breaker.ask(30.3) == Pass(probe=False)

    def test_a_failed_probe_opens_it_again(self) -> None:
        """For the whole time, also when the old faults have left the window."""
        breaker = self.opened()
        leave = breaker.ask(100.0)
        assert leave is not None
        breaker.failed(leave, DOWN, 101.0)
        breaker.left(leave)
        assert breaker.ask(120.9) is None
        assert breaker.ask(121.1) == Pass(probe=True)

    def test_a_probe_that_says_nothing_leaves_its_place(self) -> None:
        """A cancelled probe neither opens nor closes; the next call tries."""
        breaker = self.opened()
        leave = breaker.ask(31.0)
        assert leave is not None
        breaker.left(leave)
        assert breaker.ask(31.0) == Pass(probe=True)

    def test_a_host_that_answers_with_400_is_well(self) -> None:
        """The probe of a wrong request closes it: somebody is there."""
        breaker = self.opened()
        leave = breaker.ask(31.0)
        assert leave is not None
        breaker.failed(leave, BadRequest("no", status=400), 31.0)
        assert breaker.health(31.0).state == "closed"

    def test_a_call_from_before_does_not_prolong_it(self) -> None:
        """Faults of calls that were under way when it opened change nothing; their success closes it."""
        breaker = self.opened()
        breaker.failed(Pass(probe=False), DOWN, 25.0)
        assert breaker.health(29.0).retry_after_s == 1.0
        breaker.succeeded()
        assert breaker.ask(25.0) == Pass(probe=False)

    @pytest.mark.parametrize("error", [RateLimited("x", retry_after_s=7.0), Overloaded("x", retry_after_s=7.0)])
    def test_a_pause_that_was_asked_for_is_given(self, error: AssayError) -> None:
        """One 429 is enough; after the pause it is closed at once. The error may be waited for."""
        breaker = Breaker(Limits())
        breaker.failed(Pass(probe=False), error, 100.0)
        rest = breaker.rest(103.0)
        assert isinstance(rest, RateLimited)
        assert (rest.retry_after_s, rest.retryable) == (4.0, True)
        assert breaker.ask(103.0) is None
        assert breaker.ask(107.0) == Pass(probe=False)

    def test_a_very_long_pause_is_tried_earlier(self) -> None:
        """An absurd wish does not take a deployment out for a day."""
        breaker = Breaker(Limits())
        breaker.failed(Pass(probe=False), RateLimited("x", retry_after_s=86400.0), 0.0)
        assert breaker.health(0.0).retry_after_s == LONGEST_PAUSE_S

    @given(st.lists(st.tuples(st.sampled_from(["ask", "ok", "fault", "pause", "left", "look"]), st.floats(0, 40))))
    def test_where_nothing_is_noted_nothing_is_to_be_asked(self, steps: list[tuple[str, float]]) -> None:
        """Then it is well, gives leave, and neither a success nor an end changes anything."""
        breaker, now = Breaker(Limits(failures=2)), 0.0
        held: list[Pass] = []
        for what, later in steps:
            now += later
            if not breaker.noted:
                before = vars(breaker).copy()
                assert breaker.health(now) is WELL
                assert breaker.ask(now) is LEAVE
                breaker.succeeded()
                breaker.left(LEAVE)
                assert vars(breaker) == before
            if what == "ask" and (leave := breaker.ask(now)) is not None:
                held.append(leave)
            elif what == "look":
                assert (breaker.health(now) is WELL) == (not breaker.noted)
            elif held and what == "ok":
                breaker.succeeded()
                breaker.left(held.pop())
            elif held and what == "left":
                breaker.left(held.pop())
            elif held and what in ("fault", "pause"):
                breaker.failed(held[-1], DOWN if what == "fault" else RateLimited("x", retry_after_s=9.0), now)
                breaker.left(held.pop())

    @given(st.lists(st.tuples(st.sampled_from(["ask", "ok", "fault", "pause", "left"]), st.floats(0, 40))))
    def test_never_stuck(self, steps: list[tuple[str, float]]) -> None:
        """Whatever happens, leave is given again once pause and opening are over and no probe is out."""
        breaker, now = Breaker(Limits(failures=2)), 0.0
        held: list[Pass] = []
        for what, later in steps:
            now += later
            if what == "ask" and (leave := breaker.ask(now)) is not None:
                held.append(leave)
            elif held and what == "left":
                breaker.left(held.pop())
            elif held and what == "ok":
                breaker.succeeded()
                breaker.left(held.pop())
            elif held and what in ("fault", "pause"):
                leave = held.pop()
                breaker.failed(leave, DOWN if what == "fault" else RateLimited("x", retry_after_s=9.0), now)
                breaker.left(leave)
        for leave in held:
            breaker.left(leave)
        assert breaker.ask(now + 1000) is not None


def toml(*hosts: FaultyHost, more: str = "") -> str:
    """Deployments `h0`, `h1`, ..., each at a host, and a route over them."""
    names = [f"h{number}" for number in range(len(hosts))]
    made = "".join(
        f'[deployments.{name}]\nmodel = "x/{name}"\ndialect = "openai"\nbase_url = "{host.url}"\nretries = 0\n'
        f"breaker = {{ failures = 2, open_s = 0.3 }}\n{more}\n"
        for name, host in zip(names, hosts, strict=True)
    )
    candidates = ", ".join(f'"{name}"' for name in names)
    return made + f"[routes.r]\ncandidates = [{candidates}]\n"


class TestCalls:
    """Through the spine."""

    async def test_an_open_deployment_is_passed_over(self, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """A fallback asks the next one at once; the reason is in the trace and the ledger, and nothing was sent."""
        async with FaultyHost(Answer(status=500)) as bad, FaultyHost(Answer(body=whole())) as good:
            spine = make_spine(toml(bad, good))
            for _ in range(2):
                await spine.answer(ask(), "r")
            trace = Trace()
            assert (await spine.answer(ask(), "r", trace)).text == "hello there"
            assert len(bad.received) == 2
        assert trace.tried == "h0=Overloaded (left alone), h1=ok"
        assert trace.answering is not None
        assert trace.answering.why == "fallback: h0 failed with Overloaded (left alone)"
        row = rows(ledger.path)[-2]
        assert (row["deployment"], row["outcome"], row["sent_bytes"], row["cost_basis"]) == ("h0", "error", 0, "none")
        assert "2 in a row failed, the last with ProviderFault (500)" in row["message"]
        assert spine.health()["h0"].state == "open"
        assert spine.health()["h1"] == ("closed", 0, "", None)

    async def test_the_only_one_fails_fast(self, make_spine: MakeSpine) -> None:
        """With nobody else to ask, the error says when to come back; it is not retried."""
        async with FaultyHost(Answer(status=500)) as bad:
            spine = make_spine(toml(bad, more="").replace("retries = 0", "retries = 3"))
            with pytest.raises(AssayError):
                await spine.answer(ask(), "h0")
            asked = len(bad.received)
            with pytest.raises(Overloaded) as caught:
                await spine.answer(ask(), "h0")
            assert len(bad.received) == asked
        assert caught.value.retry_after_s == pytest.approx(0.3, abs=0.3)
        assert caught.value.resting

    async def test_one_call_tries_and_closes_it(self, make_spine: MakeSpine) -> None:
        """After the time one of many calls goes out; when it is answered, all do."""
        async with FaultyHost(Answer(status=500)) as host:
            spine = make_spine(toml(host))
            for _ in range(2):
                with pytest.raises(ProviderFault):
                    await spine.answer(ask(), "h0")
            host.answer(Answer(stop="request", how="hang"), Answer(body=whole()))
            await asyncio.sleep(0.35)
            probe = asyncio.create_task(spine.answer(ask(), "h0"))
            await host.arrived(3)
            with pytest.raises(Overloaded, match="left alone"):
                await spine.answer(ask(), "h0")
            probe.cancel()
            await asyncio.gather(probe, return_exceptions=True)
            assert (await spine.answer(ask(), "h0")).text == "hello there"
            assert spine.health()["h0"].state == "closed"

    async def test_a_pause_is_waited_for_by_the_only_one(self, make_spine: MakeSpine) -> None:
        """Calls that meet a pause wait with their retry; none of them disturbs the host before."""
        async with FaultyHost(busy(ms=300), Answer(body=whole())) as host:
            spine = make_spine(toml(host).replace("retries = 0", "retries = 1"))
            first = asyncio.create_task(spine.answer(ask(), "h0"))
            await host.arrived(1)
            while spine.health()["h0"].state == "closed":  # noqa: ASYNC110 - a state has no event
                await asyncio.sleep(0.005)
            second = await spine.answer(ask(), "h0")
            assert [(await first).text, second.text] == ["hello there"] * 2
            assert len(host.received) == 3

    async def test_a_pause_sends_a_fallback_on(self, make_spine: MakeSpine) -> None:
        """Who has another candidate does not wait."""
        async with FaultyHost(busy(30)) as pausing, FaultyHost(Answer(body=whole())) as good:
            spine = make_spine(toml(pausing, good))
            for _ in range(2):
                await spine.answer(ask(), "r")
            assert (len(pausing.received), len(good.received)) == (1, 2)

    async def test_a_run_asks_all_the_same(self, make_spine: MakeSpine) -> None:
        """No sample of an eval is lost to an open breaker, nor does it stand still: a dead host fails each at once."""
        async with FaultyHost(Answer(status=500), Answer(status=500), Answer(status=500), Answer(body=whole())) as host:
            spine = make_spine(toml(host).replace("open_s = 0.3", "open_s = 1000"))
            for _ in range(2):
                with pytest.raises(ProviderFault):
                    await spine.answer(ask(), "h0")
            assert spine.health()["h0"].state == "open"
            with pytest.raises(ProviderFault):
                await spine.answer(ask(), "h0", Trace(run_id="run"))
            assert (await spine.answer(ask(), "h0", Trace(run_id="run"))).text == "hello there"

    async def test_a_client_s_mistake_opens_nothing(self, make_spine: MakeSpine) -> None:
        """However many 400s there are, the host is asked."""
        async with FaultyHost(Answer(status=400)) as host:
            spine = make_spine(toml(host))
            for _ in range(5):
                with pytest.raises(BadRequest):
                    await spine.answer(ask(), "h0")
            assert len(host.received) == 5
            assert spine.health()["h0"].failures == 0
