"""The gateway on a free loopback port, in this process, before scripted deployments."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from assay.config.schema import Serve
from assay.gateway import server
from assay.gateway.admission import Virtual
from assay.gateway.asgi import Gateway
from assay.inference.route import LiveRoute
from assay.inference.spine import Spine
from assay.routing.by_kind import ByKind

CONFIG = """
[deployments.small]
model = "x/small"
dialect = "scripted"
script = "small.json"
retries = 0
settings = { max_tokens = 64 }
price_usd_per_mtok = { input = 1.0, output = 2.0 }
[deployments.small.kinds.prompted]
system = "a prompt"

[deployments.other]
model = "x/other"
dialect = "scripted"
script = "other.json"
retries = 0

[deployments.abroad]
model = "x/abroad"
dialect = "scripted"
script = "other.json"
private = false
retries = 0

[deployments.keyless]
model = "anthropic/claude-sonnet-4-5"
dialect = "openai"
base_url = "http://127.0.0.1:9"
api_key_env = "ASSAY_TEST_NO_SUCH_KEY"
"""
RULES = [
    {"match": "^slow", "answer": "one two three four five six", "chunk_delay_s": 0.3},
    {"match": "^wait", "answer": "late", "delay_s": 30},
    {"match": "^break", "answer": "one two three four", "error": "ProviderFault", "fail_after": 2},
    {"match": "^fail (\\w+)$", "error": "ProviderFault"},
    {"match": "^busy", "error": "RateLimited", "retry_after_s": 7, "status": 429},
    {"match": "^full", "error": "Overloaded"},
    {"match": "^key", "error": "AuthFailed"},
    {"match": "^tools", "tool_calls": [{"name": "look", "arguments": {"city": "Oslo"}}]},
    {"match": "^unicode", "answer": "grüße \N{GRINNING FACE} ½"},
    {"match": "^(.*)$", "answer": "small says {1}"},
]


@dataclass
class Served:
    """A running gateway."""

    port: int
    spine: Spine
    gateway: Gateway

    @property
    def url(self) -> str:
        """Where clients point their base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def post(
        self, path: str, body: Any, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one POST; `body` may be bytes or a value."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json", **(headers or {})}
        async with aiohttp.ClientSession() as session, session.post(self.url + path, data=data, headers=sent) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, await answer.read()

    async def ask(
        self, text: str, headers: dict[str, str] | None = None, **more: Any
    ) -> tuple[int, dict[str, str], Any]:
        """One chat completion, its body decoded."""
        body = {"model": "small", "messages": [{"role": "user", "content": text}], **more}
        status, got, data = await self.post("/chat/completions", body, headers)
        return status, got, json.loads(data)


@pytest.fixture
def serving(make_spine: Callable[..., Spine]) -> Callable[..., Any]:
    """Makes contexts in which a gateway runs, with a default kind and limits as told."""

    @asynccontextmanager
    async def run(
        default_kind: str | None = None, virtual: Virtual | None = None, **limits: Any
    ) -> AsyncIterator[Served]:
        spine = make_spine(
            CONFIG, {"small.json": {"rules": RULES}, "other.json": {"rules": [], "default": "other says so"}}
        )
        kinds = {"tickets": "small", "prompted": "small", "sql": "other"}
        policy = ByKind(kinds=kinds, unproven={"leak": "none passes: no candidate meets the gate"},
                        default_kind=default_kind)  # fmt: skip
        spine.targets["desk"] = LiveRoute(name="desk", candidates=("small", "other"), policy=policy)
        serve = Serve(port=0, **limits)
        listener = server.listen(serve)
        port = listener.getsockname()[1]
        gateway = Gateway(spine, serve, virtual=virtual)
        work = asyncio.create_task(server.run(gateway, listener, signals=False))
        try:
            yield Served(port, spine, gateway)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    return run


@pytest.fixture
async def served(serving: Callable[..., Any]) -> AsyncIterator[Served]:
    """A gateway with the usual limits."""
    async with serving() as running:
        yield running
