"""Answers whose bytes pass: a head that has gone on before it is known who answers, and clients that leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from clients import CHAT, Seen, chunk, chunks, gateway

from assay.inference.spine import Spine
from assay.ledger.store import SqliteLedger
from faults import Answer, FaultyHost, event

TOML = """
[deployments.{name}]
model = "x/{name}"
dialect = "openai"
base_url = "{url}"
retries = 0
breaker = {{ failures = 1000 }}
"""
HEAD, *_ = chunks()
SCRIPTED = '[deployments.s]\nmodel = "x/s"\ndialect = "scripted"\nscript = "s.json"\n'


def toml(*hosts: FaultyHost, others: tuple[str, ...] = ()) -> str:
    """A fallback route `r` over these hosts, then the other deployments."""
    names = [f"d{number}" for number in range(len(hosts))]
    made = "".join(TOML.format(name=name, url=host.url) for name, host in zip(names, hosts, strict=True))
    return f"{made}[routes.r]\ncandidates = {json.dumps([*names, *others])}\n"


def roles(seen: Seen) -> list[str]:
    """The roles that a client was told, one after the other."""
    deltas: list[dict[str, Any]] = [choice["delta"] for one in seen.events for choice in one.get("choices", ())]
    return [delta["role"] for delta in deltas if delta.get("role")]


async def test_a_head_of_two_events_goes_on_as_it_is(make_spine: Callable[..., Spine]) -> None:
    """The same host's second one is not one of another host."""
    second = event(chunk({"role": "assistant"}))
    async with (
        FaultyHost(Answer(events=[HEAD, second, *chunks()[1:]], pause_s=0.02)) as host,
        gateway(make_spine(toml(host))) as url,
    ):
        seen = await CHAT.ask(url, stream=True, model="r")
    assert (seen.status, seen.text, seen.error, seen.ended) == (200, "one two three", None, True)
    assert roles(seen) == ["assistant", "assistant"]


async def test_an_answer_without_a_word_has_its_end(make_spine: Callable[..., Spine]) -> None:
    """Nor a reason: all of it has waited for the first piece, and goes on when it is known that none comes."""
    said = [event(chunk({})), event("[DONE]")]
    async with FaultyHost(Answer(events=said)) as host, gateway(make_spine(toml(host))) as url:
        seen = await CHAT.ask(url, stream=True, model="r")
    assert (seen.status, seen.text, seen.error, seen.ended) == (200, "", None, True)


@pytest.mark.parametrize(
    "second",
    [chunks(), [event(chunk({"role": "assistant", "content": "one two three"})), *chunks()[-2:]]],
    ids=["with a head", "with a role and words at once"],
)
async def test_the_next_candidate_answers_in_the_same_stream(
    second: list[bytes], make_spine: Callable[..., Spine]
) -> None:
    """The client is told one role, and the words of who answered."""
    async with (
        FaultyHost(Answer(events=[HEAD], stop=1, how="close")) as bad,
        FaultyHost(Answer(events=second)) as good,
        gateway(make_spine(toml(bad, good))) as url,
    ):
        seen = await CHAT.ask(url, stream=True, model="r")
    assert (seen.status, seen.text, seen.error, seen.ended) == (200, "one two three", None, True)
    assert roles(seen) == ["assistant"]
    assert len(good.received) == 1


async def test_so_does_one_whose_bytes_cannot_pass(make_spine: Callable[..., Spine]) -> None:
    """An answer that is written here follows another host's head: one role, one end."""
    async with FaultyHost(Answer(events=[HEAD], stop=1, how="close")) as bad:
        spine = make_spine(toml(bad, others=("s",)) + SCRIPTED, {"s.json": {"rules": [], "default": "made here"}})
        async with gateway(spine) as url:
            seen = await CHAT.ask(url, stream=True, model="r")
    assert (seen.status, seen.text, seen.error, seen.ended) == (200, "made here", None, True)
    assert roles(seen) == ["assistant"]


async def test_when_nobody_can_the_stream_ends_with_the_error(make_spine: Callable[..., Spine]) -> None:
    """The status is out, so the error is the last event, and nothing passes for an end."""
    async with (
        FaultyHost(Answer(events=[HEAD], stop=1, how="close")) as bad,
        gateway(make_spine(toml(bad))) as url,
    ):
        seen = await CHAT.ask(url, stream=True, model="r")
    assert (seen.status, seen.text, seen.ended) == (200, "", False)
    assert seen.error is not None


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("behind", [0, 1], ids=["alone", "with another request behind it"])
async def test_who_leaves_ends_the_work(
    stream: bool, behind: int, make_spine: Callable[..., Spine], ledger: SqliteLedger
) -> None:
    """The request that is answered is cancelled at once, also where others wait behind it on the connection."""
    async with (
        FaultyHost(Answer(events=chunks(), stop=2 if stream else "request", how="hang")) as host,
        gateway(make_spine(toml(host))) as url,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        body = json.dumps(CHAT.body("r", "hi", stream=stream)).encode()
        one = f"POST {CHAT.path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
        writer.write(one * (1 + behind))
        async with asyncio.timeout(10):
            if stream:
                await reader.readuntil(b"one")
            while not host.received:  # noqa: ASYNC110 - the host of these tests tells nobody
                await asyncio.sleep(0.005)
            writer.transport.abort()
            while not (found := await _ended(ledger)):  # noqa: ASYNC110 - a file has no events
                await asyncio.sleep(0.01)
    assert [row["outcome"] for row in found] == ["cancelled"]


async def _ended(ledger: SqliteLedger) -> list[dict[str, Any]]:
    return [row for row in await ledger.attempts() if row["outcome"] != "running"]
