"""The limits of one attempt: first token, whole time, deadline; and which of them speaks of the host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from upstreams import ask, rows, text_of_events

from assay.config.schema import Deployment
from assay.errors import Timeout
from assay.inference.deployment import LiveDeployment
from assay.inference.limits import Limits
from assay.inference.spine import Spine
from assay.ledger.store import SqliteLedger
from assay.providers.provider import Attempted, Meter
from assay.types import Begin, Event, Failed, Finish, Finished, TextDelta

MakeSpine = Callable[..., Spine]
DONE = Finished(finish=Finish(kind="stop"))


class Slow:
    """A provider that waits as it is told: a number is a pause in seconds, text is what the engine waits for."""

    def __init__(self, *steps: Event | float | str | None) -> None:
        self.steps = steps
        self.closed = 0

    async def stream(self, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        """The events."""
        meter.sent_bytes = 1
        try:
            for step in self.steps:
                if step is None or isinstance(step, str):
                    meter.waiting_for = step
                elif isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    yield step
        finally:
            self.closed += 1

    async def close(self) -> None:
        """Nothing is open."""


def deployed(make_spine: MakeSpine, slow: Slow, more: str) -> Spine:
    """A spine whose deployment `d` is slow; `e` answers."""
    spine = make_spine(
        f'[deployments.d]\nmodel = "x/d"\ndialect = "openai"\nbase_url = "http://127.0.0.1:1"\nretries = 0\n{more}\n'
        '[deployments.e]\nmodel = "x/e"\ndialect = "scripted"\nscript = "e.json"\n'
        '[routes.r]\ncandidates = ["d", "e"]\n',
        {"e.json": {"default": "from e"}},
    )
    live = spine.targets["d"]
    assert isinstance(live, LiveDeployment)
    live.provider = slow  # type: ignore[assignment]
    return spine


class TestFirstToken:
    """`first_token_timeout_s`."""

    @pytest.mark.parametrize("steps", [(5.0,), (Begin(id="x"), 5.0)])
    async def test_a_head_is_no_token(self, steps: Any, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
        """Nothing but a head in time is a Timeout that may be retried and that the breaker counts."""
        slow = Slow(*steps)
        spine = deployed(make_spine, slow, "first_token_timeout_s = 0.05")
        with pytest.raises(Timeout, match=r"no first token within 0.05 s \(first_token_timeout_s\)") as caught:
            await spine.answer(ask(stream=True), "d")
        assert caught.value.retryable
        assert not caught.value.of_deadline
        assert slow.closed == 1
        assert spine.health()["d"].failures == 1
        assert rows(ledger.path)[0]["error"] == "Timeout"

    async def test_a_fallback_goes_on(self, make_spine: MakeSpine) -> None:
        """The next candidate answers."""
        spine = deployed(make_spine, Slow(5.0), "first_token_timeout_s = 0.05")
        assert (await spine.answer(ask(stream=True), "r")).text == "from e"

    async def test_after_the_first_token_it_says_nothing(self, make_spine: MakeSpine) -> None:
        """A long pause inside an answer is for the idle limit."""
        slow = Slow(TextDelta(text="one"), 0.1, TextDelta(text=" two"), DONE)
        spine = deployed(make_spine, slow, "first_token_timeout_s = 0.05")
        assert (await spine.answer(ask(stream=True), "d")).text == "one two"

    async def test_loading_is_no_waiting_for_a_token(self, make_spine: MakeSpine) -> None:
        """The time begins when the engine has loaded."""
        slow = Slow("weights to load", 0.2, None, 0.02, TextDelta(text="one"), DONE)
        spine = deployed(make_spine, slow, "first_token_timeout_s = 0.1")
        assert (await spine.answer(ask(stream=True), "d")).text == "one"
        late = deployed(make_spine, Slow("weights to load", 0.1, None, 5.0), "first_token_timeout_s = 0.05")
        with pytest.raises(Timeout, match="no first token"):
            await late.answer(ask(stream=True), "d")

    async def test_a_slow_reader_does_not_hide_it(self, make_spine: MakeSpine) -> None:
        """Between two events the limit is passed: the next wait ends at once."""
        spine = deployed(make_spine, Slow(Begin(id="x"), 0.1, Begin(id="x"), 5.0), "first_token_timeout_s = 0.05")
        with pytest.raises(Timeout, match="no first token"):
            await asyncio.wait_for(spine.answer(ask(stream=True), "d"), 2)


class TestTotal:
    """`total_timeout_s`."""

    async def test_cuts_a_stream_that_goes_on(self, make_spine: MakeSpine) -> None:
        """Told as such; the stream ends with an error."""
        steps: list[Any] = [one for number in range(100) for one in (TextDelta(text=f"{number} "), 0.02)]
        spine = deployed(make_spine, Slow(*steps), "total_timeout_s = 0.1")
        events = [one async for one in spine.generate(ask(stream=True), "d")]
        assert text_of_events(events).startswith("0 1")
        last = events[-1]
        assert isinstance(last, Failed)
        assert "no whole answer within 0.1 s (total_timeout_s)" in last.message
        assert spine.health()["d"].failures == 1

    async def test_the_deadline_says_nothing_of_the_host(self, make_spine: MakeSpine) -> None:
        """Where the request's own deadline comes first, the breaker does not count."""
        spine = deployed(make_spine, Slow(5.0), "total_timeout_s = 3.0\nfirst_token_timeout_s = 3.0")
        with pytest.raises(Timeout, match="the deadline cut this attempt") as caught:
            await spine.answer(ask(deadline_s=0.05), "d")
        assert caught.value.of_deadline
        assert spine.health()["d"] == ("closed", 0, "", None)


class TestWaits:
    """The limits by themselves."""

    def limits(self, within_s: float) -> Limits:
        """A deadline and nothing else."""
        config = Deployment(model="x/d", dialect="openai")
        return Limits(config, asyncio.get_running_loop().time() + within_s, Meter())

    async def test_what_has_come_is_still_to_be_had(self) -> None:
        """After the limit a wait that needs no time succeeds; one that does is cut at once."""
        limits = self.limits(0.01)
        await asyncio.sleep(0.02)
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        done.set_result("there")
        assert await limits.within(done) == "there"
        with pytest.raises(Timeout, match="the deadline cut this attempt"):
            await limits.within(asyncio.Event().wait())
        limits.close()

    async def test_who_is_cancelled_is_not_late(self) -> None:
        """A cancellation from outside goes up as what it is, also when the limit is reached in the same turn."""
        for within_s in (60.0, 0.0):
            limits, waits = self.limits(within_s), asyncio.Event()

            async def wait(limits: Limits = limits, waits: asyncio.Event = waits) -> None:
                waits.set()
                await limits.within(asyncio.Event().wait())

            task = asyncio.create_task(wait())
            await waits.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            limits.close()

    async def test_a_cut_wait_leaves_its_task_as_it_was(self) -> None:
        """The task that was cut counts as nobody's to cancel, and can wait again."""
        limits = self.limits(0.0)
        with pytest.raises(Timeout):
            await limits.within(asyncio.Event().wait())
        limits.close()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)

    async def test_what_nothing_limits_waits_as_it_is(self) -> None:
        """It costs no more than without limits."""
        limits = Limits(Deployment(model="x/d", dialect="openai"), None, Meter())
        wait = asyncio.get_running_loop().create_future()
        assert limits.within(wait) is wait
