"""A client that leaves, at each stage of its request: the upstream is left at once, and all is settled at its bound."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest
from clients import CLIENTS, Client, chunks, gateway, whole

from assay.checks.check import CheckResult
from assay.inference.route import LiveRoute
from assay.inference.spine import Spine
from assay.ledger.store import SqliteLedger
from assay.routing.cascade import Cascade
from assay.types import Request, Response
from faults import Answer, FaultyHost, busy

MakeSpine = Callable[..., Spine]
HANGS = Answer(stop="request", how="hang")
LIVE = Answer(events=chunks(), stop=3, how="hang")
WITHIN_S = 3.0


def deployment(url: str, name: str = "up", more: str = "") -> str:
    """A deployment at a host, with a price."""
    return (
        f'[deployments.{name}]\nmodel = "x/{name}"\ndialect = "openai"\nbase_url = "{url}"\n'
        "price_usd_per_mtok = { input = 1.0, output = 2.0 }\nsettings = { max_tokens = 50 }\n"
        f"{more}\n"
    )


@asynccontextmanager
async def leaving(url: str, client: Client, model: str, *, stream: bool, until: bytes | None) -> AsyncIterator[None]:
    """A client that asks, reads up to some bytes, and has left at the end of the block."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps(client.body(model, "hi", stream=stream)).encode()
    fields = {"host": "x", "content-length": str(len(body)), **client.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"POST {client.path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    try:
        if until is not None:
            await asyncio.wait_for(reader.readuntil(until), WITHIN_S)
        yield
    finally:
        writer.transport.abort()


async def until(look: Callable[[], Awaitable[Any]]) -> Any:
    """What `look` finds, as soon as it finds something."""
    async with asyncio.timeout(WITHIN_S):
        while not (found := await look()):  # noqa: ASYNC110 - a file has no events
            await asyncio.sleep(0.01)
    return found


async def _settled(ledger: SqliteLedger, count: int) -> list[dict[str, Any]]:
    rows = await ledger.attempts()
    return rows if len(rows) == count and all(row["outcome"] != "running" for row in rows) else []


async def request_outcome(ledger: SqliteLedger) -> str:
    """What came of the one request, once it is closed."""
    [request] = await until(lambda: ledger._dicts("select * from requests", ()))
    return str(request["outcome"])


async def outcomes(ledger: SqliteLedger, count: int) -> list[tuple[str, str]]:
    """Outcome and cost basis of the attempts, in order of starting, once there are so many and none runs."""
    rows = await until(lambda: _settled(ledger, count))
    assert (await ledger.spent()).held_usd == 0
    return [(row["outcome"], row["cost_basis"]) for row in reversed(rows)]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("answer", "stream", "until"),
    [
        (HANGS, False, None),
        (HANGS, True, None),
        (Answer(stop="status", how="hang"), True, None),
        (Answer(body=whole(), stop="head", how="hang"), False, None),
        (Answer(events=chunks(), stop="head", how="hang"), True, None),
        (Answer(body=whole(), stop=20, how="hang"), False, None),
        (LIVE, True, b"two"),
    ],
    ids=["no answer", "no stream", "half a head", "a head", "a stream's head", "half a body", "half a stream"],
)
async def test_the_upstream_is_left(
    client: Client, answer: Answer, stream: bool, until: bytes | None, make_spine: MakeSpine, ledger: SqliteLedger
) -> None:
    """Its connection is gone within moments, whatever it was about to say; what was sent is charged at its bound."""
    async with FaultyHost(answer) as host, gateway(make_spine(deployment(host.url))) as url:
        async with leaving(url, client, "up", stream=stream, until=until):
            await host.arrived(1)
        await host.gone(0)
        assert await outcomes(ledger, 1) == [("cancelled", "bound")]


async def test_while_it_connects(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """Nothing was sent, so nothing is charged."""
    async with FaultyHost(connects="hangs") as host, gateway(make_spine(deployment(host.url))) as url:
        async with leaving(url, CLIENTS[0], "up", stream=False, until=None):
            await until(lambda: ledger.attempts(outcome="running"))
        assert await outcomes(ledger, 1) == [("cancelled", "none")]


async def test_while_it_waits_for_others(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """In the queue of a deployment that serves one at a time: no row, no call, and the next one gets the place."""
    async with FaultyHost(HANGS) as host:
        spine = make_spine(deployment(host.url, more="concurrency = 1"))
        gate = spine.targets["up"].gate  # type: ignore[union-attr]
        async with gateway(spine) as url:
            async with leaving(url, CLIENTS[0], "up", stream=False, until=None):
                await host.arrived(1)
                async with leaving(url, CLIENTS[0], "up", stream=False, until=None):
                    await until(lambda: asyncio.sleep(0, gate._waiting))
            assert await outcomes(ledger, 1) == [("cancelled", "bound")]
            assert not gate.locked()
            assert len(host.received) == 1


async def test_while_it_waits_to_try_again(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """In the pause before a retry: the host hears no more of it."""
    async with FaultyHost(busy(30)) as host, gateway(make_spine(deployment(host.url, more="retries = 3"))) as url:
        async with leaving(url, CLIENTS[0], "up", stream=True, until=None):
            await host.arrived(1)
            assert await outcomes(ledger, 1) == [("error", "none")]
        assert await request_outcome(ledger) == "cancelled"
        assert len(host.received) == 1


async def test_while_an_answer_is_kept_back(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """A cascade's first answer, of which the client has had nothing."""
    policy = 'policy = { kind = "cascade", check = { check = "regex", pattern = "x" } }'
    async with FaultyHost(LIVE) as host:
        spine = make_spine(
            deployment(host.url, "a") + deployment(host.url, "b") + f'[routes.r]\ncandidates = ["a", "b"]\n{policy}\n'
        )
        async with gateway(spine) as url:
            async with leaving(url, CLIENTS[0], "r", stream=True, until=None):
                await host.arrived(1)
            await host.gone(0)
            assert await outcomes(ledger, 1) == [("cancelled", "bound")]


class Waiting:
    """A check that waits until it is let go."""

    name: ClassVar[str] = "waiting"

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Fail, late."""
        self.begun.set()
        self.go.wait(10)
        return CheckResult(passed=False, explanation="late")


async def test_while_a_check_runs(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """The answer that is checked was complete and is settled; the next candidate is not asked any more."""
    check = Waiting()
    async with FaultyHost(Answer(body=whole())) as host:
        spine = make_spine(deployment(host.url, "a") + deployment(host.url, "b"))
        spine.targets["r"] = LiveRoute(
            name="r", candidates=("a", "b"), policy=Cascade(check="waiting"), checks={"waiting": check}
        )
        async with gateway(spine) as url:
            async with leaving(url, CLIENTS[0], "r", stream=False, until=None):
                await asyncio.to_thread(check.begun.wait, 5)
            assert await outcomes(ledger, 1) == [("ok", "measured")]
            check.go.set()
            assert await request_outcome(ledger) == "cancelled"
        assert len(host.received) == 1


@pytest.mark.parametrize("begun", [False, True])
async def test_while_calls_race(begun: bool, make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """A hedge: both are left; where one has begun, the other one was left when it did."""
    policy = 'policy = { kind = "hedge", after_s = 0.02 }'
    async with FaultyHost(HANGS) as first, FaultyHost(LIVE if begun else HANGS) as second:
        spine = make_spine(
            deployment(first.url, "a")
            + deployment(second.url, "b")
            + f'[routes.r]\ncandidates = ["a", "b"]\n{policy}\n'
        )
        async with gateway(spine) as url:
            async with leaving(url, CLIENTS[0], "r", stream=True, until=b"two" if begun else None):
                await second.arrived(1)
                if begun:
                    await first.gone(0)
            await asyncio.gather(first.gone(0), second.gone(0))
            assert await outcomes(ledger, 2) == [("cancelled", "bound")] * 2


async def test_while_a_cut_answer_is_continued(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """The continuation is an attempt like any other."""
    cut = Answer(events=chunks(), stop=2, how="close")
    able = 'quirks = { capabilities = { prefill = "keep" } }\nretries = 0'
    async with FaultyHost(cut, HANGS) as host:
        config = deployment(host.url, more=able).replace('"x/up"', '"anthropic/claude-sonnet-4-5"')
        async with gateway(make_spine(config)) as url:
            async with leaving(url, CLIENTS[0], "up", stream=True, until=b"one"):
                await host.arrived(2)
            await host.gone(1)
            assert await outcomes(ledger, 2) == [("error", "bound"), ("cancelled", "bound")]


async def test_leaving_says_nothing_of_the_host(make_spine: MakeSpine, ledger: SqliteLedger) -> None:
    """However many clients leave, the deployment is not left alone."""
    async with FaultyHost(HANGS) as host:
        spine = make_spine(deployment(host.url, more="breaker = { failures = 1 }"))
        async with gateway(spine) as url:
            for number in range(3):
                async with leaving(url, CLIENTS[0], "up", stream=False, until=None):
                    await host.arrived(number + 1)
                await host.gone(number)
            await outcomes(ledger, 3)
        assert spine.health()["up"] == ("closed", 0, "", None)
