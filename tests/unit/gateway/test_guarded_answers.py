"""What clients of each format see of guards and of a route's cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import anthropic
import openai
import pytest
from clients import CLIENTS, Client, gateway

from assay.inference.spine import Spine

MakeSpine = Callable[..., Spine]
TOML = """
[deployments.m]
model = "test/m"
dialect = "scripted"
script = "m.json"
retries = 0
settings = { temperature = 0, max_tokens = 50 }
price_usd_per_mtok = { input = 1.0, output = 2.0 }

[guards.words]
check = { check = "patterns", words = ["bomb"] }
message = "That is not for us."

[guards.clean]
check = "personal"
found = "revise"

[routes.up]
candidates = ["m"]
cache = {}
guards = { before = ["words"], after = ["clean", "words"] }

[routes.live]
candidates = ["m"]
guards = { after = ["clean", "words"], hold = false }
"""
SCRIPT = {"rules": [
    {"match": "ask", "answer": "Write to ann@example.org. Bye"},
    {"match": "make", "answer": "First this. Then the bomb. Then that."},
    {"match": "(.*)", "answer": "you said {1}"},
]}  # fmt: skip


@pytest.fixture
def spine(make_spine: MakeSpine) -> Spine:
    """A route with guards and a cache, and one that is looked at as it streams."""
    return make_spine(TOML, {"m.json": SCRIPT})


@pytest.mark.parametrize("client", CLIENTS, ids=[one.name for one in CLIENTS])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("text", ["a bomb", "make it"])
async def test_a_refusal_is_a_good_answer_in_every_format(
    spine: Spine, client: Client, stream: bool, text: str
) -> None:
    """Status 200, the guard's words where a model's refusal stands, the format's word for filtered content, an end."""
    async with gateway(spine) as url, aiohttp.ClientSession() as session:
        body = client.body("up", text, stream=stream)
        async with session.post(url + client.path, json=body, headers=client.headers) as answer:
            said = (await answer.read()).decode()
            assert answer.status == 200
            assert "words=refuse" in answer.headers["x-assay-guard"]
    assert "That is not for us." in said
    assert "bomb" not in said
    assert "First" not in said
    assert {"chat": "content_filter", "messages": "refusal", "responses": "refusal"}[client.name] in said


async def test_official_clients_read_the_refusal(spine: Spine) -> None:
    """OpenAI's and Anthropic's own libraries, streamed and whole."""
    async with gateway(spine) as url:
        asked: Any = [{"role": "user", "content": "bomb"}]
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as chat:
            whole = await chat.chat.completions.create(model="up", messages=asked)
            assert whole.choices[0].message.refusal == "That is not for us."
            assert whole.choices[0].finish_reason == "content_filter"
            async with chat.chat.completions.stream(model="up", messages=asked) as stream:
                final = [event async for event in stream]
            assert any("That is not for us." in str(event) for event in final)
            answer = await chat.responses.create(model="up", input="bomb")
            assert "That is not for us." in answer.model_dump_json()
        async with anthropic.AsyncAnthropic(base_url=url, api_key="x", max_retries=0) as messages:
            block = await messages.messages.create(model="up", messages=asked, max_tokens=9)
            assert block.stop_reason == "refusal"


@pytest.mark.parametrize("client", CLIENTS, ids=[one.name for one in CLIENTS])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["up", "live"])
async def test_revised_answers(spine: Spine, client: Client, stream: bool, model: str) -> None:
    """What was taken out reaches nobody, held or looked at as it streams."""
    async with gateway(spine) as url:
        seen = await client.ask(url, stream=stream, model=model, text="ask")
    assert seen.text == "Write to <email-1>. Bye"
    assert seen.ended
    assert seen.error is None


@pytest.mark.parametrize("client", CLIENTS, ids=[one.name for one in CLIENTS])
async def test_a_stream_that_is_stopped_ends_well(spine: Spine, client: Client) -> None:
    """The sentences before, the refusal, the end of the format: no error, and nothing of the rest."""
    async with gateway(spine) as url:
        seen = await client.ask(url, stream=True, model="live", text="make")
    assert seen.text.startswith("First this.")
    assert "bomb" not in json.dumps(seen.events)
    assert "That is not for us." in json.dumps(seen.events)
    assert seen.ended or seen.events[-1]["type"] == "response.incomplete"
    assert seen.error is None


@pytest.mark.parametrize("client", CLIENTS, ids=[one.name for one in CLIENTS])
async def test_hits_are_told(spine: Spine, client: Client) -> None:
    """Miss, then hit, whole and streamed, with age and worth; the answer is the same and costs nothing."""
    async with gateway(spine) as url:
        first = await client.ask(url, stream=False, text="hello")
        again = await client.ask(url, stream=False, text="hello")
        streamed = await client.ask(url, stream=True, text="hello")
    assert [seen.headers.get("x-assay-cached") for seen in (first, again, streamed)] == ["miss", "hit", "hit"]
    assert first.text == again.text == streamed.text == "you said hello"
    assert again.headers["x-assay-cached-age-s"] in ("0", "1", "2")
    assert float(again.headers["x-assay-cost-usd"]) == 0
    assert float(again.headers["x-assay-cached-worth-usd"]) == float(first.headers["x-assay-cost-usd"]) > 0


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"x-assay-cache": "off"}, [None, None]),
        ({"cache-control": "no-store"}, ["miss", "miss"]),
        ({"cache-control": "max-age=0, no-cache"}, ["miss", "miss"]),
        ({"cache-control": "private"}, ["miss", "hit"]),
    ],
)
async def test_clients_say_no(spine: Spine, headers: dict[str, str], told: list[str | None]) -> None:
    """Headers of HTTP and ours are kept to."""
    async with gateway(spine) as url:
        seen = [await CLIENTS[0].ask(url, stream=False, text="hello", headers=headers) for _ in range(2)]
    assert [one.headers.get("x-assay-cached") for one in seen] == told


async def test_a_word_that_is_none(spine: Spine) -> None:
    """`x-assay-cache` has one word; another is an error that says so, and not silently another thing."""
    async with gateway(spine) as url:
        seen = await CLIENTS[0].ask(url, stream=False, text="hello", headers={"x-assay-cache": "on"})
    assert seen.status == 400
    assert seen.error is not None
    assert "'off'" in seen.error[1]
