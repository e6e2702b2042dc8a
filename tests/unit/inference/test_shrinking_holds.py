"""A stream that has told its input holds no more than that: the next request need not wait for its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest
from upstreams import Seen, host, poured

from assay.dialects.anthropic import Anthropic
from assay.inference.spine import Options, Spine
from assay.types import Event, Request

MakeSpine = Callable[..., Spine]
TOML = """
[deployments.up]
model = "acme/m"
dialect = "anthropic"
base_url = "{url}"
price_usd_per_mtok = {{ input = 1.0, output = 1.0 }}
retries = 0
[constraints]
usd_per_month = 0.0033
"""
"""Room for one request of 3 kB at its bound, and a second one when the first has told that it had 10 tokens."""
USAGE = {"input_tokens": 10, "output_tokens": 1}


def event(name: str, **more: object) -> bytes:
    """One event of a stream of Messages."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **more})}\n\n".encode()


START = event(
    "message_start",
    message={"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": USAGE},
)
TEXT = event("content_block_start", index=0, content_block={"type": "text", "text": ""}) + event(
    "content_block_delta", index=0, delta={"type": "text_delta", "text": "yes"}
)


def asked() -> Request:
    """A long question with a short answer, as a client streams it."""
    message = {"role": "user", "content": "x" * 2_500}
    body = {"model": "up", "max_tokens": 20, "stream": True, "messages": [message]}
    return Anthropic().read_request(json.dumps(body).encode())


@pytest.mark.parametrize("bytes_only", [True, False])
async def test_the_next_request_goes_while_the_first_streams(make_spine: MakeSpine, bytes_only: bool) -> None:
    """Both are under a budget that has no room for two bounds; neither is refused, and nobody waits for an end."""
    open_streams: list[Seen] = []

    async def behave(seen: Seen) -> None:
        open_streams.append(seen)
        await seen.begin()
        await seen.chunk(START + TEXT)
        await seen.gone()

    async with host(behave) as up:
        spine = make_spine(TOML.format(url=up.url))

        def begun() -> AsyncIterator[Event]:
            ask = poured(spine) if bytes_only else spine.generate
            return ask(asked(), "up", None, Options(bytes_only=bytes_only))

        async with asyncio.timeout(5.0), aclosing(begun()) as first, aclosing(begun()) as second:  # type: ignore[type-var]
            await anext(first)
            if not bytes_only:
                await anext(first)
            await anext(second)
            assert len(open_streams) == 2
            spent = await spine.ledger.spent()
            assert 0 < spent.held_usd <= 0.0033
