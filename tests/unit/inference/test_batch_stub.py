"""The stubs say what the real hosts say: the makers' own libraries, strict about types, work with them."""

from __future__ import annotations

import json
from typing import Any

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from batch_stub import stub

FATES = {"one": "ok", "two": "bad", "three": "expired"}


async def test_openais_library_works_with_the_stub() -> None:
    """File, job, state, results and list, as its types have them."""
    bodies = {text: {"model": "x", "messages": [{"role": "user", "content": text}]} for text in FATES}
    lines = [
        json.dumps({"custom_id": text, "method": "POST", "url": "/v1/chat/completions", "body": body})
        for text, body in bodies.items()
    ]
    async with (
        stub("openai", polls=0, fate=FATES.__getitem__) as up,
        AsyncOpenAI(base_url=up.url, api_key="k", max_retries=0, _strict_response_validation=True) as client,
    ):
        file = await client.files.create(file=("x.jsonl", "\n".join(lines).encode()), purpose="batch")
        made = await client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h",
            metadata={"assay_batch": "ours"},
        )  # fmt: skip
        ended = await client.batches.retrieve(made.id)
        assert (made.status, ended.status, ended.metadata) == ("in_progress", "completed", {"assay_batch": "ours"})
        found: dict[str, Any] = {}
        for name in (ended.output_file_id, ended.error_file_id):
            assert name is not None
            content = await client.files.content(name)
            found |= {line["custom_id"]: line for line in map(json.loads, content.text.splitlines())}
        assert found["one"]["response"]["body"]["choices"][0]["message"]["content"] == "ONE"
        assert found["two"]["response"]["status_code"] == 400
        assert found["three"]["error"]["code"] == "batch_expired"
        assert [one.id async for one in client.batches.list()] == [made.id]
        assert (await client.batches.cancel(made.id)).id == made.id


async def test_anthropics_library_works_with_the_stub() -> None:
    """Job, state, results and list, as its types have them."""
    requests: list[Any] = [
        {"custom_id": text, "params": {"model": "x", "max_tokens": 5, "messages": [{"role": "user", "content": text}]}}
        for text in FATES
    ]
    async with stub("anthropic", polls=0, fate=FATES.__getitem__) as up:
        up.results_url = "http://127.0.0.1:{port}/v1/messages/batches/{job}/results"
        root = up.url.removesuffix("/v1")
        async with AsyncAnthropic(
            base_url=root, api_key="k", max_retries=0, _strict_response_validation=True
        ) as client:
            batches = client.messages.batches
            made = await batches.create(requests=requests)
            ended = await batches.retrieve(made.id)
            assert (made.processing_status, ended.processing_status) == ("in_progress", "ended")
            results = {one.custom_id: one.result async for one in await batches.results(made.id)}
            assert {name: result.type for name, result in results.items()} == {
                "one": "succeeded", "two": "errored", "three": "expired",
            }  # fmt: skip
            assert results["one"].message.content[0].text == "ONE"  # type: ignore[union-attr]
            assert [one.id async for one in batches.list()] == [made.id]
            assert (await batches.cancel(made.id)).id == made.id
