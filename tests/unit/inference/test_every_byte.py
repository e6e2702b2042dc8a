"""Every byte that is sent to a model leaves a row, and the row is durable before the first byte arrives."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from upstreams import Host, Seen, ask, held_usd, host, rows, settled, sse, strangers, stream, whole

from assay.errors import AssayError
from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace
from assay.ledger.store import SqliteLedger
from assay.providers.provider import Attempted, Meter
from assay.providers.scripted import ScriptedProvider
from assay.types import Event

MakeSpine = Callable[..., Spine]
NAMES = ("one", "two")
REQUESTS = 150


def config(urls: dict[str, str]) -> str:
    """Two hosts, a scripted model, and a route of every sort over them."""
    hosts = "".join(
        f'[deployments.{name}]\nmodel = "x/{name}"\ndialect = "openai"\nbase_url = "{url}"\nretries = 2\n'
        f"concurrency = 16\nprice_usd_per_mtok = {{ input = 1.0, output = 2.0 }}\n"
        for name, url in urls.items()
    )
    return (
        hosts
        + """
        [deployments.own]
        model = "x/own"
        dialect = "scripted"
        script = "own.json"
        concurrency = 16

        [routes.fallback]
        candidates = ["one", "two", "own"]
        [routes.hedge]
        candidates = ["one", "two", "own"]
        policy = { kind = "hedge", after_s = 0.01 }
        [routes.vote]
        candidates = ["one", "two", "own"]
        policy = { kind = "vote", n = 4, quorum = 2 }
        [routes.cascade]
        candidates = ["own", "one", "two"]
        policy = { kind = "cascade", check = { check = "regex", pattern = "hello" } }
        [routes.split]
        candidates = ["one", "two"]
        policy = { kind = "split", weights = { one = 1.0, two = 1.0 } }
        [routes.nested]
        candidates = ["vote", "cascade", "fallback"]
        """
    )


async def moody(seen: Seen, moods: random.Random) -> None:
    """Answer well or badly, quickly or slowly."""
    match moods.randrange(9):
        case 0:
            await seen.answer(b'{"error": {"message": "busy"}}', "429 Too Many", "retry-after: 0.01")
        case 1:
            await seen.answer(b"oops", "500 Broken")
        case 2:
            seen.reset()
        case 3:
            await stream(seen, sse("cut", done=False, finish=False, usage=None))
        case 4:
            await seen.answer(b"not json")
        case 5:
            await asyncio.sleep(0.05)
            await seen.answer(whole())
        case 6:
            await seen.answer(whole("something else", usage=None))
        case _:
            await (stream(seen, sse("hello", " you"), 0.002) if seen.json.get("stream") else seen.answer(whole()))


def who(asked: str) -> str:
    """The request that a text belongs to."""
    return asked.split()[0]


class Watched:
    """Notes at the lowest level what is handed to models, and what the ledger's file holds at that moment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sent: Counter[tuple[str, str]] = Counter()
        self.bytes: Counter[tuple[str, str]] = Counter()
        self.without_a_row: list[object] = []

    def known(self) -> Counter[tuple[str, str]]:
        """`(run, deployment)` of every attempt that another connection can read, by count."""
        found = rows(self.path, "select run_id, deployment from attempts")
        return Counter((row["run_id"], row["deployment"]) for row in found)

    def note(self, deployment: str, asked: str, size: int, known: Counter[tuple[str, str]]) -> None:
        """A model got `asked`, when the ledger held `known`."""
        key = (who(asked), deployment)
        self.sent[key] += 1
        self.bytes[key] += size
        if known[key] < self.sent[key]:
            self.without_a_row.append((key, self.sent[key], known[key]))


class TestEveryByte:
    """The promise that makes the ledger worth reading."""

    async def test_every_request_has_a_row_before_its_first_byte(
        self, make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Over errors, cancels, retries, votes and hedges: each request a model saw is exactly one row, made before."""
        monkeypatch.setattr("assay.routing.retry.FIRST_DELAY_S", 0.005)
        before = asyncio.all_tasks()
        watched = Watched(ledger.path)
        stream_of = ScriptedProvider.stream

        async def spied(self: ScriptedProvider, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
            asked = attempt.request.messages[-1].text
            watched.note("own", asked, len(asked.encode()), watched.known())
            async for event in stream_of(self, attempt, meter):
                yield event

        monkeypatch.setattr(ScriptedProvider, "stream", spied)
        moods = random.Random(5)  # noqa: S311 - a workload, not a secret

        def behaviour(name: str) -> Callable[[Seen], Any]:
            async def behave(seen: Seen) -> None:
                known = seen.at_first_byte
                assert isinstance(known, Counter)
                watched.note(name, seen.json["messages"][-1]["content"], len(seen.body), known)
                await moody(seen, moods)

            return behave

        async with (
            host(behaviour("one"), on_first_byte=watched.known) as one,
            host(behaviour("two"), on_first_byte=watched.known) as two,
        ):
            script = {
                "rules": [
                    {"match": "3 ", "error": "Overloaded"},
                    {"match": "7 ", "answer": "hello from here", "chunk_delay_s": 0.01},
                ],
                "default": "hm",
            }
            spine = make_spine(config({"one": one.url, "two": two.url}), {"own.json": script})
            await asyncio.gather(*(self.ask(spine, number) for number in range(REQUESTS)))
            assert await settled(ledger.path)
            await self.hosts_idle(one, two)
            assert not watched.without_a_row
            self.compare(watched, rows(ledger.path))
            assert len(one.seen) + len(two.seen) > REQUESTS / 2
            await spine.close()
        assert held_usd(ledger.path) == pytest.approx(0, abs=1e-9)
        assert not strangers(before)

    async def ask(self, spine: Spine, number: int) -> None:
        """One request of the workload; every fifth is given up soon, every seventh has a short deadline."""
        route = ("fallback", "hedge", "vote", "cascade", "split", "nested", "one", "own")[number % 8]
        run = f"run{number}"
        request = ask(
            f"{run} is number {number} of many",
            stream=number % 2 == 0,
            deadline_s=0.04 if number % 7 == 0 else 10.0,
            session=run,
        )

        async def read() -> None:
            async for _ in spine.generate(request, route, Trace(run_id=run), Options(seed=number)):
                if number % 10 == 5:
                    break

        try:
            async with asyncio.timeout(0.001 * (number % 30) if number % 5 == 0 else 20):
                await read()
        except (AssayError, TimeoutError):
            pass

    async def hosts_idle(self, *hosts: Host) -> None:
        """Wait until no host reads any more."""
        counts = None
        while counts != (counts := [one.received_bytes for one in hosts]):  # noqa: ASYNC110 - sockets tell nobody
            await asyncio.sleep(0.05)

    def compare(self, watched: Watched, found: list[dict[str, Any]]) -> None:
        """What models saw against what the ledger says."""
        told: Counter[tuple[str, str]] = Counter()
        sizes: Counter[tuple[str, str]] = Counter()
        for row in found:
            if row["sent_bytes"]:
                key = (row["run_id"], row["deployment"])
                told[key] += 1
                sizes[key] += row["sent_bytes"]
        # A request that was given up while its bytes were on the way is in the ledger, and may not have been read.
        unread = told - watched.sent
        cancelled = Counter(
            (row["run_id"], row["deployment"])
            for row in found
            if row["outcome"] == "cancelled" or row["error"] == "Timeout"
        )
        assert not watched.sent - told
        assert not unread - cancelled
        for key in watched.sent:
            if not unread[key]:
                assert sizes[key] == watched.bytes[key], key

    async def test_nothing_is_sent_when_the_ledger_cannot_be_written(
        self, make_spine: MakeSpine, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without a row there is no call: a ledger that fails stops the request before its first byte."""
        from assay.errors import LedgerError

        async def broken(*_: object, **__: object) -> None:
            raise LedgerError("the disk is full")

        monkeypatch.setattr(ledger, "hold_now", lambda *_: False)
        monkeypatch.setattr(ledger, "hold", broken)
        async with host(lambda seen: seen.answer(whole())) as one, host(lambda seen: seen.answer(whole())) as two:
            spine = make_spine(config({"one": one.url, "two": two.url}), {"own.json": {"default": "x"}})
            for route in ("one", "own", "hedge", "vote", "nested"):
                with pytest.raises(LedgerError):
                    await spine.answer(ask(), route)
            assert one.received_bytes + two.received_bytes == 0
